//! Streams that may go to some addresses only, and servers that send them elsewhere.

use std::io::{ErrorKind, Write};
use std::net::{IpAddr, Ipv4Addr, TcpListener};
use std::path::Path;
use std::time::Duration;

use streamsdk_capture::{
    CaptureError, FrameProducer, NetworkStream, NetworkStreamOptions, TestPattern,
};

use crate::rtsp_camera::{Camera, pictures};
use crate::support::{answering, http, read_request, send_pattern, serve, server};

const LONG: Duration = Duration::from_secs(30);

const FORBIDDEN: IpAddr = IpAddr::V4(Ipv4Addr::new(127, 0, 0, 2));

fn options(url: &str) -> NetworkStreamOptions {
    let options = NetworkStream::options(url).connect_timeout(LONG).read_timeout(LONG);
    options.only_addresses(|address| address != FORBIDDEN)
}

fn opening_fails(url: &str) -> CaptureError {
    options(url).open().map(drop).unwrap_err()
}

/// Somebody at the forbidden address.
struct Stranger(TcpListener);

impl Stranger {
    fn new() -> Self {
        let listener = TcpListener::bind((FORBIDDEN, 0)).unwrap();
        listener.set_nonblocking(true).unwrap();
        Self(listener)
    }

    fn url(&self, scheme: &str) -> String {
        format!("{scheme}://{}/live", self.0.local_addr().unwrap())
    }

    /// Nothing was said to it, though a connection may have been begun and given up.
    fn was_left_alone(&self) -> bool {
        match self.0.accept() {
            Err(error) => error.kind() == ErrorKind::WouldBlock,
            Ok((client, _)) => {
                client.set_read_timeout(Some(LONG)).unwrap();
                read_request(&client).is_none() && self.was_left_alone()
            }
        }
    }
}

fn mjpeg() -> String {
    server(|mut client, _| send_pattern(&mut client, TestPattern::new(320, 180, 30.0).paced(true)))
}

fn redirect(to: &str) -> String {
    answering(format!("HTTP/1.1 302 Found\r\nLocation: {to}\r\nContent-Length: 0\r\n\r\n"))
}

/// An RTSP server that sends on to elsewhere.
fn rtsp_redirect(to: String) -> String {
    let listener = TcpListener::bind("127.0.0.1:0").unwrap();
    let address = listener.local_addr().unwrap();
    rtsp_redirect_at(listener, to);
    address.to_string()
}

fn rtsp_redirect_at(listener: TcpListener, to: String) {
    serve(listener, move |mut client, _| {
        while let Some(request) = read_request(&client) {
            let number = request.iter().find(|line| line.starts_with("CSeq")).cloned().unwrap();
            let status = match request[0].starts_with("DESCRIBE") {
                true => format!("302 Found\r\nLocation: {to}"),
                false => "200 OK".to_owned(),
            };
            let answer = format!("RTSP/1.0 {status}\r\n{number}\r\nContent-Length: 0\r\n\r\n");
            if client.write_all(answer.as_bytes()).is_err() {
                return;
            }
        }
    });
}

#[test]
fn an_address_that_is_not_allowed_is_left_alone() {
    let stranger = Stranger::new();
    for scheme in ["http", "https", "rtsp", "rtsps", "rtmp"] {
        let error = opening_fails(&stranger.url(scheme));
        assert!(matches!(error, CaptureError::NotAllowed { .. }), "{scheme}: {error}");
    }
    assert!(stranger.was_left_alone());
}

#[test]
fn http_servers_send_on_to_where_it_is_allowed_only() {
    let stranger = Stranger::new();
    for url in [stranger.url("http"), stranger.url("https")] {
        let error = opening_fails(&format!("http://{}/", redirect(&url)));
        assert!(matches!(error, CaptureError::NotAllowed { .. }), "{error}");
    }
    assert!(stranger.was_left_alone());

    let there = redirect(&format!("http://{}/video", mjpeg()));
    let mut stream = options(&format!("http://{there}/")).open().unwrap();
    stream.next_frame(LONG).unwrap();
}

#[test]
fn playlists_lead_to_where_it_is_allowed_only() {
    let stranger = Stranger::new();
    let playlist = format!(
        "#EXTM3U\n#EXT-X-TARGETDURATION:1\n#EXTINF:1,\n{}.ts\n#EXT-X-ENDLIST\n",
        stranger.url("http")
    );
    let server = answering(http("application/vnd.apple.mpegurl", playlist.as_bytes()));
    let error = opening_fails(&format!("http://{server}/list.m3u8"));
    assert!(matches!(error, CaptureError::NotAllowed { .. }), "{error}");
    assert!(stranger.was_left_alone());
}

#[test]
fn rtsp_servers_send_on_to_where_it_is_allowed_only() {
    let stranger = Stranger::new();
    let server = rtsp_redirect(stranger.url("rtsp"));
    let error = opening_fails(&format!("rtsp://{server}/live"));
    assert!(matches!(error, CaptureError::NotAllowed { .. }), "{error}");
    assert!(stranger.was_left_alone());

    let data = concat!(env!("CARGO_MANIFEST_DIR"), "/../../tests/data/video/");
    let pictures = pictures(&Path::new(data).join("numbered_baseline.mp4"));
    let frame_time = Duration::from_millis(20);
    let (camera, _) = Camera { pictures, frame_time, stamp: |number| number * 1800 }.start();
    let mut stream = options(&format!("rtsp://{}/live", rtsp_redirect(camera))).open().unwrap();
    stream.next_frame(LONG).unwrap();
}

#[test]
fn servers_that_send_on_for_ever_are_given_up() {
    let listener = TcpListener::bind("127.0.0.1:0").unwrap();
    let here = listener.local_addr().unwrap();
    let there = rtsp_redirect(format!("rtsp://{here}/live"));
    rtsp_redirect_at(listener, format!("rtsp://{there}/live"));
    let error = opening_fails(&format!("rtsp://{here}/live"));
    assert!(matches!(error, CaptureError::Rejected { .. }), "{error}");
}

#[test]
fn a_host_is_found_by_whichever_of_its_addresses_answers() {
    let port = mjpeg().rsplit_once(':').unwrap().1.to_owned();
    let mut stream = options(&format!("http://localhost:{port}/")).open().unwrap();
    stream.next_frame(LONG).unwrap();
    let free = TcpListener::bind("127.0.0.1:0").unwrap().local_addr().unwrap().port();
    for scheme in ["http", "rtsp"] {
        let error = opening_fails(&format!("{scheme}://localhost:{free}/"));
        assert!(matches!(error, CaptureError::Refused { .. }), "{scheme}: {error}");
    }
}

#[test]
fn hosts_that_are_no_matter_of_proxies_are_not_led_to_either() {
    let test = std::env::current_exe().unwrap();
    let mut child = std::process::Command::new(test);
    child.args(["--ignored", "--exact", "addresses::without_proxies"]).env("no_proxy", "*");
    let output = child.output().unwrap();
    assert!(output.status.success(), "{}", String::from_utf8_lossy(&output.stdout));
    assert!(String::from_utf8_lossy(&output.stdout).contains("1 passed"));
}

#[test]
#[ignore = "is run with a variable of its own by the test above"]
fn without_proxies() {
    let stranger = Stranger::new();
    let redirect = redirect(&stranger.url("http"));
    let playlist = format!("#EXTM3U\n#EXTINF:1,\n{}.ts\n#EXT-X-ENDLIST\n", stranger.url("http"));
    let playlist = answering(http("application/vnd.apple.mpegurl", playlist.as_bytes()));
    for url in [format!("http://{redirect}/"), format!("http://{playlist}/list.m3u8")] {
        opening_fails(&url);
    }
    assert!(stranger.was_left_alone());
    let mut stream = options(&format!("http://{}/", mjpeg())).open().unwrap();
    stream.next_frame(LONG).unwrap();
}
