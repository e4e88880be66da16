//! A backend between devices and an inference server: it has the API key, and they have none.
//!
//! Devices ask it as the JavaScript SDK's `withProxyUrl` does, and `streamsdk::ProxySignaling`. Here belongs whatever
//! decides who may ask, and for what.

use axum::extract::State;
use axum::http::StatusCode;
use axum::routing::{get, post};
use axum::{Json, Router};
use streamsdk_protocol::init::{IceConfiguration, InitResponse};
use streamsdk_protocol::proxy::ProxyRequest;
use streamsdk_signaling::{HttpSignaling, Signaling, SignalingError};

/// The backend in front of the server that `server` knows, with its key.
pub fn router(server: HttpSignaling) -> Router {
    Router::new()
        .route("/api/init-webrtc", post(init_webrtc))
        .route("/api/turn-config", get(turn_config))
        .with_state(server)
}

async fn init_webrtc(
    State(server): State<HttpSignaling>,
    Json(request): Json<ProxyRequest>,
) -> Result<Json<InitResponse>, (StatusCode, String)> {
    server.exchange(request.into()).await.map(Json).map_err(refusal)
}

async fn turn_config(
    State(server): State<HttpSignaling>,
) -> Result<Json<IceConfiguration>, (StatusCode, String)> {
    server.ice_servers().await.map(IceConfiguration::new).map(Json).map_err(refusal)
}

/// What the server says, which has no secret in it.
fn refusal(error: SignalingError) -> (StatusCode, String) {
    let status = error.status().and_then(|status| StatusCode::from_u16(status).ok());
    (status.unwrap_or(StatusCode::BAD_GATEWAY), error.to_string())
}
