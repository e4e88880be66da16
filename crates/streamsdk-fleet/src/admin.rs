//! An address for whoever runs a fleet: how it is, and streams that come and go.

use std::net::SocketAddr;
use std::sync::Arc;
use std::time::Duration;

use ::metrics::with_local_recorder;
use axum::body::Body;
use axum::extract::{Path, State};
use axum::http::{HeaderMap, StatusCode, header};
use axum::middleware::{self, Next};
use axum::response::{IntoResponse, Response};
use axum::routing::{get, put};
use axum::{Json, Router};
use metrics_exporter_prometheus::PrometheusBuilder;
use serde_json::json;
use streamsdk::ApiKey;
use streamsdk_http::{AllowedOrigins, HttpServer, Unlisted, read_body, shows_token};
use streamsdk_sinks::StreamName;
use thiserror::Error;
use tokio::net::TcpListener;
use tokio::sync::Mutex;
use tokio_util::sync::CancellationToken;
use tokio_util::task::TaskTracker;

use crate::fleet::{Fleet, PutError};
use crate::observer::FleetObserver;
use crate::options::StreamOptions;

/// A stream's options in a request are small.
const MAX_BODY: usize = 64 << 10;
const BODY_LIMIT: Duration = Duration::from_secs(10);
const HEADER_LIMIT: Duration = Duration::from_secs(10);
const MAX_CONNECTIONS: usize = 64;

/// Serves `GET /state`, `/metrics`, `/healthz` and `/readyz`, and `PUT` and `DELETE /streams/NAME`. Ends when it is dropped.
#[derive(Debug)]
pub struct AdminServer {
    address: SocketAddr,
    stop: CancellationToken,
    tasks: TaskTracker,
}

/// An admin address cannot be had.
#[derive(Debug, Error)]
#[non_exhaustive]
pub enum AdminError {
    /// Others reach it, and nothing would keep them out.
    #[error(
        "{0} is not a loopback address: whoever reaches it could start streams, so it takes an admin_token"
    )]
    NeedsToken(SocketAddr),
    /// It cannot be listened on.
    #[error("cannot listen on {address}")]
    Listen {
        /// The address.
        address: SocketAddr,
        /// Why not.
        source: std::io::Error,
    },
}

struct Admin {
    fleet: Arc<Mutex<Fleet>>,
    observer: FleetObserver,
    token: Option<ApiKey>,
    origins: AllowedOrigins,
}

impl AdminServer {
    /// Listens on `address`; port 0 takes a free one. With a token, everything but `/metrics`, `/healthz` and `/readyz` has to
    /// show it (`Authorization: Bearer`). No page of a browser is answered.
    ///
    /// # Errors
    ///
    /// [`AdminError`] if it cannot be listened on, or others reach it and there is no token.
    pub async fn start(
        address: SocketAddr,
        token: Option<ApiKey>,
        fleet: Arc<Mutex<Fleet>>,
    ) -> Result<Self, AdminError> {
        if !address.ip().is_loopback() && token.is_none() {
            return Err(AdminError::NeedsToken(address));
        }
        let failed = |source| AdminError::Listen { address, source };
        let listener = TcpListener::bind(address).await.map_err(failed)?;
        let listens_on = listener.local_addr().map_err(failed)?;
        let observer = fleet.lock().await.observer();
        let origins = AllowedOrigins::new(Vec::new(), Unlisted::None);
        let admin = Arc::new(Admin { fleet, observer, token, origins });
        let (stop, tasks) = (CancellationToken::new(), TaskTracker::new());
        let server = HttpServer {
            router: router(admin),
            max_connections: MAX_CONNECTIONS,
            header_timeout: HEADER_LIMIT,
            stop: stop.clone(),
            tasks: tasks.clone(),
        };
        tasks.spawn(server.serve(listener));
        Ok(Self { address: listens_on, stop, tasks })
    }

    /// The address that it listens on.
    pub fn address(&self) -> SocketAddr {
        self.address
    }

    /// Stops listening. Answers that are being made are finished.
    pub async fn shutdown(self) {
        self.stop.cancel();
        self.tasks.close();
        self.tasks.wait().await;
    }
}

impl Drop for AdminServer {
    fn drop(&mut self) {
        self.stop.cancel();
    }
}

fn router(admin: Arc<Admin>) -> Router {
    let guarded = Router::new()
        .route("/state", get(state))
        .route("/streams/{name}", put(put_stream).delete(delete_stream))
        .layer(middleware::from_fn_with_state(Arc::clone(&admin), only_with_token));
    let open = Router::new()
        .route("/metrics", get(metrics))
        .route("/healthz", get(|| async { "ok\n" }))
        .route("/readyz", get(ready));
    guarded
        .merge(open)
        .layer(middleware::from_fn_with_state(Arc::clone(&admin), no_pages))
        .with_state(admin)
}

/// A page that somebody opens on this machine could ask otherwise.
async fn no_pages(
    State(admin): State<Arc<Admin>>,
    request: axum::extract::Request,
    next: Next,
) -> Response {
    match admin.origins.allow(request.headers()) {
        true => next.run(request).await,
        false => (StatusCode::FORBIDDEN, "not for web pages\n").into_response(),
    }
}

async fn only_with_token(
    State(admin): State<Arc<Admin>>,
    request: axum::extract::Request,
    next: Next,
) -> Response {
    let is_shown = |token: &ApiKey| shows_token(request.headers(), token.expose());
    match admin.token.as_ref().is_none_or(is_shown) {
        true => next.run(request).await,
        false => {
            (StatusCode::UNAUTHORIZED, "show the token: Authorization: Bearer …\n").into_response()
        }
    }
}

async fn state(State(admin): State<Arc<Admin>>) -> Response {
    Json(json!({
        "ready": admin.observer.is_ready(),
        "streams": admin.observer.streams(),
        "sinks": admin.observer.sinks(),
    }))
    .into_response()
}

async fn metrics(State(admin): State<Arc<Admin>>) -> Response {
    // A new one knows nothing of streams that are gone.
    let recorder = PrometheusBuilder::new().build_recorder();
    with_local_recorder(&recorder, || admin.observer.record_metrics());
    let kind = "text/plain; version=0.0.4; charset=utf-8";
    ([(header::CONTENT_TYPE, kind)], recorder.handle().render()).into_response()
}

async fn ready(State(admin): State<Arc<Admin>>) -> Response {
    match admin.observer.is_ready() {
        true => "ready\n".into_response(),
        false => (StatusCode::SERVICE_UNAVAILABLE, "not ready\n").into_response(),
    }
}

async fn put_stream(
    State(admin): State<Arc<Admin>>,
    Path(name): Path<String>,
    headers: HeaderMap,
    body: Body,
) -> Response {
    let name: StreamName = match name.parse() {
        Ok(name) => name,
        Err(error) => return refused(StatusCode::BAD_REQUEST, &error),
    };
    let body = match read_body(body, MAX_BODY, BODY_LIMIT).await {
        Ok(body) => body,
        Err(error) => return refused(StatusCode::BAD_REQUEST, &error),
    };
    let options = match options(&headers, &body) {
        Ok(options) => options,
        Err(what) => return refused(StatusCode::BAD_REQUEST, &what),
    };
    let fleet = Arc::clone(&admin.fleet);
    finished(async move { fleet.lock().await.put(name, options).await }).await
}

async fn delete_stream(State(admin): State<Arc<Admin>>, Path(name): Path<String>) -> Response {
    let Ok(name) = name.parse::<StreamName>() else {
        return refused(StatusCode::NOT_FOUND, &"there is no such stream");
    };
    let fleet = Arc::clone(&admin.fleet);
    finished(async move { fleet.lock().await.take(&name).await }).await
}

/// The answer to a change, which is made to its end though whoever asked goes away: streams that are being ended deliver.
async fn finished(change: impl Future<Output = Result<(), PutError>> + Send + 'static) -> Response {
    match tokio::spawn(change).await {
        Ok(Ok(())) => StatusCode::NO_CONTENT.into_response(),
        Ok(Err(error)) => put_refused(&error),
        // It has panicked, or the program ends.
        Err(error) => refused(StatusCode::INTERNAL_SERVER_ERROR, &error),
    }
}

/// TOML as in a file of streams, or JSON with the same names.
fn options(headers: &HeaderMap, body: &[u8]) -> Result<StreamOptions, String> {
    let kind = headers.get(header::CONTENT_TYPE).and_then(|kind| kind.to_str().ok());
    if kind.is_some_and(|kind| kind.starts_with("application/json")) {
        return serde_json::from_slice(body).map_err(|error| error.to_string());
    }
    let text = std::str::from_utf8(body).map_err(|error| error.to_string())?;
    toml::from_str(text).map_err(|error| error.message().to_owned())
}

fn put_refused(error: &PutError) -> Response {
    let status = match error {
        PutError::Option(_) | PutError::NoSuchSink(_) => StatusCode::BAD_REQUEST,
        PutError::OfFile(_) => StatusCode::CONFLICT,
        PutError::NoSuchStream(_) => StatusCode::NOT_FOUND,
    };
    refused(status, error)
}

fn refused(status: StatusCode, what: &dyn std::fmt::Display) -> Response {
    (status, format!("{what}\n")).into_response()
}
