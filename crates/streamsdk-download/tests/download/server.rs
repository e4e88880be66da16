//! A server that answers each request as the test says, byte by byte.

use std::net::SocketAddr;
use std::sync::{Arc, Mutex};
use std::time::Duration;

use tokio::io::{AsyncRead, AsyncReadExt, AsyncWrite, AsyncWriteExt};
use tokio::net::TcpListener;
use tokio::sync::Barrier;

/// What an answer consists of, in order; then the connection is closed.
#[derive(Clone)]
pub(crate) enum Step {
    Send(Vec<u8>),
    /// Waits for other answers at the same place.
    Meet(Arc<Barrier>),
    /// Sends nothing more, and waits for the client to close.
    Hold,
}

pub(crate) type Answer = Vec<Step>;

pub(crate) struct Server {
    address: SocketAddr,
    requests: Arc<Mutex<Vec<Request>>>,
}

#[derive(Clone, Debug)]
pub(crate) struct Request(String);

/// Answers the requests one after the other with these; the last one answers all that follow.
pub(crate) async fn start(answers: Vec<Answer>) -> Server {
    start_with(move |_, number| answers[number.min(answers.len() - 1)].clone()).await
}

/// Asks for each request, and its number from 0 on, what the answer is.
pub(crate) async fn start_with(
    answer: impl Fn(&Request, usize) -> Answer + Send + Sync + 'static,
) -> Server {
    let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
    let address = listener.local_addr().unwrap();
    let requests = Arc::new(Mutex::new(Vec::new()));
    let (seen, answer) = (Arc::clone(&requests), Arc::new(answer));
    tokio::spawn(async move {
        while let Ok((stream, _)) = listener.accept().await {
            tokio::spawn(serve(stream, Arc::clone(&seen), Arc::clone(&answer)));
        }
    });
    Server { address, requests }
}

pub(crate) async fn serve(
    mut stream: impl AsyncRead + AsyncWrite + Unpin,
    seen: Arc<Mutex<Vec<Request>>>,
    answer: Arc<impl Fn(&Request, usize) -> Answer>,
) {
    let Some(request) = read_request(&mut stream).await else { return };
    let steps = {
        let mut seen = seen.lock().unwrap();
        seen.push(request.clone());
        answer(&request, seen.len() - 1)
    };
    for step in steps {
        match step {
            Step::Send(bytes) => {
                if stream.write_all(&bytes).await.is_err() {
                    return;
                }
            }
            Step::Meet(barrier) => {
                barrier.wait().await;
            }
            Step::Hold => while stream.read(&mut [0; 64]).await.is_ok_and(|read| read > 0) {},
        }
    }
    stream.shutdown().await.ok();
}

async fn read_request(stream: &mut (impl AsyncRead + Unpin)) -> Option<Request> {
    let mut bytes = Vec::new();
    while !bytes.ends_with(b"\r\n\r\n") {
        if stream.read_buf(&mut bytes).await.ok()? == 0 {
            return None;
        }
    }
    Some(Request(String::from_utf8(bytes).unwrap()))
}

impl Server {
    pub(crate) fn url(&self, path: &str) -> String {
        format!("http://{}/{path}", self.address)
    }

    pub(crate) fn port(&self) -> u16 {
        self.address.port()
    }

    pub(crate) fn requests(&self) -> Vec<Request> {
        self.requests.lock().unwrap().clone()
    }
}

impl Request {
    pub(crate) fn line(&self) -> &str {
        self.0.lines().next().unwrap()
    }

    pub(crate) fn path(&self) -> &str {
        self.line().split(' ').nth(1).unwrap()
    }

    pub(crate) fn header(&self, name: &str) -> Option<&str> {
        let pairs = self.0.lines().skip(1).filter_map(|line| line.split_once(": "));
        let mut values = pairs.filter(|(known, _)| known.eq_ignore_ascii_case(name));
        values.next().map(|(_, value)| value)
    }
}

/// The head of an answer, with headers as they are written.
pub(crate) fn head(status: u16, headers: &str) -> Vec<u8> {
    let lines: String = headers
        .split(", ")
        .filter(|line| !line.is_empty())
        .fold(String::new(), |lines, line| lines + line + "\r\n");
    format!("HTTP/1.1 {status} Words\r\n{lines}\r\n").into_bytes()
}

pub(crate) fn answer(status: u16, headers: &str, body: &[u8]) -> Answer {
    vec![Step::Send([head(status, headers).as_slice(), body].concat())]
}

/// The whole of a body, with its length.
pub(crate) fn whole(headers: &str, body: &[u8]) -> Answer {
    answer(200, &format!("content-length: {}, {headers}", body.len()), body)
}

/// The beginning of a body that has the given length.
pub(crate) fn cut(headers: &str, body: &[u8], at: usize) -> Answer {
    answer(200, &format!("content-length: {}, {headers}", body.len()), &body[..at])
}

/// The rest of a body.
pub(crate) fn rest(headers: &str, body: &[u8], from: usize) -> Answer {
    let range = format!("content-range: bytes {from}-{}/{}", body.len() - 1, body.len());
    let length = format!("content-length: {}", body.len() - from);
    answer(206, &format!("{range}, {length}, {headers}"), &body[from..])
}

pub(crate) fn redirect(to: &str) -> Answer {
    answer(302, &format!("location: {to}, content-length: 0"), &[])
}

/// What no test should wait for.
pub(crate) const MAX_WAIT: Duration = Duration::from_secs(20);
