//! Who may open sessions.

use std::sync::Arc;

use axum::extract::{Request, State};
use axum::http::{HeaderMap, HeaderValue, header};
use axum::middleware::Next;
use axum::response::{IntoResponse, Response};
use streamsdk_protocol::ApiKey;
use subtle::ConstantTimeEq;

use crate::WorkerConfig;
use crate::error_response::ErrorResponse;

/// Lets requests through that show the worker's token, before anything else of them is looked at.
pub(crate) async fn require_token(
    State(config): State<Arc<WorkerConfig>>,
    request: Request,
    next: Next,
) -> Response {
    match &config.token {
        Some(token) if !shows(request.headers(), token) => {
            let mut response = ErrorResponse::unauthorized().into_response();
            let scheme = HeaderValue::from_static("Bearer");
            response.headers_mut().insert(header::WWW_AUTHENTICATE, scheme);
            response
        }
        _ => next.run(request).await,
    }
}

/// Compares in a time that does not depend on how much of it is right.
fn shows(headers: &HeaderMap, token: &ApiKey) -> bool {
    let header = headers.get(header::AUTHORIZATION).and_then(|value| value.to_str().ok());
    let shown = header.and_then(|value| value.split_once(' '));
    shown.is_some_and(|(scheme, shown)| {
        let is_right = shown.trim().as_bytes().ct_eq(token.expose().as_bytes());
        scheme.eq_ignore_ascii_case("bearer") && is_right.into()
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    fn shown(value: Option<&str>) -> bool {
        let mut headers = HeaderMap::new();
        if let Some(value) = value {
            headers.insert(header::AUTHORIZATION, HeaderValue::from_str(value).unwrap());
        }
        shows(&headers, &ApiKey::new("s3cret"))
    }

    #[test]
    fn only_the_whole_token_will_do() {
        assert!(shown(Some("Bearer s3cret")) && shown(Some("bearer  s3cret")));
        for wrong in ["Bearer s3cre", "Bearer s3crets", "Basic s3cret", "s3cret", "Bearer ", ""] {
            assert!(!shown(Some(wrong)), "{wrong}");
        }
        assert!(!shown(None));
    }
}
