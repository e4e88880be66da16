use std::future::Future;
use std::net::SocketAddr;

use bytes::Bytes;
use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::net::TcpStream;
use tokio::time::timeout;

use super::{LIMIT, Page};

/// What the page answered.
#[derive(Debug)]
pub(crate) struct Response {
    pub(crate) status: u16,
    headers: Vec<(String, String)>,
    pub(crate) body: Bytes,
}

impl Response {
    pub(crate) fn header(&self, name: &str) -> Option<&str> {
        let mut headers = self.headers.iter();
        headers.find(|(given, _)| given == name).map(|(_, value)| &**value)
    }

    pub(crate) fn json(&self) -> serde_json::Value {
        serde_json::from_slice(&self.body).unwrap()
    }
}

/// Asks with the token.
pub(crate) fn get(page: &Page, path: &str) -> impl Future<Output = Response> + use<> {
    let (address, path) = (page.address(), path.to_owned());
    async move { exchange(address, "GET", &path, &[bearer().as_header()], b"").await }
}

/// Asks with the token.
pub(crate) async fn request(
    page: &Page,
    method: &str,
    path: &str,
    headers: &[(&str, &str)],
    body: &[u8],
) -> Response {
    let bearer = bearer();
    let headers: Vec<_> = headers.iter().copied().chain([bearer.as_header()]).collect();
    exchange(page.address(), method, path, &headers, body).await
}

struct Bearer(String);

fn bearer() -> Bearer {
    Bearer(format!("Bearer {}", Page::TOKEN))
}

impl Bearer {
    fn as_header(&self) -> (&str, &str) {
        ("Authorization", &self.0)
    }
}

/// One request on a connection of its own, to its end.
pub(crate) async fn exchange(
    address: SocketAddr,
    method: &str,
    path: &str,
    headers: &[(&str, &str)],
    body: &[u8],
) -> Response {
    let mut request = format!(
        "{method} {path} HTTP/1.0\r\nHost: {address}\r\nContent-Length: {}\r\n",
        body.len()
    );
    for (name, value) in headers {
        request.push_str(&format!("{name}: {value}\r\n"));
    }
    request.push_str("\r\n");
    let exchanged = async {
        let mut stream = TcpStream::connect(address).await.unwrap();
        stream.write_all(request.as_bytes()).await.unwrap();
        // A server that has refused may not read the rest.
        let _ = stream.write_all(body).await;
        let mut response = Vec::new();
        let _ = stream.read_to_end(&mut response).await;
        response
    };
    read(&timeout(LIMIT, exchanged).await.unwrap())
}

fn read(response: &[u8]) -> Response {
    let end = response.windows(4).position(|window| window == b"\r\n\r\n").unwrap();
    let head = std::str::from_utf8(&response[..end]).unwrap();
    let mut lines = head.split("\r\n");
    let status = lines.next().unwrap().split(' ').nth(1).unwrap().parse().unwrap();
    let headers = lines.map(|line| {
        let (name, value) = line.split_once(": ").unwrap();
        (name.to_ascii_lowercase(), value.to_owned())
    });
    let body = Bytes::copy_from_slice(&response[end + 4..]);
    Response { status, headers: headers.collect(), body }
}
