use std::time::Duration;

use axum::body::{Body, Bytes, to_bytes};
use tokio::time::timeout;

use crate::error_response::ErrorResponse;

/// Largest init request: a workflow with everything in it is far smaller.
const MAX_REQUEST_BYTES: usize = 2 << 20;

/// Takes in what a client wants, as far as it is not too much and comes in time.
pub(crate) async fn read_body(body: Body, limit: Duration) -> Result<Bytes, ErrorResponse> {
    let body = timeout(limit, to_bytes(body, MAX_REQUEST_BYTES)).await;
    let body = body.map_err(|_| ErrorResponse::late(limit))?;
    body.map_err(|_| ErrorResponse::too_large(MAX_REQUEST_BYTES))
}
