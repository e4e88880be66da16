//! A server that answers every request with given bytes, and keeps nothing of it but its head and body.

use std::net::SocketAddr;
use std::sync::{Arc, Mutex};
use std::time::SystemTime;

use tokio::io::{AsyncRead, AsyncReadExt, AsyncWrite, AsyncWriteExt};
use tokio::net::TcpListener;
use tokio_rustls::TlsAcceptor;

pub(super) struct HttpServer {
    pub(super) address: SocketAddr,
    pub(super) requests: Arc<Mutex<Vec<String>>>,
}

/// What an inference server says to a request for nothing.
pub(super) const MISSING_FIELDS: &str = r#"{"detail": [{"type": "missing", "loc": ["body", "webrtc_offer"], "msg": "Field required"}]}"#;

pub(super) fn json(status: u16, body: &str) -> String {
    reply(status, "content-type: application/json\r\n", body)
}

pub(super) fn page(status: u16) -> String {
    reply(status, "content-type: text/html; charset=utf-8\r\n", "<html>Please log in</html>")
}

pub(super) fn reply(status: u16, headers: &str, body: &str) -> String {
    let date = httpdate::fmt_http_date(SystemTime::now());
    dated(&date, status, headers, body)
}

pub(super) fn dated(date: &str, status: u16, headers: &str, body: &str) -> String {
    let length = body.len();
    format!(
        "HTTP/1.1 {status} Words\r\ndate: {date}\r\n{headers}content-length: {length}\r\n\r\n{body}"
    )
}

impl HttpServer {
    pub(super) async fn start(reply: String) -> Self {
        Self::start_with(reply, None).await
    }

    pub(super) async fn start_with(reply: String, tls: Option<TlsAcceptor>) -> Self {
        let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
        let address = listener.local_addr().unwrap();
        let requests = Arc::new(Mutex::new(Vec::new()));
        let seen = Arc::clone(&requests);
        tokio::spawn(async move {
            while let Ok((stream, _)) = listener.accept().await {
                let (reply, tls, seen) = (reply.clone(), tls.clone(), Arc::clone(&seen));
                tokio::spawn(async move {
                    match tls {
                        None => serve(stream, &reply, &seen).await,
                        Some(tls) => {
                            if let Ok(stream) = tls.accept(stream).await {
                                serve(stream, &reply, &seen).await;
                            }
                        }
                    }
                });
            }
        });
        Self { address, requests }
    }

    pub(super) fn url(&self) -> String {
        format!("http://{}", self.address)
    }

    pub(super) fn https_url(&self) -> String {
        format!("https://localhost:{}", self.address.port())
    }
}

async fn serve<S: AsyncRead + AsyncWrite + Unpin>(
    mut stream: S,
    reply: &str,
    seen: &Mutex<Vec<String>>,
) {
    let mut request = Vec::new();
    while !is_complete(&request) {
        if stream.read_buf(&mut request).await.unwrap_or(0) == 0 {
            return;
        }
    }
    seen.lock().unwrap().push(String::from_utf8(request).unwrap());
    stream.write_all(reply.as_bytes()).await.ok();
    stream.flush().await.ok();
    while stream.read(&mut [0; 64]).await.is_ok_and(|read| read > 0) {}
}

fn is_complete(request: &[u8]) -> bool {
    let text = String::from_utf8_lossy(request);
    let Some((head, body)) = text.split_once("\r\n\r\n") else { return false };
    let length = head.lines().find_map(|line| line.strip_prefix("content-length: "));
    body.len() >= length.map_or(0, |length| length.parse().unwrap())
}
