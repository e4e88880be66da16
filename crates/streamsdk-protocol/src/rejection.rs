//! What a server says when it refuses an init request.

use serde::{Deserialize, Serialize};
use serde_json::Value;

use crate::{MAX_TEXT_CHARS, Redactor, text};

/// Most wrong fields or blocks that are kept.
const MAX_ROWS: usize = 20;

/// A rejection, read from an HTTP answer.
///
/// Texts are the server's own, cleaned, shortened when they are very long, and without secrets even where
/// the server echoes the request ([`Redactor::text`]).
#[derive(Debug, Clone, PartialEq, Eq)]
#[non_exhaustive]
pub struct Rejection {
    /// The HTTP status.
    pub status: u16,
    /// What kind of rejection it is.
    pub reason: RejectionReason,
    /// The server's message; empty if it sent none that can be shown.
    pub message: String,
    /// The server's name for the error (`WorkflowSyntaxError`).
    pub error_type: Option<String>,
    /// The server's message about the cause.
    pub inner_message: Option<String>,
    /// Which fields of the request were wrong.
    pub fields: Vec<FieldError>,
    /// Which blocks of the workflow were wrong.
    pub blocks: Vec<BlockError>,
}

/// The kinds of rejection.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
#[non_exhaustive]
pub enum RejectionReason {
    /// A stream or data output that the workflow does not have, or another setting of the stream.
    Configuration,
    /// The workflow cannot be parsed: unknown block, bad property.
    WorkflowSyntax,
    /// The workflow cannot be run: bad selector, duplicate step, engine version.
    Workflow,
    /// The request is malformed.
    Request,
    /// The API key is missing, wrong, or not allowed to do this.
    NotAuthorized,
    /// A quota of the workspace is used up.
    Quota,
    /// The workspace has no credits left.
    Credits,
    /// There is no such endpoint at this URL, or WebRTC is switched off.
    NoSuchEndpoint,
    /// The server is not available, or something in front of it says so.
    Unavailable,
    /// The server failed and does not say how.
    Internal,
    /// Anything else.
    Other,
}

/// One wrong field of a request.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct FieldError {
    /// Where it is, such as `body.webrtc_offer`.
    pub location: String,
    /// What is wrong with it.
    pub message: String,
}

/// One wrong block of a workflow.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct BlockError {
    /// Name of the step.
    #[serde(default)]
    pub block_id: Option<String>,
    /// Type of the block.
    #[serde(default)]
    pub block_type: Option<String>,
    /// Name of the property.
    #[serde(default)]
    pub property_name: Option<String>,
    /// What is wrong with it.
    #[serde(default)]
    pub property_details: Option<String>,
}

impl Rejection {
    /// Reads the answer to a request whose secrets `redactor` knows.
    ///
    /// Takes any body: what is not JSON of a known shape only has its status read.
    pub fn read(status: u16, body: &[u8], redactor: &Redactor) -> Self {
        let clean = |text: &str| redactor.text(text);
        let body: Value = serde_json::from_slice(body).unwrap_or_default();
        let text = |name: &str| body.get(name).and_then(Value::as_str).map(clean);
        let error_type = text("error_type");
        let fields = field_errors(&body, &clean);
        let message =
            text("message").or_else(|| text("detail")).or_else(|| text("error")).unwrap_or_else(
                || join(fields.iter().map(|f| format!("{}: {}", f.location, f.message))),
            );
        Self {
            status,
            reason: reason(status, error_type.as_deref(), &message),
            message,
            inner_message: text("inner_error_message").filter(|text| text != "None"),
            blocks: block_errors(&body, &clean),
            error_type,
            fields,
        }
    }

    /// What the caller can do about it, where the server does not say it itself. `hosted` is whether the
    /// server is one of the platform's, whose workspace, credits and logs are elsewhere than on a server of
    /// one's own.
    pub fn advice(&self, hosted: bool) -> Option<&'static str> {
        let is_of_platform = hosted || self.error_type.is_some();
        match self.reason {
            RejectionReason::NotAuthorized if is_of_platform => {
                Some("check the API key and what it may access")
            }
            RejectionReason::NotAuthorized => {
                Some("check the key or token that the server expects")
            }
            RejectionReason::Quota if is_of_platform => {
                Some("close other streams of the workspace or raise its quota")
            }
            RejectionReason::Credits if is_of_platform => Some("add credits to the workspace"),
            RejectionReason::NoSuchEndpoint if hosted => Some("check the server's URL"),
            RejectionReason::NoSuchEndpoint => {
                Some("check the server's URL, and that the server has WebRTC enabled")
            }
            RejectionReason::Quota | RejectionReason::Unavailable => Some("try again later"),
            RejectionReason::Internal if !hosted && self.names_no_cause() => {
                Some("look at the server's log")
            }
            // The server names what is wrong.
            _ => None,
        }
    }

    /// Whether the server only says that it failed.
    fn names_no_cause(&self) -> bool {
        let said = self.message.trim_end_matches('.');
        said.is_empty() || said == "Internal error"
    }

    /// Whether the same request may succeed later.
    pub fn is_transient(&self) -> bool {
        matches!(self.status, 408 | 425 | 429 | 502..=504)
    }
}

fn reason(status: u16, error_type: Option<&str>, message: &str) -> RejectionReason {
    use RejectionReason as R;
    match error_type.unwrap_or_default() {
        "WebRTCConfigurationError" => return R::Configuration,
        "WorkflowSyntaxError" => return R::WorkflowSyntax,
        "CreditsExceededError" => return R::Credits,
        "RoboflowAPINotAuthorizedError" | "RoboflowAPIForbiddenError" => return R::NotAuthorized,
        name if name.contains("QuotaError") => return R::Quota,
        name if name.starts_with("Workflow") => return R::Workflow,
        _ => {}
    }
    match status {
        401 | 403 => R::NotAuthorized,
        402 => R::Credits,
        300..=399 | 404 | 405 => R::NoSuchEndpoint,
        422 => R::Request,
        429 => R::Quota,
        502..=504 => R::Unavailable,
        500 if message.is_empty() || message.starts_with("Internal error") => R::Internal,
        500 => R::Workflow,
        _ => R::Other,
    }
}

fn field_errors(body: &Value, clean: &impl Fn(&str) -> String) -> Vec<FieldError> {
    let rows = body.get("detail").and_then(Value::as_array).map_or(&[][..], Vec::as_slice);
    let location = |row: &Value| {
        let parts = row.get("loc").and_then(Value::as_array).map_or(&[][..], Vec::as_slice);
        parts
            .iter()
            .map(|part| part.as_str().map_or_else(|| part.to_string(), str::to_owned))
            .collect::<Vec<_>>()
            .join(".")
    };
    // `input` is left out: it echoes the whole request, with the key and the workflow.
    rows.iter()
        .take(MAX_ROWS)
        .map(|row| FieldError {
            location: clean(&location(row)),
            message: clean(row.get("msg").and_then(Value::as_str).unwrap_or_default()),
        })
        .collect()
}

fn block_errors(body: &Value, clean: &impl Fn(&str) -> String) -> Vec<BlockError> {
    let rows = body.get("blocks_errors").and_then(Value::as_array).map_or(&[][..], Vec::as_slice);
    let text = |row: &Value, name| row.get(name).and_then(Value::as_str).map(clean);
    rows.iter()
        .take(MAX_ROWS)
        .map(|row| BlockError {
            block_id: text(row, "block_id"),
            block_type: text(row, "block_type"),
            property_name: text(row, "property_name"),
            property_details: text(row, "property_details"),
        })
        .collect()
}

fn join(parts: impl Iterator<Item = String>) -> String {
    text::shorten(&parts.collect::<Vec<_>>().join("; "), MAX_TEXT_CHARS)
}
