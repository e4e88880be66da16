//! As much HTTP as it takes to see whether a server is up.

use std::io::{Read, Write};
use std::net::{SocketAddr, TcpStream};
use std::time::Duration;

const MAX_WAIT: Duration = Duration::from_secs(2);
/// Long enough for `HTTP/1.1 200`.
const STATUS_LENGTH: usize = 12;

/// Whether `GET path` on this local port is answered with status 200.
pub(super) fn answers(port: u16, path: &str) -> bool {
    status(port, path).is_some_and(|status| status == 200)
}

fn status(port: u16, path: &str) -> Option<u16> {
    let address = SocketAddr::from(([127, 0, 0, 1], port));
    let mut stream = TcpStream::connect_timeout(&address, MAX_WAIT).ok()?;
    stream.set_read_timeout(Some(MAX_WAIT)).ok()?;
    let request = format!("GET {path} HTTP/1.1\r\nHost: {address}\r\nConnection: close\r\n\r\n");
    stream.write_all(request.as_bytes()).ok()?;
    let mut beginning = [0; STATUS_LENGTH];
    stream.read_exact(&mut beginning).ok()?;
    std::str::from_utf8(&beginning).ok()?.rsplit(' ').next()?.parse().ok()
}

#[cfg(test)]
mod tests {
    use std::net::TcpListener;
    use std::thread;

    use super::*;

    fn serve_once(answer: &'static str) -> u16 {
        let listener = TcpListener::bind("127.0.0.1:0").unwrap();
        let port = listener.local_addr().unwrap().port();
        thread::spawn(move || {
            let (mut stream, _) = listener.accept().unwrap();
            let _ = stream.read(&mut [0; 1024]).unwrap();
            stream.write_all(answer.as_bytes()).unwrap();
        });
        port
    }

    #[test]
    fn only_a_good_answer_means_ready() {
        assert!(answers(serve_once("HTTP/1.1 200 OK\r\n\r\n"), "/info"));
        assert!(!answers(serve_once("HTTP/1.1 503 Service Unavailable\r\n\r\n"), "/info"));
        assert!(!answers(serve_once("nonsense"), "/info"));
    }

    #[test]
    fn a_port_where_nobody_listens_is_not_ready() {
        assert!(!answers(crate::peers::free_port().unwrap(), "/info"));
    }
}
