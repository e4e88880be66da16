//! A server that takes one request at a time, keeps it, and answers with given bytes.

use std::net::SocketAddr;
use std::time::Duration;

use serde_json::Value;
use tokio::io::{AsyncRead, AsyncReadExt, AsyncWrite, AsyncWriteExt};
use tokio::net::TcpListener;
use tokio::sync::mpsc;
use tokio::time::timeout;

/// No test should ever wait this long.
const MAX_WAIT: Duration = Duration::from_secs(20);

/// What the server does once it has the whole request.
#[derive(Clone)]
pub(crate) enum Reply {
    /// Sends these bytes and closes.
    Bytes(Vec<u8>),
    /// Sends these bytes and waits for the client to close.
    Hold(Vec<u8>),
}

pub(crate) struct Server {
    address: SocketAddr,
    events: mpsc::UnboundedReceiver<Event>,
}

pub(crate) enum Event {
    Request(Request),
    Closed,
}

pub(crate) struct Request {
    head: String,
    body: Vec<u8>,
}

/// A complete response with a JSON body; the connection is left to the client.
pub(crate) fn json(status: u16, body: &str) -> Reply {
    response(status, "application/json", body)
}

pub(crate) fn response(status: u16, content_type: &str, body: &str) -> Reply {
    let head = format!(
        "HTTP/1.1 {status} Words\r\ncontent-type: {content_type}\r\ncontent-length: {}\r\n\r\n",
        body.len()
    );
    Reply::Hold((head + body).into_bytes())
}

pub(crate) async fn start(reply: Reply) -> Server {
    let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
    let address = listener.local_addr().unwrap();
    let (sender, events) = mpsc::unbounded_channel();
    tokio::spawn(async move {
        while let Ok((stream, _)) = listener.accept().await {
            serve(stream, &reply, &sender).await;
        }
    });
    Server { address, events }
}

impl Server {
    pub(crate) fn url(&self) -> String {
        format!("http://{}", self.address)
    }

    pub(crate) fn port(&self) -> u16 {
        self.address.port()
    }

    /// The next request, complete.
    pub(crate) async fn request(&mut self) -> Request {
        match timeout(MAX_WAIT, self.events.recv()).await.unwrap().unwrap() {
            Event::Request(request) => request,
            Event::Closed => panic!("the client closed the connection without a request"),
        }
    }

    /// Waits until the client has closed the connection.
    pub(crate) async fn connection_closed(&mut self) {
        let event = timeout(MAX_WAIT, self.events.recv()).await.unwrap().unwrap();
        assert!(matches!(event, Event::Closed), "the client made another request");
    }

    /// Requests that came and were not looked at.
    pub(crate) fn unseen_requests(&mut self) -> usize {
        std::iter::from_fn(|| self.events.try_recv().ok())
            .filter(|event| matches!(event, Event::Request(_)))
            .count()
    }
}

pub(crate) async fn serve<S>(mut stream: S, reply: &Reply, events: &mpsc::UnboundedSender<Event>)
where
    S: AsyncRead + AsyncWrite + Unpin,
{
    let Some(request) = read_request(&mut stream).await else {
        events.send(Event::Closed).ok();
        return;
    };
    events.send(Event::Request(request)).ok();
    let (Reply::Bytes(bytes) | Reply::Hold(bytes)) = reply;
    stream.write_all(bytes).await.ok();
    stream.flush().await.ok();
    if let Reply::Hold(_) = reply {
        while stream.read(&mut [0; 64]).await.is_ok_and(|read| read > 0) {}
    }
    events.send(Event::Closed).ok();
}

async fn read_request(stream: &mut (impl AsyncRead + Unpin)) -> Option<Request> {
    let mut bytes = Vec::new();
    loop {
        if let Some(request) = Request::parse(&bytes) {
            return Some(request);
        }
        if stream.read_buf(&mut bytes).await.ok()? == 0 {
            return None;
        }
    }
}

impl Request {
    fn parse(bytes: &[u8]) -> Option<Self> {
        let end = bytes.windows(4).position(|window| window == b"\r\n\r\n")?;
        let head = String::from_utf8(bytes[..end].to_vec()).unwrap();
        let request = Self { head, body: bytes[end + 4..].to_vec() };
        let expected = request.header("content-length").map_or(0, |len| len.parse().unwrap());
        (request.body.len() >= expected).then_some(request)
    }

    pub(crate) fn line(&self) -> &str {
        self.head.lines().next().unwrap()
    }

    pub(crate) fn headers(&self, name: &str) -> Vec<&str> {
        let pairs = self.head.lines().skip(1).filter_map(|line| line.split_once(": "));
        pairs
            .filter(|(known, _)| known.eq_ignore_ascii_case(name))
            .map(|(_, value)| value)
            .collect()
    }

    pub(crate) fn header(&self, name: &str) -> Option<&str> {
        self.headers(name).first().copied()
    }

    pub(crate) fn text(&self) -> &str {
        std::str::from_utf8(&self.body).unwrap()
    }

    pub(crate) fn json(&self) -> Value {
        serde_json::from_slice(&self.body).unwrap()
    }
}
