use axum::Json;
use axum::http::{HeaderValue, StatusCode, header};
use axum::response::{IntoResponse, Response};
use serde_json::json;
use streamsdk_http::BodyError;
use thiserror::Error;

use crate::source::SetOutputsError;

/// What a request is not granted for, in words that the page shows.
#[derive(Debug, Error)]
pub(crate) enum ErrorResponse {
    #[error("this page wants its token: open the address that the program printed")]
    Unauthorized,
    #[error("pages of another origin may not ask")]
    ForeignPage,
    #[error("there is no stream of that name")]
    NoStream,
    #[error("there is no viewer of that name")]
    NoViewer,
    #[error("the stream has no picture yet")]
    NoPicture,
    #[error(
        "the stream has no video that could be recorded: its pictures come one by one, or there are none"
    )]
    NoVideo,
    #[error("no picture can be had now: {0}")]
    NoImage(String),
    #[error("{0} are looking already, and no more may")]
    TooManyViewers(usize),
    #[error("the offer cannot be used: {0}")]
    UnusableOffer(String),
    #[error("what is asked cannot be read: {0}")]
    UnreadableRequest(String),
    #[error(transparent)]
    Body(#[from] BodyError),
    #[error(transparent)]
    Outputs(#[from] SetOutputsError),
}

impl ErrorResponse {
    fn status(&self) -> StatusCode {
        match self {
            Self::Unauthorized => StatusCode::UNAUTHORIZED,
            Self::ForeignPage => StatusCode::FORBIDDEN,
            Self::NoStream | Self::NoViewer => StatusCode::NOT_FOUND,
            Self::NoPicture | Self::NoVideo => StatusCode::CONFLICT,
            Self::NoImage(_) | Self::TooManyViewers(_) => StatusCode::SERVICE_UNAVAILABLE,
            Self::UnusableOffer(_) | Self::UnreadableRequest(_) => StatusCode::BAD_REQUEST,
            Self::Body(BodyError::Late(_)) => StatusCode::REQUEST_TIMEOUT,
            Self::Body(BodyError::TooLarge(_)) => StatusCode::PAYLOAD_TOO_LARGE,
            Self::Outputs(SetOutputsError::NotSupported) => StatusCode::NOT_IMPLEMENTED,
            Self::Outputs(SetOutputsError::Refused(_)) => StatusCode::CONFLICT,
        }
    }
}

impl IntoResponse for ErrorResponse {
    fn into_response(self) -> Response {
        let mut response =
            (self.status(), Json(json!({ "error": self.to_string() }))).into_response();
        let more = match self {
            Self::Unauthorized => Some((header::WWW_AUTHENTICATE, "Bearer")),
            Self::NoImage(_) | Self::TooManyViewers(_) => Some((header::RETRY_AFTER, "5")),
            _ => None,
        };
        if let Some((name, value)) = more {
            response.headers_mut().insert(name, HeaderValue::from_static(value));
        }
        response
    }
}
