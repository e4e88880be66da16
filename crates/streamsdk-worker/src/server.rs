use std::net::SocketAddr;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::time::Duration;

use axum::extract::{ConnectInfo, Request, State};
use axum::http::{Method, StatusCode, header};
use axum::middleware::from_fn_with_state;
use axum::response::{IntoResponse, Response};
use axum::routing::{get, post};
use axum::{Extension, Json, Router};
use serde_json::json;
use streamsdk_capture::{NetworkStream, StopHandle};
use streamsdk_http::{AllowedOrigins, HttpServer, Unlisted, read_body};
use streamsdk_protocol::INIT_PATH;
use streamsdk_protocol::init::InitResponse;
use streamsdk_transport::{Answer, AnswerError, Closed, IncomingChannels, Interfaces, Peer};
use thiserror::Error;
use tokio::net::TcpListener;
use tokio::time::timeout;
use tokio_util::sync::CancellationToken;
use tokio_util::task::TaskTracker;
use tracing::info;

use crate::WorkerConfig;
use crate::access;
use crate::config::codecs;
use crate::error_response::ErrorResponse;
use crate::init::SessionPlan;
use crate::places::Places;
use crate::private_sources;
use crate::session::{self, ActiveProcessor, SessionMeans, StopOnDrop, UploadDisk, WorkerSession};
use crate::source_plan::SourcePlan;
use crate::workflow::StreamOutput;

/// Largest init request: a workflow with everything in it is far smaller.
const MAX_REQUEST_BYTES: usize = 2 << 20;
/// Decoded frames of a camera that a lossless session keeps before it loses some: a second of 1080p.
const MAX_KEPT_BYTES: usize = 96 << 20;

/// A worker that listens. Stops when it is dropped; [`Worker::shutdown`] also waits.
#[derive(Debug)]
pub struct Worker {
    address: SocketAddr,
    embedded: EmbeddedWorker,
}

/// A worker that could not be started.
#[derive(Debug, Error)]
#[error("could not listen on {address}: {error}")]
pub struct StartError {
    address: String,
    error: std::io::Error,
}

impl Worker {
    /// Listens on `address`, such as `127.0.0.1:9001`; port 0 takes a free one.
    ///
    /// # Errors
    ///
    /// If the address cannot be listened on.
    pub async fn start(address: &str, config: WorkerConfig) -> Result<Self, StartError> {
        let failed = |error| StartError { address: address.to_owned(), error };
        let listener = TcpListener::bind(address).await.map_err(failed)?;
        Self::start_on(listener, config)
    }

    /// Takes a listener that there is already, such as one that a supervisor of services has opened.
    ///
    /// # Errors
    ///
    /// If the listener does not know its address.
    pub fn start_on(listener: TcpListener, mut config: WorkerConfig) -> Result<Self, StartError> {
        let failed = |error| StartError { address: "the given listener".to_owned(), error };
        let address = listener.local_addr().map_err(failed)?;
        let is_loopback = address.ip().is_loopback();
        config.interfaces.get_or_insert(match is_loopback {
            true => Interfaces::ThisMachine,
            false => Interfaces::All,
        });
        config.allow_private_sources.get_or_insert(is_loopback);
        config.unlisted_origins = match is_loopback {
            true => Unlisted::OfThisMachine,
            // A page that knows the token was given it.
            false if config.token.is_some() => Unlisted::OfSameServer,
            false => Unlisted::None,
        };
        let embedded = EmbeddedWorker::new(config);
        let WorkerEndpoint { config, stop, tasks, .. } = &*embedded.endpoint;
        let server = HttpServer {
            router: embedded.router(),
            max_connections: config.max_connections,
            header_timeout: config.request_timeout,
            stop: stop.clone(),
            tasks: tasks.clone(),
        };
        tasks.spawn(server.serve(listener));
        info!(%address, "worker is listening");
        Ok(Self { address, embedded })
    }

    /// The address that it listens on.
    pub fn address(&self) -> SocketAddr {
        self.address
    }

    /// The URL that clients use.
    pub fn url(&self) -> String {
        format!("http://{}", self.address)
    }

    /// Takes no more sessions, lets those that there are go on to their end for so long, and then does what
    /// [`Worker::shutdown`] does. Meanwhile it answers requests for sessions, and for `/info`, with status 503.
    pub async fn drain(self, limit: Duration) {
        self.embedded.drain(limit).await;
    }

    /// Tells all clients that the worker is shutting down, ends their sessions and stops listening. Returns
    /// when nothing is left.
    pub async fn shutdown(self) {
        self.embedded.shutdown().await;
    }
}

/// A worker without a server of its own, for a web application that has one. Ends its sessions when it is dropped;
/// [`EmbeddedWorker::shutdown`] also waits.
///
/// What a client does before its request has come to the router is a matter of the application's server: a limit on
/// connections and on the time that the header of a request takes, which [`Worker`] has and `axum::serve` has not, and
/// TLS. The router limits how large a request may be and how long its body may take.
///
/// Serve it with axum's `into_make_service_with_connect_info::<SocketAddr>()`, as here, or the worker does not know where
/// its clients are: then none of them is followed to a loopback or link-local address.
///
/// ```no_run
/// use std::net::SocketAddr;
///
/// use axum::Router;
/// use axum::routing::get;
/// use streamsdk_worker::{EmbeddedWorker, WorkerConfig};
///
/// # async fn example() -> Result<(), Box<dyn std::error::Error>> {
/// let worker = EmbeddedWorker::new(WorkerConfig::default());
/// let application = Router::new()
///     .route("/", get(|| async { "an application" }))
///     .nest("/inference", worker.router()); // clients take the URL http://…/inference
/// let listener = tokio::net::TcpListener::bind("127.0.0.1:8080").await?;
/// let service = application.into_make_service_with_connect_info::<SocketAddr>();
/// axum::serve(listener, service).await?;
/// worker.shutdown().await;
/// # Ok(())
/// # }
/// ```
pub struct EmbeddedWorker {
    endpoint: Arc<WorkerEndpoint>,
}

impl EmbeddedWorker {
    /// Prepares to take sessions. Default of [`WorkerConfig::interfaces`] is all: an application may be reached from
    /// anywhere.
    pub fn new(config: WorkerConfig) -> Self {
        session::remove_orphans();
        let endpoint = WorkerEndpoint {
            places: Places::new(config.max_sessions),
            disk: Arc::new(UploadDisk::new(config.upload_disk)),
            config: Arc::new(config),
            is_draining: AtomicBool::new(false),
            stop: CancellationToken::new(),
            tasks: TaskTracker::new(),
        };
        Self { endpoint: Arc::new(endpoint) }
    }

    /// What answers clients: `POST` to the path of the real server, and `/info`. It sets limits and headers of its own,
    /// for its paths alone, and answers what it does not know as the real server does.
    pub fn router(&self) -> Router {
        router(Arc::clone(&self.endpoint))
    }

    /// Takes no more sessions, lets those that there are go on to their end for so long, and then does what
    /// [`EmbeddedWorker::shutdown`] does. Meanwhile it answers requests for sessions, and for `/info`, with status 503.
    pub async fn drain(self, limit: Duration) {
        self.endpoint.is_draining.store(true, Ordering::Relaxed);
        let _ = timeout(limit, self.endpoint.places.all_free()).await;
        self.shutdown().await;
    }

    /// Tells all clients that the worker is shutting down, and ends their sessions; new ones are refused. Returns
    /// when nothing is left.
    pub async fn shutdown(self) {
        self.endpoint.stop.cancel();
        self.endpoint.tasks.close();
        self.endpoint.tasks.wait().await;
    }
}

impl Drop for EmbeddedWorker {
    fn drop(&mut self) {
        self.endpoint.stop.cancel();
    }
}

impl std::fmt::Debug for EmbeddedWorker {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str("EmbeddedWorker")
    }
}

struct WorkerEndpoint {
    config: Arc<WorkerConfig>,
    places: Places,
    disk: Arc<UploadDisk>,
    is_draining: AtomicBool,
    stop: CancellationToken,
    tasks: TaskTracker,
}

fn router(endpoint: Arc<WorkerEndpoint>) -> Router {
    let WorkerConfig { allowed_origins, unlisted_origins, .. } = &*endpoint.config;
    let origins = Arc::new(AllowedOrigins::new(allowed_origins.clone(), *unlisted_origins));
    let cors = origins.cors();
    let token = from_fn_with_state(Arc::clone(&endpoint.config), access::require_token);
    let origin = from_fn_with_state(origins, access::refuse_strangers);
    Router::new()
        .route(&format!("/{INIT_PATH}"), post(initialise).route_layer(token).route_layer(origin))
        .route("/info", get(about))
        .fallback(elsewhere)
        .method_not_allowed_fallback(elsewhere)
        .layer(cors)
        .with_state(Arc::clone(&endpoint))
        .merge(endpoint.config.routes.clone())
}

/// Whoever sends clients to workers asks for this, and leaves out those that fail.
async fn about(State(endpoint): State<Arc<WorkerEndpoint>>) -> Response {
    if !endpoint.takes_sessions() {
        return ErrorResponse::shutting_down().into_response();
    }
    Json(json!({ "name": env!("CARGO_PKG_NAME"), "version": env!("CARGO_PKG_VERSION") }))
        .into_response()
}

/// The real server answers 404 to a GET and 405 to everything else, whatever the path.
async fn elsewhere(method: Method) -> ErrorResponse {
    ErrorResponse::no_endpoint(match method {
        Method::GET | Method::HEAD => StatusCode::NOT_FOUND,
        _ => StatusCode::METHOD_NOT_ALLOWED,
    })
}

async fn initialise(
    State(endpoint): State<Arc<WorkerEndpoint>>,
    from: Option<Extension<ConnectInfo<SocketAddr>>>,
    request: Request,
) -> Response {
    let answered = async {
        let limit = endpoint.config.request_timeout;
        let body = read_body(request.into_body(), MAX_REQUEST_BYTES, limit).await?;
        let client = from.map(|Extension(ConnectInfo(address))| address);
        endpoint.open_session(&body, client).await
    };
    match answered.await {
        Ok(answer) => ([(header::CACHE_CONTROL, "no-store")], Json(answer)).into_response(),
        Err(error_response) => error_response.into_response(),
    }
}

impl WorkerEndpoint {
    fn takes_sessions(&self) -> bool {
        !self.is_draining.load(Ordering::Relaxed) && !self.stop.is_cancelled()
    }

    /// `client` is where the request has come from, if that is known.
    async fn open_session(
        &self,
        body: &[u8],
        client: Option<SocketAddr>,
    ) -> Result<InitResponse, ErrorResponse> {
        if !self.takes_sessions() {
            return Err(ErrorResponse::shutting_down());
        }
        let mut plan = SessionPlan::read(body, &self.config)?;
        let taken = self.places.take(client.map(|client| client.ip())).await;
        let (place, connecting) =
            taken.ok_or_else(|| ErrorResponse::busy(self.config.max_sessions))?;
        let entry = plan.workflow.processor.clone();
        let processor = ActiveProcessor::create(entry, plan.request(), place, &self.tasks).await?;
        let camera = self.open_camera(&plan).await?;
        let offer = std::mem::take(&mut plan.offer);
        let returns_video = plan.stream != StreamOutput::None && !codecs().is_empty();
        let answer = Answer::create(self.config.peer(client), &offer, returns_video).await;
        let answer = answer.map_err(|error| match error {
            AnswerError::UnusableOffer(_) => {
                ErrorResponse::configuration(format!("The offer cannot be used: {error}."))
            }
            error => ErrorResponse::internal(&error.to_string()),
        })?;
        let response = InitResponse::answer(answer.sdp());
        let (peer, channels, video) = answer.into_parts();
        let config = Arc::clone(&self.config);
        let (disk, stop) = (Arc::clone(&self.disk), self.stop.child_token());
        let means = SessionMeans { connecting, disk, stop };
        match WorkerSession::new(plan, processor, config, peer.clone(), video, camera, means) {
            Ok(session) => {
                session.answered();
                self.run(session, channels, peer);
                Ok(response)
            }
            Err(error_response) => {
                peer.abort().await;
                Err(error_response)
            }
        }
    }

    /// Connects to the camera, if the plan names one. Whoever stops waiting stops that, too.
    async fn open_camera(
        &self,
        plan: &SessionPlan,
    ) -> Result<Option<NetworkStream>, ErrorResponse> {
        let SourcePlan::Network { url, options } = &plan.source else { return Ok(None) };
        private_sources::check(url, self.config.reach()).await?;
        let (limit, stop_handle) = (self.config.source_timeout, StopHandle::default());
        let options = options.clone().stop_handle(stop_handle.clone());
        let options = options.connect_timeout(limit).read_timeout(limit);
        let options = private_sources::limited(options, self.config.reach());
        let options = if plan.realtime { options } else { options.every_frame(MAX_KEPT_BYTES) };
        let opening = tokio::task::spawn_blocking(move || options.open());
        let stop = StopOnDrop::new(stop_handle);
        let opened = tokio::select! {
            opened = opening => opened.map_err(|error| ErrorResponse::internal(&error.to_string()))?,
            () = self.stop.cancelled() => return Err(ErrorResponse::shutting_down()),
        };
        let camera = opened.map_err(|error| private_sources::told(&error))?;
        stop.disarm();
        Ok(Some(camera))
    }

    fn run(&self, session: WorkerSession, channels: IncomingChannels, peer: Peer) {
        self.tasks.spawn(async move {
            match session::run(session, channels).await {
                Ok(frames) => info!(frames, "session complete"),
                Err(error) => info!(%error, "session ended"),
            }
            let Closed { unacknowledged, .. } = peer.close().await;
            if unacknowledged > 0 {
                info!(unacknowledged, "not all bytes of the results were acknowledged");
            }
        });
    }
}
