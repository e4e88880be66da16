use std::io::ErrorKind;
use std::net::SocketAddr;
use std::pin::pin;
use std::sync::Arc;
use std::time::Duration;

use axum::extract::ConnectInfo;
use axum::{Extension, Router};
use hyper::server::conn::http1;
use hyper_util::rt::{TokioIo, TokioTimer};
use hyper_util::service::TowerToHyperService;
use tokio::net::{TcpListener, TcpStream};
use tokio_util::sync::CancellationToken;
use tokio_util::task::TaskTracker;
use tower_http::normalize_path::NormalizePath;
use tracing::{debug, warn};

use crate::connections::{OpenConnection, OpenConnections};

/// How long is waited after the system has refused a connection, such as for want of descriptors.
const ACCEPT_PAUSE: Duration = Duration::from_millis(20);

/// Serves `router` on a listener of its own.
///
/// Handlers find the client's address as `ConnectInfo<SocketAddr>`, and its connection as
/// `Extension<Arc<OpenConnection>>`. A slash at the end of a path makes no difference.
#[derive(Debug)]
pub struct HttpServer {
    /// What answers.
    pub router: Router,
    /// Most connections at a time. The client that has said nothing for the longest time makes room for another.
    pub max_connections: usize,
    /// How long the header of a request may take, and the pause before it.
    pub header_timeout: Duration,
    /// Cancelled when the server is to stop. Answers that are being made are finished.
    pub stop: CancellationToken,
    /// What connections run in.
    pub tasks: TaskTracker,
}

impl HttpServer {
    /// Takes connections until it is to stop.
    pub async fn serve(self, listener: TcpListener) {
        let connections = OpenConnections::new(self.max_connections);
        loop {
            let accepted = tokio::select! {
                accepted = listener.accept() => accepted,
                () = self.stop.cancelled() => return,
            };
            match accepted {
                Ok((stream, from)) => match connections.admit() {
                    Some(connection) => self.start(stream, from, connection),
                    None => warn!(%from, "a connection was refused: all are owed an answer"),
                },
                Err(error) if is_of_one_connection(error.kind()) => {}
                Err(error) => {
                    warn!(%error, "a connection could not be taken");
                    connections.close_longest_waiting();
                    tokio::time::sleep(ACCEPT_PAUSE).await;
                }
            }
        }
    }

    fn start(&self, stream: TcpStream, from: SocketAddr, connection: Arc<OpenConnection>) {
        // Nothing is lost without it but time.
        let _ = stream.set_nodelay(true);
        let router = self.router.clone();
        let router = router.layer(Extension(ConnectInfo(from)));
        let router = router.layer(Extension(Arc::clone(&connection)));
        // Clients put a slash and the path behind their URL, which may end in a slash itself.
        let service = TowerToHyperService::new(NormalizePath::trim_trailing_slash(router));
        let serving = http1::Builder::new()
            .timer(TokioTimer::new())
            .header_read_timeout(self.header_timeout)
            .serve_connection(TokioIo::new(stream), service);
        let stop = self.stop.clone();
        self.tasks.spawn(async move {
            let mut serving = pin!(serving);
            let served = tokio::select! {
                served = serving.as_mut() => served,
                () = connection.closed() => return,
                () = stop.cancelled() => {
                    if connection.is_waiting() {
                        return;
                    }
                    serving.as_mut().graceful_shutdown();
                    serving.await
                }
            };
            if let Err(error) = served {
                debug!(%from, %error, "a connection ended");
            }
        });
    }
}

/// Whether it says nothing about the connections that come after it.
fn is_of_one_connection(kind: ErrorKind) -> bool {
    use ErrorKind::{ConnectionAborted, ConnectionRefused, ConnectionReset, Interrupted};
    matches!(kind, ConnectionAborted | ConnectionRefused | ConnectionReset | Interrupted)
}
