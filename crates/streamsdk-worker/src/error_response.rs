use axum::Json;
use axum::http::StatusCode;
use axum::response::{IntoResponse, Response};
use serde_json::{Value, json};
use streamsdk_http::BodyError;
use streamsdk_protocol::REDACTED;

/// A request that is not granted, in the words and shapes of the real server.
#[derive(Debug, Clone, PartialEq)]
pub(crate) struct ErrorResponse {
    status: StatusCode,
    body: Value,
}

impl ErrorResponse {
    /// A stream setting that does not fit the workflow.
    pub(crate) fn configuration(message: impl Into<String>) -> Self {
        Self::typed(StatusCode::BAD_REQUEST, "WebRTCConfigurationError", message)
    }

    /// A workflow that cannot be understood. `block` is the step that is to blame, by name and type.
    pub(crate) fn workflow_syntax(cause: &str, block: Option<(&str, &str)>) -> Self {
        let blocks: Vec<Value> = block
            .into_iter()
            .map(|(id, kind)| {
                json!({ "block_id": id, "block_type": kind, "property_name": "type",
                        "property_details": cause })
            })
            .collect();
        Self {
            status: StatusCode::BAD_REQUEST,
            body: json!({
                "message": "Could not parse workflow definition. Details provided in inner error.",
                "error_type": "WorkflowSyntaxError",
                "context": "workflow_compilation | workflow_definition_parsing",
                "inner_error_type": "ValidationError",
                "inner_error_message": cause,
                "blocks_errors": blocks,
            }),
        }
    }

    /// A workflow that is understood and cannot be run.
    pub(crate) fn workflow(message: impl Into<String>) -> Self {
        Self::typed(StatusCode::INTERNAL_SERVER_ERROR, "WorkflowError", message)
    }

    /// What the real server answers with "Internal error." only; the reason is put behind it.
    pub(crate) fn internal(reason: &str) -> Self {
        Self {
            status: StatusCode::INTERNAL_SERVER_ERROR,
            body: json!({ "message": format!("Internal error. {reason}") }),
        }
    }

    /// The worker's token was not shown.
    pub(crate) fn unauthorized() -> Self {
        let message = "This worker wants its token, as \"Authorization: Bearer\".";
        Self::typed(StatusCode::UNAUTHORIZED, "RoboflowAPINotAuthorizedError", message)
    }

    /// No more sessions at the moment.
    pub(crate) fn busy(limit: usize) -> Self {
        let message = format!("All {limit} sessions of this worker are in use.");
        Self::typed(StatusCode::TOO_MANY_REQUESTS, "WorkerSessionQuotaError", message)
    }

    /// No more sessions, of whatever kind. Another worker may be asked, or the next one at this address.
    pub(crate) fn shutting_down() -> Self {
        let message = "This worker is shutting down and takes no more sessions.";
        Self::typed(StatusCode::SERVICE_UNAVAILABLE, "WorkerShutdownError", message)
    }

    /// The page that asks may not use the worker.
    pub(crate) fn foreign_page() -> Self {
        let message = "This worker is not for pages of this origin.";
        Self::typed(StatusCode::FORBIDDEN, "WorkerOriginError", message)
    }

    /// A field of the request that is missing or of the wrong type. Unlike the real server this does
    /// not echo the request: it has the API key in it.
    pub(crate) fn field(kind: &str, location: Vec<Value>, message: impl Into<String>) -> Self {
        let row =
            json!({ "type": kind, "loc": location, "msg": message.into(), "input": REDACTED });
        Self { status: StatusCode::UNPROCESSABLE_ENTITY, body: json!({ "detail": [row] }) }
    }

    /// No such endpoint.
    pub(crate) fn no_endpoint(status: StatusCode) -> Self {
        let reason = status.canonical_reason().unwrap_or("Not Found");
        Self { status, body: json!({ "detail": reason }) }
    }

    fn typed(status: StatusCode, error_type: &str, message: impl Into<String>) -> Self {
        let body = json!({ "message": message.into(), "error_type": error_type });
        Self { status, body }
    }
}

impl From<BodyError> for ErrorResponse {
    fn from(error: BodyError) -> Self {
        match error {
            BodyError::Late(limit) => {
                let message = format!("The request was not whole after {limit:?}.");
                Self::typed(StatusCode::REQUEST_TIMEOUT, "RequestTimeoutError", message)
            }
            BodyError::TooLarge(limit) => {
                let message = format!("The request is of more than {limit} bytes, or was cut off.");
                Self::typed(StatusCode::PAYLOAD_TOO_LARGE, "RequestTooLargeError", message)
            }
        }
    }
}

impl IntoResponse for ErrorResponse {
    fn into_response(self) -> Response {
        (self.status, Json(self.body)).into_response()
    }
}
