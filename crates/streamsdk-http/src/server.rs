use std::io::ErrorKind;
use std::net::SocketAddr;
use std::pin::pin;
use std::sync::Arc;
use std::time::Duration;

use axum::extract::ConnectInfo;
use axum::middleware::from_fn_with_state;
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
use crate::owing::note_request;

/// How long is waited after the system has refused a connection, such as for want of descriptors.
const ACCEPT_PAUSE: Duration = Duration::from_millis(20);

/// Serves `router` on a listener of its own.
///
/// Handlers find the client's address as `ConnectInfo<SocketAddr>`. A slash at the end of a path makes no difference.
#[derive(Debug)]
pub struct HttpServer {
    /// What answers.
    pub router: Router,
    /// Most connections at a time. The client that has said nothing for the longest time makes room for another: one that
    /// has never asked for anything, where these are more than half. Nobody does while an answer is owed.
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
        let router = router.layer(from_fn_with_state(Arc::clone(&connection), note_request));
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

#[cfg(test)]
mod tests {
    use std::sync::Arc;

    use axum::body::Bytes;
    use axum::routing::{get, post};
    use tokio::io::{AsyncReadExt, AsyncWriteExt};
    use tokio::sync::Notify;

    use super::*;

    const MAX_CONNECTIONS: usize = 4;
    const HALF_A_REQUEST: &str = "POST /slow HTTP/1.1\r\nhost: a\r\n";

    /// A server that answers at once, or when it is told to.
    struct Bed {
        address: SocketAddr,
        /// Somebody is owed an answer, and gets it.
        is_asked: Arc<Notify>,
        is_to_answer: Arc<Notify>,
        stop: CancellationToken,
    }

    impl Bed {
        async fn start() -> Self {
            let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
            let address = listener.local_addr().unwrap();
            let [is_asked, is_to_answer] = [(); 2].map(|()| Arc::<Notify>::default());
            let slow = {
                let (is_asked, is_to_answer) = (Arc::clone(&is_asked), Arc::clone(&is_to_answer));
                async move |_: Bytes| {
                    is_asked.notify_one();
                    is_to_answer.notified().await;
                    "at last"
                }
            };
            let stop = CancellationToken::new();
            let server = HttpServer {
                router: Router::new().route("/", get(async || "hello")).route("/slow", post(slow)),
                max_connections: MAX_CONNECTIONS,
                header_timeout: Duration::from_secs(60),
                stop: stop.clone(),
                tasks: TaskTracker::new(),
            };
            tokio::spawn(server.serve(listener));
            Self { address, is_asked, is_to_answer, stop }
        }

        async fn client(&self, says: &str) -> TcpStream {
            let mut stream = TcpStream::connect(self.address).await.unwrap();
            stream.write_all(says.as_bytes()).await.unwrap();
            stream
        }

        /// Several times as many as there is room for, of which the last has been taken when this returns.
        async fn crowd(&self, says: &str) -> Vec<TcpStream> {
            let mut crowd = Vec::new();
            for _ in 0..4 * MAX_CONNECTIONS {
                crowd.push(self.client(says).await);
            }
            let mut last = self.client("GET / HTTP/1.1\r\nhost: a\r\n\r\n").await;
            assert!(answer(&mut last).await.ends_with("hello"));
            crowd
        }
    }

    impl Drop for Bed {
        fn drop(&mut self) {
            self.stop.cancel();
        }
    }

    /// What a client is answered; nothing if its connection was closed.
    async fn answer(stream: &mut TcpStream) -> String {
        let mut buf = [0; 1000];
        let length = stream.read(&mut buf).await.unwrap_or_default();
        String::from_utf8_lossy(&buf[..length]).into_owned()
    }

    #[tokio::test]
    async fn a_crowd_that_asks_for_nothing_does_not_take_the_place_of_who_has_asked() {
        let bed = Bed::start().await;
        let get = "GET / HTTP/1.1\r\nhost: a\r\n\r\n";
        let mut asking = bed.client(get).await;
        assert!(answer(&mut asking).await.ends_with("hello"));
        let _crowd = bed.crowd(HALF_A_REQUEST).await;
        asking.write_all(get.as_bytes()).await.unwrap();
        assert!(answer(&mut asking).await.ends_with("hello"));
    }

    #[tokio::test]
    async fn who_has_sent_a_whole_request_keeps_the_place_until_it_is_answered() {
        let bed = Bed::start().await;
        let body = format!("{HALF_A_REQUEST}content-length: 2\r\n\r\nhi");
        let mut asking = bed.client(&body).await;
        bed.is_asked.notified().await;
        let _crowd = bed.crowd(HALF_A_REQUEST).await;
        bed.is_to_answer.notify_one();
        assert!(answer(&mut asking).await.ends_with("at last"));
    }

    #[tokio::test]
    async fn who_has_sent_half_a_body_is_owed_nothing() {
        let bed = Bed::start().await;
        let half = format!("{HALF_A_REQUEST}content-length: 2\r\n\r\nh");
        let mut asking = bed.client(&half).await;
        let _crowd = bed.crowd(&half).await;
        assert_eq!(answer(&mut asking).await, "");
    }
}
