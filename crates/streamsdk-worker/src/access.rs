//! Who may open sessions.

use std::sync::Arc;

use axum::extract::{Request, State};
use axum::http::{HeaderValue, header};
use axum::middleware::Next;
use axum::response::{IntoResponse, Response};
use streamsdk_http::{AllowedOrigins, shows_token};

use crate::WorkerConfig;
use crate::error_response::ErrorResponse;

/// Lets requests through that show the worker's token, before anything else of them is looked at.
pub(crate) async fn require_token(
    State(config): State<Arc<WorkerConfig>>,
    request: Request,
    next: Next,
) -> Response {
    match &config.token {
        Some(token) if !shows_token(request.headers(), token.expose()) => {
            let mut response = ErrorResponse::unauthorized().into_response();
            let scheme = HeaderValue::from_static("Bearer");
            response.headers_mut().insert(header::WWW_AUTHENTICATE, scheme);
            response
        }
        _ => next.run(request).await,
    }
}

/// Refuses what pages ask that may not use the worker: a browser sends many requests without asking first.
pub(crate) async fn refuse_strangers(
    State(allowed): State<Arc<AllowedOrigins>>,
    request: Request,
    next: Next,
) -> Response {
    match allowed.allow(request.headers()) {
        true => next.run(request).await,
        false => ErrorResponse::foreign_page().into_response(),
    }
}
