//! Streams from servers that others wrote: RTSP from GStreamer's, through `tests/peers/rtsp/serve.py`,
//! and RTMP from the ffmpeg program. Skipped, with the reason printed, where they are not installed.
#![cfg(feature = "ffmpeg")]
#![allow(clippy::unwrap_used, clippy::print_stderr)]

use std::io::{BufRead, BufReader};
use std::net::TcpListener;
use std::path::PathBuf;
use std::process::{Child, Command, Stdio};
use std::time::{Duration, Instant};

use streamsdk_capture::{
    CaptureError, CapturedFrame, FrameProducer, NetworkStream, TestPattern, Transport, marker,
};
use streamsdk_media::mp4::Mp4Writer;
use tempfile::TempDir;

const LONG: Duration = Duration::from_secs(30);
const FRAMES: u64 = 60;

/// The system's Python has the system's packages; another one may come first in the path.
const PYTHONS: [&str; 2] = ["python3", "/usr/bin/python3"];

/// A server that ends when this is dropped.
struct Server {
    process: Child,
    url: String,
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
    let Some(python) = PYTHONS.into_iter().find(|python| has_gst_rtsp_server(python)) else {
        eprintln!("skipped: gst-rtsp-server is not installed, or not for Python");
        return None;
    };
    let (directory, file) = pattern_file();
    let mut process = Command::new(python)
        .arg(concat!(env!("CARGO_MANIFEST_DIR"), "/../../tests/peers/rtsp/serve.py"))
        .arg(file)
        .arg("0")
        .stdout(Stdio::piped())
        .spawn()
        .unwrap();
    let mut line = String::new();
    BufReader::new(process.stdout.take().unwrap()).read_line(&mut line).unwrap();
    let url = line.split_whitespace().last().unwrap_or_default().to_owned();
    let server = Server { process, url, _directory: directory };
    assert!(server.url.starts_with("rtsp://"), "the server said {line:?}");
    Some(server)
}

/// Serves the same over RTMP to the first client, if that is possible.
fn serve_rtmp() -> Option<Server> {
    let (directory, file) = pattern_file();
    let port = TcpListener::bind("127.0.0.1:0").unwrap().local_addr().unwrap().port();
    let url = format!("rtmp://127.0.0.1:{port}/live/pattern");
    let started = Command::new("ffmpeg")
        .args(["-nostdin", "-loglevel", "quiet", "-re", "-i"])
        .arg(file)
        .args(["-c", "copy", "-f", "flv", "-listen", "1", &url])
        .spawn();
    match started {
        Ok(process) => Some(Server { process, url, _directory: directory }),
        Err(error) => {
            eprintln!("skipped: ffmpeg cannot be started: {error}");
            None
        }
    }
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

/// Takes all frames there are, and checks that each shows what belongs at its time.
fn check(mut stream: NetworkStream) {
    let mut frames = Vec::new();
    let error = loop {
        match stream.next_frame(LONG) {
            Ok(captured) => frames.push(captured),
            Err(error) => break error,
        }
    };
    assert!(matches!(error, CaptureError::Disconnected { .. }), "{error:?}");
    assert!(frames.len() as u64 > FRAMES / 2, "{} frames", frames.len());
    assert_eq!(u64::from(number(frames.last().unwrap())), FRAMES - 1);
    for pair in frames.windows(2) {
        let (earlier, later) = (&pair[0], &pair[1]);
        let steps = number(later).checked_sub(number(earlier)).unwrap();
        let seconds = |frame: &CapturedFrame| frame.frame.timestamp().unwrap().seconds();
        let passed = seconds(later) - seconds(earlier);
        assert!((passed - f64::from(steps) / 30.0).abs() < 0.002, "{steps} frames in {passed} s");
    }
    let format = stream.format().unwrap();
    assert_eq!((format.width, format.height), (640, 360));
}

fn check_rtsp(transport: Transport) {
    let Some(server) = serve_rtsp() else { return };
    check(NetworkStream::options(&server.url).transport(transport).open().unwrap());
}

#[test]
fn rtsp_over_tcp_gives_frames_at_their_times() {
    check_rtsp(Transport::Tcp);
}

#[test]
fn rtsp_over_udp_gives_frames_at_their_times() {
    check_rtsp(Transport::Udp);
}

#[test]
fn rtmp_gives_frames_at_their_times() {
    let Some(server) = serve_rtmp() else { return };
    let started = Instant::now();
    loop {
        match NetworkStream::open(&server.url) {
            Ok(stream) => return check(stream),
            // It does not say when it listens.
            Err(CaptureError::Refused { .. }) if started.elapsed() < LONG => {
                std::thread::sleep(Duration::from_millis(20));
            }
            Err(error) => panic!("{error}"),
        }
    }
}
