//! Streams from servers that others wrote: RTSP from GStreamer's, through `tests/peers/rtsp/serve.py`,
//! and RTMP from the ffmpeg program. Skipped, with the reason printed, where they are not installed.
#![cfg(feature = "ffmpeg")]
#![allow(clippy::unwrap_used, clippy::print_stderr)]

#[path = "../../streamsdk-media/tests/support/bars.rs"]
mod bars;

use std::io::{BufRead, BufReader, Read, Write};
use std::net::{Ipv4Addr, Shutdown, SocketAddrV4, TcpListener, TcpStream};
use std::os::fd::OwnedFd;
use std::path::PathBuf;
use std::process::{Child, Command, Stdio};
use std::time::{Duration, Instant};

use rustix::net::{self, AddressFamily, SocketFlags, SocketType, sockopt};
use streamsdk_capture::{
    CaptureError, CapturedFrame, EncodedProducer, FrameProducer, H264Profile, NetworkStream,
    NetworkStreamOptions, Reconnect, TestPattern, Transport, marker,
};
use streamsdk_media::mp4::Mp4Writer;
use tempfile::TempDir;

use self::bars::{LINES, SPACES, assert_bars, bars_in, write_h264};

const LONG: Duration = Duration::from_secs(30);
const FRAMES: u64 = 60;

/// The system's Python has the system's packages; another one may come first in the path.
const PYTHONS: [&str; 2] = ["python3", "/usr/bin/python3"];

/// A server that ends when this is dropped.
struct Server {
    process: Child,
    url: String,
    /// Bound, and not listening: so nobody but the server is given its port.
    _port: Option<OwnedFd>,
    _directory: TempDir,
}

impl Drop for Server {
    fn drop(&mut self) {
        let _ = self.process.kill();
        let _ = self.process.wait();
    }
}

/// Serves two seconds of the test pattern over RTSP, if that is possible.
fn serve_rtsp() -> Option<Server> {
    let (directory, file) = pattern_file();
    serve_file(directory, file, "0")
}

/// Serves a file at that port, or at any if it is 0.
fn serve_file(directory: TempDir, file: PathBuf, port: &str) -> Option<Server> {
    let Some(python) = PYTHONS.into_iter().find(|python| has_gst_rtsp_server(python)) else {
        eprintln!("skipped: gst-rtsp-server is not installed, or not for Python");
        return None;
    };
    let mut process = Command::new(python)
        .arg(concat!(env!("CARGO_MANIFEST_DIR"), "/../../tests/peers/rtsp/serve.py"))
        .arg(file)
        .arg(port)
        .stdout(Stdio::piped())
        .spawn()
        .unwrap();
    let mut line = String::new();
    BufReader::new(process.stdout.take().unwrap()).read_line(&mut line).unwrap();
    let url = line.split_whitespace().last().unwrap_or_default().to_owned();
    let server = Server { process, url, _port: None, _directory: directory };
    assert!(server.url.starts_with("rtsp://"), "the server said {line:?}");
    Some(server)
}

/// Serves the same over RTMP to the first client, if that is possible.
fn serve_rtmp() -> Option<Server> {
    let (directory, file) = pattern_file();
    let (held, port) = held_port();
    let url = format!("rtmp://127.0.0.1:{port}/live/pattern");
    let started = Command::new("ffmpeg")
        .args(["-nostdin", "-loglevel", "quiet", "-re", "-i"])
        .arg(file)
        .args(["-c", "copy", "-f", "flv", "-listen", "1", &url])
        .spawn();
    match started {
        Ok(process) => Some(Server { process, url, _port: Some(held), _directory: directory }),
        Err(error) => {
            eprintln!("skipped: ffmpeg cannot be started: {error}");
            None
        }
    }
}

/// A port that a server can bind to, and that nobody else is given.
fn held_port() -> (OwnedFd, u16) {
    let (family, kind) = (AddressFamily::INET, SocketType::STREAM);
    let socket = net::socket_with(family, kind, SocketFlags::CLOEXEC, None).unwrap();
    sockopt::set_socket_reuseaddr(&socket, true).unwrap();
    net::bind(&socket, &SocketAddrV4::new(Ipv4Addr::LOCALHOST, 0)).unwrap();
    let address = SocketAddrV4::try_from(net::getsockname(&socket).unwrap()).unwrap();
    (socket, address.port())
}

fn has_gst_rtsp_server(python: &str) -> bool {
    let import = "import gi; gi.require_version('GstRtspServer', '1.0')";
    let status = Command::new(python).args(["-c", import]).stderr(Stdio::null()).status();
    status.is_ok_and(|status| status.success())
}

fn pattern_file() -> (TempDir, PathBuf) {
    let directory = tempfile::tempdir().unwrap();
    let file = directory.path().join("pattern.mp4");
    let mut writer = Mp4Writer::create(&file, 640, 360, 30.0).unwrap();
    for captured in TestPattern::new(640, 360, 30.0).paced(false).limit(FRAMES).frames() {
        writer.write(&captured.unwrap().frame).unwrap();
    }
    writer.finish().unwrap();
    (directory, file)
}

fn number(captured: &CapturedFrame) -> u32 {
    marker::read(&captured.frame).unwrap()
}

/// Takes all frames there are, and checks that each shows what belongs at its time, and that the last
/// has come.
fn check_all(stream: NetworkStream) {
    assert_eq!(check_times(stream), FRAMES - 1);
}

/// Takes all frames there are, checks that each shows what belongs at its time, and returns the last
/// one's number.
fn check_times(mut stream: NetworkStream) -> u64 {
    let mut frames = Vec::new();
    let error = loop {
        match stream.next_frame(LONG) {
            Ok(captured) => frames.push(captured),
            Err(error) => break error,
        }
    };
    assert!(matches!(error, CaptureError::Disconnected { .. }), "{error:?}");
    assert!(frames.len() as u64 > FRAMES / 2, "{} frames", frames.len());
    // The first may come without a timestamp, and has the time at which it came.
    for pair in frames.windows(2).skip(1) {
        let (earlier, later) = (&pair[0], &pair[1]);
        let steps = number(later).checked_sub(number(earlier)).unwrap();
        let seconds = |frame: &CapturedFrame| frame.frame.timestamp().unwrap().seconds();
        let passed = seconds(later) - seconds(earlier);
        assert!((passed - f64::from(steps) / 30.0).abs() < 0.002, "{steps} frames in {passed} s");
    }
    let format = stream.format().unwrap();
    assert_eq!((format.width, format.height), (640, 360));
    u64::from(number(frames.last().unwrap()))
}

#[test]
fn rtsp_over_tcp_gives_frames_at_their_times_up_to_the_last() {
    let Some(server) = serve_rtsp() else { return };
    check_all(NetworkStream::options(&server.url).transport(Transport::Tcp).open().unwrap());
}

/// The server's goodbye comes through another socket, and may be read before what waits in the first:
/// that the last frames come is promised by nobody.
#[test]
fn rtsp_over_udp_gives_frames_at_their_times() {
    let Some(server) = serve_rtsp() else { return };
    check_times(NetworkStream::options(&server.url).transport(Transport::Udp).open().unwrap());
}

#[test]
fn rtsp_has_the_colours_that_the_stream_says() {
    for space in SPACES {
        let directory = tempfile::tempdir().unwrap();
        let file = directory.path().join("bars.mp4");
        write_h264(&file, &bars_in(space, LINES));
        let Some(server) = serve_file(directory, file, "0") else { return };
        let options = NetworkStream::options(&server.url).transport(Transport::Tcp);
        let frame = options.open().unwrap().next_frame(LONG).unwrap().frame;
        assert_eq!(frame.color_space(), space);
        assert_bars(&frame, &format!("{space:?}"));
    }
}

/// What a server does in the middle of a stream.
#[derive(Clone, Copy)]
enum Fault {
    Stall,
    Close,
}

/// Stands between a client and a server, until so many bytes have come from the server.
fn faulty(server: &Server, bytes: usize, fault: Fault) -> String {
    let listener = TcpListener::bind("127.0.0.1:0").unwrap();
    let (_, rest) = server.url.split_once("://").unwrap();
    let (upstream, path) = rest.split_once('/').unwrap();
    let url = format!("rtsp://{}/{path}", listener.local_addr().unwrap());
    let upstream = upstream.to_owned();
    std::thread::spawn(move || {
        for client in listener.incoming() {
            let (client, server) = (client.unwrap(), TcpStream::connect(&upstream).unwrap());
            let (mut requests, mut answers) =
                (client.try_clone().unwrap(), server.try_clone().unwrap());
            std::thread::spawn(move || std::io::copy(&mut requests, &mut answers));
            forward(server, client, bytes, fault);
        }
    });
    url
}

fn forward(mut server: TcpStream, mut client: TcpStream, bytes: usize, fault: Fault) {
    let mut left = bytes;
    let mut buffer = [0; 4096];
    while left > 0 {
        let room = left.min(buffer.len());
        match server.read(&mut buffer[..room]) {
            Ok(count @ 1..) if client.write_all(&buffer[..count]).is_ok() => left -= count,
            _ => return,
        }
    }
    match fault {
        // Until the client has had enough of it.
        Fault::Stall => drop(std::io::copy(&mut client, &mut std::io::sink())),
        Fault::Close => drop(client.shutdown(Shutdown::Both)),
    }
}

/// Decoded, and as it was encoded: how the stream ends, and how long that takes.
fn ends(options: &NetworkStreamOptions) -> [(CaptureError, Duration); 2] {
    let started = Instant::now();
    let mut frames = options.clone().open().unwrap();
    let decoded = std::iter::from_fn(|| Some(frames.next_frame(LONG))).find_map(Result::err);
    let decoded = (decoded.unwrap(), started.elapsed());
    let started = Instant::now();
    let mut stream = options.clone().open_encoded().unwrap();
    let encoded = std::iter::from_fn(|| Some(stream.next_encoded())).find_map(Result::err);
    [decoded, (encoded.unwrap(), started.elapsed())]
}

/// Some way into the stream.
const MIDDLE: usize = 12_000;

#[test]
fn rtsp_that_stalls_is_silent_once_its_time_is_up() {
    let Some(server) = baseline_rtsp() else { return };
    let limit = Duration::from_secs(2);
    let url = faulty(&server, MIDDLE, Fault::Stall);
    for (error, took) in ends(&NetworkStream::options(url).read_timeout(limit)) {
        assert!(matches!(error, CaptureError::Silent { waited, .. } if waited == limit), "{error}");
        assert!((limit..LONG).contains(&took), "{took:?}");
    }
}

#[test]
fn rtsp_that_closes_is_gone_at_once() {
    let Some(server) = baseline_rtsp() else { return };
    let url = faulty(&server, MIDDLE, Fault::Close);
    for (error, took) in ends(&NetworkStream::options(url).read_timeout(LONG)) {
        assert!(matches!(error, CaptureError::Disconnected { .. }), "{error}");
        assert!(took < LONG, "{took:?}");
    }
}

#[test]
fn a_server_that_is_started_again_is_found_again() {
    let Some(server) = baseline_rtsp() else { return };
    let port = server.url.rsplit(':').next().unwrap().split('/').next().unwrap().to_owned();
    let again = Reconnect::always().first_delay(Duration::from_millis(100)).factor(1.0);
    let mut stream = NetworkStream::options(&server.url).reconnect(again).open_encoded().unwrap();
    assert_eq!(stream.profile(), Some(H264Profile::Baseline));
    let before = stream.next_encoded().unwrap();
    drop(server);
    let directory = tempfile::tempdir().unwrap();
    let _again = serve_file(directory, baseline_file(), &port).unwrap();
    // What was under way before the server went, then a key frame.
    let after = loop {
        let frame = stream.next_encoded().unwrap();
        if frame.key_frame && frame.data == before.data {
            break frame;
        }
    };
    assert!(after.timestamp.seconds() > before.timestamp.seconds());
    stream.stop_handle().stop();
    assert_eq!(stream.next_encoded().unwrap_err(), CaptureError::Stopped);
}

/// H264 in baseline profile over RTSP, if that is possible.
fn baseline_rtsp() -> Option<Server> {
    serve_file(tempfile::tempdir().unwrap(), baseline_file(), "0")
}

fn baseline_file() -> PathBuf {
    PathBuf::from(env!("CARGO_MANIFEST_DIR")).join("../../tests/data/video/numbered_baseline.mp4")
}

#[test]
fn rtmp_gives_frames_at_their_times() {
    let Some(server) = serve_rtmp() else { return };
    let started = Instant::now();
    loop {
        match NetworkStream::open(&server.url) {
            Ok(stream) => return check_all(stream),
            // It does not say when it listens.
            Err(CaptureError::Refused { .. }) if started.elapsed() < LONG => {
                std::thread::sleep(Duration::from_millis(20));
            }
            Err(error) => panic!("{error}"),
        }
    }
}
