//! What the end-to-end tests share: clips, a worker, a client that talks to it, and a server that
//! plays whatever a test needs.

use std::path::PathBuf;

use streamsdk::{Ended, Error, Session, StreamConfig, Summary, VideoFileSource};
use streamsdk_worker::{Worker, WorkerConfig};

pub use streamsdk_testkit::{
    FakeServer, LossyServer, MAX_WAIT, Script, drain, failure, next, start_source,
};

/// A clip of the test data.
pub fn clip(name: &str) -> PathBuf {
    PathBuf::from(env!("CARGO_MANIFEST_DIR")).join("data/video").join(name)
}

/// A worker on a free port of loopback.
pub async fn worker() -> Worker {
    worker_with(WorkerConfig::default()).await
}

/// A worker with settings of the test's own.
pub async fn worker_with(config: WorkerConfig) -> Worker {
    Worker::start("127.0.0.1:0", config).await.unwrap()
}

/// A worker in a runtime of its own, which goes as a process does that is killed: without a word.
pub struct KillableWorker {
    /// Until it is killed.
    runtime: Option<tokio::runtime::Runtime>,
    url: String,
}

impl KillableWorker {
    /// Starts it at an address that is free.
    pub async fn start(address: &str) -> Self {
        let runtime = tokio::runtime::Runtime::new().unwrap();
        let address = address.to_owned();
        let starting = runtime.spawn(async move {
            let worker = Worker::start(&address, WorkerConfig::default()).await.unwrap();
            let url = worker.url();
            tokio::spawn(async move {
                let _worker = worker;
                std::future::pending::<()>().await;
            });
            url
        });
        let url = starting.await.unwrap();
        Self { runtime: Some(runtime), url }
    }

    /// Where it is.
    pub fn url(&self) -> &str {
        &self.url
    }

    /// Kills it, and starts another one at the same address.
    pub async fn kill_and_start_again(self) -> Self {
        Self::start(&self.kill().await).await
    }

    /// Kills it. Another one can be started at the address that is returned.
    pub async fn kill(self) -> String {
        let address = self.url.trim_start_matches("http://").to_owned();
        drop(self);
        while std::net::TcpListener::bind(&address).is_err() {
            tokio::task::yield_now().await;
        }
        address
    }
}

impl Drop for KillableWorker {
    fn drop(&mut self) {
        self.runtime.take().into_iter().for_each(tokio::runtime::Runtime::shutdown_background);
    }
}

/// Starts a session that streams a clip through one of the worker's processors.
pub async fn start(
    url: &str,
    clip_name: &str,
    processor: &str,
    config: StreamConfig,
) -> Result<Session, Error> {
    start_source(url, VideoFileSource::open(clip(clip_name)).unwrap(), processor, config).await
}

/// How a session ends whose frames were all promised. A live source drops some on a busy machine, and then the
/// session has to say so.
pub fn honest_end(summary: &Summary) -> Option<Ended> {
    let is_complete = summary.dropped.not_encoded + summary.dropped.not_returned == 0;
    Some(if is_complete { Ended::Complete } else { Ended::Incomplete })
}

/// An HTTP answer.
pub struct HttpResponse {
    /// The status.
    pub status: u16,
    /// Header and body as text.
    pub text: String,
}

/// Sends any bytes as a JSON request, on a connection of its own.
pub async fn http_post(url: &str, body: Vec<u8>) -> HttpResponse {
    http("POST", url, "content-type: application/json\r\n", body).await
}

/// Sends a request with header lines of the test's own; the answer's header is put before its body.
pub async fn http(method: &str, url: &str, headers: &str, body: Vec<u8>) -> HttpResponse {
    let rest = url.strip_prefix("http://").unwrap();
    let (host, path) = rest.split_at(rest.find('/').unwrap());
    let head = format!(
        "{method} {path} HTTP/1.1\r\nhost: {host}\r\n{headers}content-length: {}\r\n\
         connection: close\r\n\r\n",
        body.len()
    );
    let text = String::from_utf8(exchange(host, &[head.into_bytes(), body].concat()).await);
    let text = text.unwrap();
    let status = text.split_whitespace().nth(1).unwrap().parse().unwrap();
    HttpResponse { status, text }
}

/// Asks for what is no text; the answer's header is before its body, which comes in one piece.
pub async fn http_bytes(url: &str, headers: &str) -> Vec<u8> {
    let rest = url.strip_prefix("http://").unwrap();
    let (host, path) = rest.split_at(rest.find('/').unwrap());
    exchange(host, format!("GET {path} HTTP/1.0\r\nhost: {host}\r\n{headers}\r\n").as_bytes()).await
}

async fn exchange(host: &str, request: &[u8]) -> Vec<u8> {
    use tokio::io::{AsyncReadExt, AsyncWriteExt};

    let mut stream = tokio::net::TcpStream::connect(host).await.unwrap();
    stream.write_all(request).await.unwrap();
    let mut answer = Vec::new();
    stream.read_to_end(&mut answer).await.unwrap();
    answer
}
