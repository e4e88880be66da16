//! What browsers and scripts ask for.

use std::sync::Arc;

use axum::extract::{Path, Query, Request, State};
use axum::http::{HeaderMap, HeaderName, HeaderValue, StatusCode, header};
use axum::middleware::{Next, from_fn_with_state, map_response};
use axum::response::{IntoResponse, Response};
use axum::routing::{delete, get, post};
use axum::{Json, Router};
use serde::Deserialize;
use serde_json::json;
use streamsdk_http::{AllowedOrigins, Unlisted, is_token, read_body, shows_token};

use crate::assets::{self, Asset};
use crate::error_response::ErrorResponse;
use crate::images;
use crate::page::Shared;
use crate::recording;
use crate::whep;

/// Largest request that says what is wanted.
const MAX_CONTROL_BYTES: usize = 64 << 10;

/// Nothing but what this page brings with it, and nobody puts it into a frame.
const CONTENT_SECURITY_POLICY: &str = "default-src 'none'; script-src 'self'; style-src 'self'; \
    img-src 'self' blob:; media-src 'self' blob:; connect-src 'self'; base-uri 'none'; \
    form-action 'none'; frame-ancestors 'none'";

pub(crate) fn router(shared: Arc<Shared>) -> Router {
    let protected = Router::new()
        .route("/state", get(state))
        .route("/control", post(control))
        .route("/snapshot.jpg", get(images::snapshot))
        .route("/stream.mjpeg", get(images::stream))
        .route("/recording.mp4", get(recording::recording))
        .route("/whep", post(whep::offer))
        .route("/whep/{viewer}", delete(whep::close))
        .route_layer(from_fn_with_state(Arc::clone(&shared), admit));
    Router::new()
        .route("/", get(index))
        .route("/assets/{name}", get(asset))
        .merge(protected)
        .layer(map_response(with_headers))
        .with_state(shared)
}

/// The page of a worker, for the router of a server that has one: whoever opens `/` streams a camera of the browser, a file
/// or a network camera to the worker at `/initialise_webrtc_worker`, and sees what comes of it.
///
/// There is nothing secret in it, and nobody is asked for a token. The page shows the worker the one that its address has
/// (`/#token=…`).
pub fn worker_page() -> Router {
    Router::new()
        .route("/", get(worker_index))
        .route("/assets/{name}", get(asset))
        .layer(map_response(with_headers))
}

/// Which stream is meant.
#[derive(Debug, Deserialize)]
pub(crate) struct StreamQuery {
    pub(crate) stream: Option<String>,
    /// Whether pictures are to come as images, whatever they are.
    #[serde(default)]
    pub(crate) images: Option<String>,
    /// Whether what is known about a frame of a video is to come within it.
    #[serde(default)]
    pub(crate) inside: Option<String>,
}

#[derive(Deserialize)]
struct TokenQuery {
    token: Option<String>,
}

#[derive(Deserialize)]
struct ControlRequest {
    outputs: Vec<String>,
}

/// Lets requests through that show the token, in a header or, as images cannot, in the query.
async fn admit(State(shared): State<Arc<Shared>>, request: Request, next: Next) -> Response {
    let token = shared.config.token.expose();
    let query = Query::<TokenQuery>::try_from_uri(request.uri()).ok();
    let shown = query.and_then(|Query(query)| query.token);
    let is_shown =
        shows_token(request.headers(), token) || shown.is_some_and(|shown| is_token(&shown, token));
    if token.is_empty() || !is_shown {
        return ErrorResponse::Unauthorized.into_response();
    }
    if !AllowedOrigins::new(Vec::new(), Unlisted::OfSameServer).allow(request.headers()) {
        return ErrorResponse::ForeignPage.into_response();
    }
    next.run(request).await
}

async fn with_headers(mut response: Response) -> Response {
    let headers = [
        (header::CONTENT_SECURITY_POLICY, CONTENT_SECURITY_POLICY),
        (header::REFERRER_POLICY, "no-referrer"),
        (header::X_CONTENT_TYPE_OPTIONS, "nosniff"),
        (header::CACHE_CONTROL, "no-store"),
        (HeaderName::from_static("cross-origin-resource-policy"), "same-origin"),
    ];
    for (name, value) in headers {
        response.headers_mut().insert(name, HeaderValue::from_static(value));
    }
    response
}

async fn index() -> Asset {
    assets::INDEX
}

async fn worker_index() -> Asset {
    assets::WORKER
}

async fn asset(Path(name): Path<String>) -> Result<Asset, StatusCode> {
    assets::called(&name).ok_or(StatusCode::NOT_FOUND)
}

async fn state(State(shared): State<Arc<Shared>>) -> Response {
    let streams = shared.all_streams();
    let streams: Vec<_> = streams.iter().map(|stream| stream.state()).collect();
    Json(json!({ "version": env!("CARGO_PKG_VERSION"), "streams": streams })).into_response()
}

async fn control(
    State(shared): State<Arc<Shared>>,
    Query(query): Query<StreamQuery>,
    request: Request,
) -> Result<StatusCode, ErrorResponse> {
    let stream = shared.stream(query.stream.as_deref())?;
    let limit = shared.config.request_timeout;
    let body = read_body(request.into_body(), MAX_CONTROL_BYTES, limit).await?;
    let wanted: ControlRequest = serde_json::from_slice(&body)
        .map_err(|error| ErrorResponse::UnreadableRequest(error.to_string()))?;
    stream.controls().set_outputs(wanted.outputs).await?;
    Ok(StatusCode::NO_CONTENT)
}

/// Whether the body of a request is what its header must say.
pub(crate) fn is_of_type(headers: &HeaderMap, content_type: &str) -> bool {
    let given = headers.get(header::CONTENT_TYPE).and_then(|value| value.to_str().ok());
    let given = given.and_then(|given| given.split(';').next());
    given.is_some_and(|given| given.trim().eq_ignore_ascii_case(content_type))
}
