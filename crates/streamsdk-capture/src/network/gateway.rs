//! The way by which FFmpeg reaches HTTP servers where not every address is allowed.
//!
//! FFmpeg looks names up by itself, follows redirects and reads what playlists name. So it is told of a proxy, which is
//! this: each of its connections begins here, where the name is looked up, the address is looked at, and that very
//! address is connected to.

use std::io::{self, Read, Write};
use std::net::{Ipv4Addr, Shutdown, SocketAddr, TcpListener, TcpStream};
use std::sync::atomic::{AtomicBool, AtomicUsize, Ordering};
use std::sync::{Arc, Mutex, PoisonError};
use std::thread;
use std::time::Duration;

use super::allowed_addresses::{AllowedAddresses, Unreached};

/// A proxy on loopback, as long as it is held. What comes through it ends when either end closes.
pub(super) struct Gateway {
    address: SocketAddr,
    shared: Arc<Shared>,
}

struct Shared {
    allowed: AllowedAddresses,
    connect_timeout: Duration,
    is_closed: AtomicBool,
    connections: AtomicUsize,
    failure: Mutex<Option<Unreached>>,
}

impl Gateway {
    pub(super) fn start(allowed: AllowedAddresses, connect_timeout: Duration) -> io::Result<Self> {
        let listener = TcpListener::bind((Ipv4Addr::LOCALHOST, 0))?;
        let address = listener.local_addr()?;
        let shared = Arc::new(Shared {
            allowed,
            connect_timeout,
            is_closed: AtomicBool::new(false),
            connections: AtomicUsize::new(0),
            failure: Mutex::new(None),
        });
        let served = Arc::clone(&shared);
        thread::Builder::new()
            .name("camera-gateway".into())
            .spawn(move || serve(&listener, &served))?;
        Ok(Self { address, shared })
    }

    /// As FFmpeg is told of it.
    pub(super) fn url(&self) -> String {
        format!("http://{}", self.address)
    }

    /// Why a connection did not come about, if one did not: the first that was not allowed, or else the last.
    pub(super) fn failure(&self) -> Option<Unreached> {
        self.shared.failure.lock().unwrap_or_else(PoisonError::into_inner).clone()
    }

    /// Whether a connection was asked for that is not allowed.
    pub(super) fn has_refused(&self) -> bool {
        matches!(self.failure(), Some(Unreached::NotAllowed))
    }
}

impl Drop for Gateway {
    fn drop(&mut self) {
        self.shared.is_closed.store(true, Ordering::SeqCst);
        // Whoever accepts looks at it then.
        let _ = TcpStream::connect_timeout(&self.address, WAKE_TIME);
    }
}

fn serve(listener: &TcpListener, shared: &Arc<Shared>) {
    for client in listener.incoming() {
        if shared.is_closed.load(Ordering::SeqCst) {
            return;
        }
        let Ok(client) = client else { continue };
        if shared.connections.fetch_add(1, Ordering::SeqCst) >= MAX_CONNECTIONS {
            shared.connections.fetch_sub(1, Ordering::SeqCst);
            continue;
        }
        let own = Arc::clone(shared);
        let serving = thread::Builder::new().name("camera-gateway".into()).spawn(move || {
            // A connection that breaks is seen by FFmpeg.
            let _ = pass_on(client, &own);
            own.connections.fetch_sub(1, Ordering::SeqCst);
        });
        if serving.is_err() {
            shared.connections.fetch_sub(1, Ordering::SeqCst);
        }
    }
}

/// Serves one request, and what comes of it.
fn pass_on(mut client: TcpStream, shared: &Shared) -> io::Result<()> {
    client.set_read_timeout(Some(HEAD_TIME))?;
    let head = read_head(&mut client)?;
    let Some(request) = Request::parse(&head) else { return client.write_all(BAD_REQUEST) };
    let mut server =
        match shared.allowed.connect(&request.host, request.port, shared.connect_timeout) {
            Ok(server) => server,
            Err(failure) => {
                shared.note(failure);
                return client.write_all(BAD_GATEWAY);
            }
        };
    match &request.head {
        Some(head) => server.write_all(head.as_bytes())?,
        None => client.write_all(ESTABLISHED)?,
    }
    client.set_read_timeout(None)?;
    relay(&client, &server)
}

impl Shared {
    /// What is not allowed is remembered, whatever fails later.
    fn note(&self, failure: Unreached) {
        let mut known = self.failure.lock().unwrap_or_else(PoisonError::into_inner);
        if !matches!(*known, Some(Unreached::NotAllowed)) {
            *known = Some(failure);
        }
    }
}

/// Both ways, until one end closes.
fn relay(client: &TcpStream, server: &TcpStream) -> io::Result<()> {
    let close = || {
        let _ = client.shutdown(Shutdown::Both);
        let _ = server.shutdown(Shutdown::Both);
    };
    thread::scope(|scope| {
        let upward =
            thread::Builder::new().name("camera-gateway".into()).spawn_scoped(scope, || {
                let _ = io::copy(&mut &*client, &mut &*server);
                close();
            });
        if upward.is_ok() {
            let _ = io::copy(&mut &*server, &mut &*client);
        }
        close();
        upward.map(drop)
    })
}

/// Up to the empty line. FFmpeg sends nothing behind it before it is answered.
fn read_head(client: &mut TcpStream) -> io::Result<String> {
    let mut head = Vec::new();
    let mut part = [0; 2048];
    while !head.ends_with(b"\r\n\r\n") {
        let count = client.read(&mut part)?;
        if count == 0 || head.len() + count > MAX_HEAD_BYTES {
            return Err(io::ErrorKind::InvalidData.into());
        }
        head.extend_from_slice(&part[..count]);
    }
    String::from_utf8(head).map_err(|_| io::ErrorKind::InvalidData.into())
}

/// What a proxy is asked for.
#[derive(Debug, PartialEq)]
struct Request {
    host: String,
    port: u16,
    /// As the server gets it; nothing if FFmpeg speaks with the server itself, which is TLS.
    head: Option<String>,
}

impl Request {
    fn parse(head: &str) -> Option<Self> {
        let (line, fields) = head.split_once("\r\n")?;
        let mut words = line.split(' ');
        let (method, target, version) = (words.next()?, words.next()?, words.next()?);
        if method == "CONNECT" {
            let (host, port) = host_and_port(target, None)?;
            return Some(Self { host, port, head: None });
        }
        let rest =
            target.split_once("://").filter(|(scheme, _)| scheme.eq_ignore_ascii_case("http"))?.1;
        let (authority, path) = rest.split_at(rest.find(['/', '?', '#']).unwrap_or(rest.len()));
        let authority = authority.rsplit_once('@').map_or(authority, |(_, authority)| authority);
        let (host, port) = host_and_port(authority, Some(80))?;
        let root = if path.starts_with('/') { "" } else { "/" };
        // The next request may be for elsewhere, so it comes over a connection of its own.
        let is_kept = |field: &&str| !field.to_ascii_lowercase().starts_with("connection:");
        let fields: Vec<_> = fields.trim_end().split("\r\n").filter(is_kept).collect();
        let fields = fields.join("\r\n");
        let head =
            format!("{method} {root}{path} {version}\r\n{fields}\r\nConnection: close\r\n\r\n");
        Some(Self { host, port, head: Some(head) })
    }
}

fn host_and_port(authority: &str, default: Option<u16>) -> Option<(String, u16)> {
    let port_at = authority.rfind(':').filter(|&at| !authority[at..].contains(']'));
    let (host, port) = match port_at {
        Some(at) => (&authority[..at], Some(authority[at + 1..].parse().ok()?)),
        None => (authority, default),
    };
    (!host.is_empty()).then_some((host.to_owned(), port?))
}

/// More than a playlist's parts take at once.
const MAX_CONNECTIONS: usize = 16;
const MAX_HEAD_BYTES: usize = 32 << 10;
const HEAD_TIME: Duration = Duration::from_secs(10);
const WAKE_TIME: Duration = Duration::from_secs(1);

const ESTABLISHED: &[u8] = b"HTTP/1.1 200 Connection established\r\n\r\n";
const BAD_REQUEST: &[u8] = b"HTTP/1.1 400 Bad Request\r\nConnection: close\r\n\r\n";
const BAD_GATEWAY: &[u8] = b"HTTP/1.1 502 Bad Gateway\r\nConnection: close\r\n\r\n";

#[cfg(test)]
mod tests {
    use super::*;

    fn parsed(head: &str) -> Option<(String, u16, Option<String>)> {
        Request::parse(head).map(|it| (it.host, it.port, it.head))
    }

    #[test]
    fn servers_get_requests_as_if_there_were_no_proxy() {
        let fields = "Host: cam:81\r\nConnection: keep-alive\r\nAccept: */*\r\n\r\n";
        let sent = "Host: cam:81\r\nAccept: */*\r\nConnection: close\r\n\r\n";
        for (target, host, port, path) in [
            ("http://cam:81/a?b=http://x/", "cam", 81, "/a?b=http://x/"),
            ("HTTP://me:p@ss@cam", "cam", 80, "/"),
            ("http://cam?x=1", "cam", 80, "/?x=1"),
            ("http://[::1]:8080/a", "[::1]", 8080, "/a"),
            ("http://[::1]/a", "[::1]", 80, "/a"),
        ] {
            let expected =
                Some((host.to_owned(), port, Some(format!("GET {path} HTTP/1.1\r\n{sent}"))));
            assert_eq!(parsed(&format!("GET {target} HTTP/1.1\r\n{fields}")), expected);
        }
        let tunnel = parsed("CONNECT cam:443 HTTP/1.1\r\n\r\n");
        assert_eq!(tunnel, Some(("cam".to_owned(), 443, None)));
    }

    #[test]
    fn what_is_no_request_to_a_proxy_is_none() {
        for head in [
            "",
            "GET\r\n\r\n",
            "GET /a HTTP/1.1\r\n\r\n",
            "GET https://cam/ HTTP/1.1\r\n\r\n",
            "GET http:///a HTTP/1.1\r\n\r\n",
            "GET http://cam:x/ HTTP/1.1\r\n\r\n",
            "CONNECT cam HTTP/1.1\r\n\r\n",
            "CONNECT cam:70000 HTTP/1.1\r\n\r\n",
        ] {
            assert_eq!(parsed(head), None, "{head:?}");
        }
    }
}
