//! RTSP cameras that refuse.

use std::io::Write;
use std::net::TcpStream;
use std::sync::mpsc::{Receiver, channel};
use std::time::Duration;

use streamsdk_capture::{CaptureError, NetworkStream, Transport};

use crate::support::{read_request, server};

const LONG: Duration = Duration::from_secs(30);
const SDP: &str = "v=0\r\no=- 0 0 IN IP4 0.0.0.0\r\ns=cam\r\nc=IN IP4 0.0.0.0\r\nt=0 0\r\n\
                   m=video 0 RTP/AVP 96\r\na=rtpmap:96 H264/90000\r\na=control:track1\r\n";

/// What a request is answered with: a status, and lines of the head.
type Answer = (&'static str, &'static str);

/// A camera that answers so, and the heads of all requests.
fn camera(answer: fn(&[String]) -> Answer) -> (String, Receiver<Vec<String>>) {
    let (sender, seen) = channel();
    let address = server(move |mut client, _| {
        while let Some(request) = read_request(&client) {
            if sender.send(request.clone()).is_err() || !reply(&mut client, &request, answer) {
                return;
            }
        }
    });
    (address, seen)
}

fn reply(client: &mut TcpStream, request: &[String], answer: fn(&[String]) -> Answer) -> bool {
    let number = request.iter().find(|line| line.starts_with("CSeq")).cloned().unwrap();
    let (status, lines) = answer(request);
    let body = if request[0].starts_with("DESCRIBE") && status == "200 OK" { SDP } else { "" };
    let kind = if body.is_empty() { "" } else { "Content-Type: application/sdp\r\n" };
    let length = body.len();
    let answer = format!(
        "RTSP/1.0 {status}\r\n{number}\r\n{lines}{kind}Content-Length: {length}\r\n\r\n{body}"
    );
    client.write_all(answer.as_bytes()).is_ok()
}

fn opening_fails(url: &str, transport: Transport) -> CaptureError {
    let options = NetworkStream::options(url).connect_timeout(LONG).read_timeout(LONG);
    options.transport(transport).open().map(drop).unwrap_err()
}

/// How the video was to come, request by request.
fn wanted(seen: &Receiver<Vec<String>>) -> Vec<&'static str> {
    let transports = seen
        .try_iter()
        .filter_map(|request| request.into_iter().find(|line| line.starts_with("Transport:")));
    transports.map(|line| if line.contains("TCP") { "tcp" } else { "udp" }).collect()
}

#[test]
fn a_camera_that_refuses_a_transport_is_asked_for_the_other_and_the_refusal_is_named() {
    for (transport, tried, said) in [
        (Transport::Auto, &["tcp", "udp"][..], "neither over TCP nor over UDP"),
        (Transport::Tcp, &["tcp"], "UDP may be allowed"),
        (Transport::Udp, &["udp"], "TCP may be allowed"),
    ] {
        let (address, seen) = camera(|request| match request[0].starts_with("SETUP") {
            true => ("461 Unsupported Transport", ""),
            false => ("200 OK", ""),
        });
        let error = opening_fails(&format!("rtsp://{address}/live"), transport);
        assert!(matches!(error, CaptureError::Rejected { .. }), "{error:?}");
        assert!(error.to_string().contains("461") && error.to_string().contains(said), "{error}");
        assert_eq!(wanted(&seen), tried);
    }
}

const SHA: &str = "WWW-Authenticate: Digest realm=\"cam\", nonce=\"abc\", algorithm=SHA-256\r\n";
const SHA_OR_MD5: &str = "WWW-Authenticate: Digest realm=\"cam\", nonce=\"a\", algorithm=SHA-256\r\n\
                          WWW-Authenticate: Digest realm=\"cam\", nonce=\"b\"\r\n";

#[test]
fn a_digest_that_is_not_known_is_told_from_a_wrong_password() {
    let url = |address: &str| format!("rtsp://me:hunter2@{address}/live");
    let (address, _seen) = camera(|_| ("401 Unauthorized", SHA));
    let error = opening_fails(&url(&address), Transport::Auto);
    let CaptureError::Unsupported { wanted, offered } = &error else { panic!("{error:?}") };
    assert!(wanted.contains("SHA-256") && offered.contains("MD5"), "{error}");
    assert!(error.to_string().contains(&address) && !error.to_string().contains("hunter2"));

    let (address, _seen) = camera(|_| ("401 Unauthorized", SHA_OR_MD5));
    let error = opening_fails(&url(&address), Transport::Auto);
    assert!(matches!(error, CaptureError::Unauthorized { .. }), "{error:?}");
}

#[test]
fn a_password_that_may_have_been_cut_is_told_how_to_be_written() {
    let error = opening_fails("rtsp://me:hunter@2.invalid/3@127.0.0.1/live", Transport::Auto);
    assert!(matches!(error, CaptureError::Unreachable { .. }), "{error:?}");
    let said = error.to_string();
    assert!(said.contains("/ as %2F") && !said.contains("hunter"), "{said}");
}

#[test]
fn a_raw_password_is_sent_as_it_is_meant() {
    let (address, seen) = camera(|request| {
        let is_known = request.iter().any(|line| line.starts_with("Authorization"));
        match is_known {
            true => ("404 Not Found", ""),
            false => ("401 Unauthorized", "WWW-Authenticate: Basic realm=\"x\"\r\n"),
        }
    });
    let error = opening_fails(&format!("rtsp://me:pa/s#s@{address}/live"), Transport::Auto);
    assert!(matches!(error, CaptureError::NotFound { .. }), "{error:?}");
    let basic = "Authorization: Basic bWU6cGEvcyNz";
    assert!(seen.try_iter().flatten().any(|header| header == basic));
}
