//! RTSP cameras whose video is passed on as it comes.

use std::io::{BufReader, Write};
use std::net::TcpStream;
use std::path::Path;
use std::sync::mpsc::{Receiver, channel};
use std::thread;
use std::time::{Duration, Instant};

use streamsdk_capture::{
    CaptureError, EncodedProducer, EncodedStream, H264Profile, NetworkStream, NetworkStreamOptions,
    StopHandle,
};

use crate::rtsp_camera::{packets, pictures};
use crate::support::{hang, next_request, server};

const LONG: Duration = Duration::from_secs(30);
const SDP: &str = "v=0\r\ns=camera\r\nm=video 0 RTP/AVP 96\r\na=rtpmap:96 H264/90000\r\n\
    a=fmtp:96 packetization-mode=1\r\na=framerate:30\r\na=control:track1\r\n";
const SET_UP: &str = "Transport: RTP/AVP/TCP;unicast;interleaved=0-1\r\nSession: 7;timeout=2\r\n";
const FRAME_TICKS: u32 = 3000;

/// A request: its first line, and its fields.
type Request = Vec<String>;

/// What a camera answers with: a status, and fields. `None` is for what every camera says.
type Answer = Option<(&'static str, &'static str)>;

/// A camera, and what it sends before it says that it plays and behind that.
struct Camera {
    answer: fn(&Request) -> Answer,
    before_playing: Vec<u8>,
    video: Vec<u8>,
}

impl Camera {
    /// Gives its address, and what it is asked.
    fn start(self) -> (String, Receiver<Request>) {
        let (sender, asked) = channel();
        let address = server(move |mut client, _| {
            let mut requests = BufReader::new(client.try_clone().unwrap());
            while let Some(request) = next_request(&mut requests) {
                if sender.send(request.clone()).is_err() || !self.reply(&mut client, &request) {
                    return;
                }
            }
        });
        (address, asked)
    }

    fn reply(&self, client: &mut TcpStream, request: &Request) -> bool {
        let method = method(request);
        let (status, fields) = (self.answer)(request).unwrap_or(match method {
            "OPTIONS" => ("200 OK", "Public: OPTIONS, DESCRIBE, SETUP, PLAY, GET_PARAMETER\r\n"),
            "SETUP" => ("200 OK", SET_UP),
            _ => ("200 OK", ""),
        });
        let is_accepted = status == "200 OK";
        let body = if method == "DESCRIBE" && is_accepted { SDP } else { "" };
        let (number, length) = (field(request, "CSeq").unwrap_or_default(), body.len());
        let answer = format!(
            "RTSP/1.0 {status}\r\nCSeq: {number}\r\n{fields}Content-Length: {length}\r\n\r\n{body}"
        );
        let plays = method == "PLAY" && is_accepted;
        let nothing = Vec::new();
        let (before, after) =
            if plays { (&self.before_playing, &self.video) } else { (&nothing, &nothing) };
        [before, answer.as_bytes(), after].iter().all(|part| client.write_all(part).is_ok())
    }
}

fn method(request: &Request) -> &str {
    request[0].split_once(' ').unwrap_or_default().0
}

fn field<'a>(request: &'a Request, name: &str) -> Option<&'a str> {
    let mut fields = request.iter().filter_map(|line| line.split_once(": "));
    fields.find(|(known, _)| *known == name).map(|(_, value)| value)
}

/// The pictures of a clip, each in packets of its own.
fn video() -> Vec<Vec<u8>> {
    let data = concat!(env!("CARGO_MANIFEST_DIR"), "/../../tests/data/video/");
    let pictures = pictures(&Path::new(data).join("numbered_baseline.mp4"));
    let mut sequence = u16::MAX - 20;
    let numbered = (0..).zip(&pictures);
    numbered.map(|(number, it)| packets(it, &mut sequence, number * FRAME_TICKS)).collect()
}

/// A camera that says goodbye at its end.
fn camera(answer: fn(&Request) -> Answer) -> Camera {
    let goodbye = [b'$', 1, 0, 8, 0x81, 203, 0, 1, 0, 0, 0, 7];
    let video = video().into_iter().flatten().chain(goodbye).collect();
    Camera { answer, before_playing: Vec::new(), video }
}

/// So patient that no load on the machine makes a difference.
fn options(address: &str) -> NetworkStreamOptions {
    let url = format!("rtsp://me:hunter2@{address}/live");
    NetworkStream::options(url).connect_timeout(LONG).read_timeout(LONG)
}

/// How many frames come, and why there are no more.
fn take_all(stream: &mut EncodedStream) -> (usize, CaptureError) {
    let mut count = 0;
    loop {
        match stream.next_encoded() {
            Ok(_) => count += 1,
            Err(error) => return (count, error),
        }
    }
}

#[test]
fn frames_come_as_they_were_sent_up_to_the_goodbye() {
    let (address, asked) = camera(|_| None).start();
    let mut stream = options(&address).open_encoded().unwrap();
    let format = *stream.format().unwrap();
    assert_eq!((format.width, format.height, format.frame_rate), (640, 160, Some(30.0)));
    assert_eq!(stream.profile(), Some(H264Profile::Baseline));
    let first = stream.next_encoded().unwrap();
    let second = stream.next_encoded().unwrap();
    assert!(first.key_frame && !second.key_frame);
    assert!((second.timestamp.seconds() - first.timestamp.seconds() - 1.0 / 30.0).abs() < 1e-6);
    let (count, end) = take_all(&mut stream);
    assert_eq!(count, 88);
    assert!(matches!(end, CaptureError::Disconnected { .. }), "{end}");
    assert!(!stream.damage().is_loss(), "{}", stream.damage());
    drop(stream);
    let next = || method(&asked.recv_timeout(LONG).unwrap()).to_owned();
    let methods: Vec<_> = (0..5).map(|_| next()).collect();
    assert_eq!(methods, ["OPTIONS", "DESCRIBE", "SETUP", "PLAY", "TEARDOWN"]);
}

#[test]
fn what_comes_before_the_answer_is_not_lost() {
    let mut pictures = video();
    let rest = pictures.split_off(10).concat();
    let camera = Camera { answer: |_| None, before_playing: pictures.concat(), video: rest };
    let (address, _asked) = camera.start();
    let mut stream = options(&address).open_encoded().unwrap();
    for _ in 0..90 {
        stream.next_encoded().unwrap();
    }
}

#[test]
fn frames_of_which_a_part_is_missing_are_left_out_and_counted() {
    let mut pictures = video();
    // One is not there at all, and one without its second packet.
    pictures[40].clear();
    let second = 4 + usize::from(u16::from_be_bytes([pictures[30][2], pictures[30][3]]));
    let third =
        4 + usize::from(u16::from_be_bytes([pictures[30][second + 2], pictures[30][second + 3]]));
    pictures[30].drain(second..second + third);
    let camera = Camera { answer: |_| None, before_playing: Vec::new(), video: pictures.concat() };
    let (address, _asked) = camera.start();
    let mut stream = options(&address).open_encoded().unwrap();
    for _ in 0..88 {
        stream.next_encoded().unwrap();
    }
    assert_eq!(stream.damage().missing_frames, 2);
}

#[test]
fn a_camera_is_told_who_looks_as_it_wants_to_be_told() {
    let (address, asked) = camera(|request| match field(request, "Authorization") {
        Some(_) => None,
        None => Some((
            "401 Unauthorized",
            "WWW-Authenticate: Basic realm=\"cam\"\r\n\
             WWW-Authenticate: Digest realm=\"cam\", nonce=\"abc\", qop=\"auth\", algorithm=SHA-256\r\n",
        )),
    })
    .start();
    let mut stream = options(&address).open_encoded().unwrap();
    assert_eq!(take_all(&mut stream).0, 90);
    let asked: Vec<_> = asked.try_iter().filter(|it| method(it) != "TEARDOWN").collect();
    let told: Vec<_> = asked.iter().filter_map(|request| field(request, "Authorization")).collect();
    assert_eq!((asked.len(), told.len()), (5, 4));
    assert!(
        told.iter().all(|told| told.starts_with("Digest ") && told.contains("SHA-256")),
        "{told:?}"
    );
    assert!(!asked.concat().concat().contains("hunter2"));
}

#[test]
fn a_wrong_password_is_tried_once() {
    let (address, asked) =
        camera(|_| Some(("401 Unauthorized", "WWW-Authenticate: Basic realm=\"cam\"\r\n"))).start();
    let error = options(&address).open_encoded().unwrap_err();
    assert!(matches!(error, CaptureError::Unauthorized { .. }), "{error:?}");
    let told = asked.try_iter().filter(|request| field(request, "Authorization").is_some()).count();
    assert_eq!(told, 1);
}

#[test]
fn a_camera_hears_that_somebody_still_looks() {
    let (address, asked) = Camera { video: video().concat(), ..camera(|_| None) }.start();
    let mut stream = options(&address).open_encoded().unwrap();
    let stop_handle = stream.stop_handle();
    let looking = thread::spawn(move || take_all(&mut stream));
    let still = loop {
        let request = asked.recv_timeout(LONG).unwrap();
        if method(&request) == "GET_PARAMETER" {
            break request;
        }
    };
    assert_eq!(field(&still, "Session"), Some("7"));
    stop_handle.stop();
    assert_eq!(looking.join().unwrap(), (90, CaptureError::Stopped));
}

#[test]
fn a_camera_may_ask_something_too() {
    let pictures = video();
    let question = b"OPTIONS rtsp://client/ RTSP/1.0\r\nCSeq: 77\r\n\r\n".to_vec();
    let camera = Camera {
        answer: |_| None,
        before_playing: question.clone(),
        video: [pictures[..45].concat(), question, pictures[45..].concat()].concat(),
    };
    let (address, asked) = camera.start();
    let mut stream = options(&address).open_encoded().unwrap();
    for _ in 0..90 {
        stream.next_encoded().unwrap();
    }
    drop(stream);
    let answered = |request: &Request| request[0] == "RTSP/1.0 200 OK";
    let answers = (0..6).map(|_| asked.recv_timeout(LONG).unwrap()).filter(answered);
    let numbers: Vec<_> =
        answers.map(|answer| field(&answer, "CSeq").unwrap().to_owned()).collect();
    assert_eq!(numbers, ["77", "77"]);
}

#[test]
fn what_cannot_be_taken_as_it_comes_is_tried_otherwise() {
    let (address, asked) = camera(|request| match method(request) {
        "SETUP" => Some(("461 Unsupported Transport", "")),
        _ => None,
    })
    .start();
    let error = options(&address).open_encoded().unwrap_err();
    assert!(matches!(error, CaptureError::Rejected { .. }), "{error:?}");
    let transports =
        asked.try_iter().filter_map(|it| Some(field(&it, "Transport")?.contains("TCP")));
    assert_eq!(transports.collect::<Vec<_>>(), [true, true, false]);
}

#[test]
fn a_camera_that_does_not_answer_is_waited_for_as_long_as_it_may_take() {
    let silent = server(move |client, _| hang(&client));
    let wait = Duration::from_millis(300);
    let error = options(&silent).connect_timeout(wait).open_encoded().unwrap_err();
    assert!(matches!(error, CaptureError::Unreachable { .. }), "{error:?}");
    let stop_handle = StopHandle::default();
    let stopping = stop_handle.clone();
    let opening = thread::spawn(move || options(&silent).stop_handle(stop_handle).open_encoded());
    let began = Instant::now();
    stopping.stop();
    let stopped = opening.join().unwrap().unwrap_err();
    assert_eq!((stopped, began.elapsed() < LONG / 2), (CaptureError::Stopped, true));
}

#[test]
fn a_camera_that_plays_nothing_is_silent() {
    let camera = Camera { video: Vec::new(), ..camera(|_| None) };
    let (address, _asked) = camera.start();
    let wait = Duration::from_millis(300);
    let error = options(&address).read_timeout(wait).open_encoded().unwrap_err();
    assert!(matches!(error, CaptureError::Silent { .. }), "{error:?}");
}

#[test]
fn a_frame_without_an_end_is_an_error() {
    // The middle of a unit, again and again, beyond the 64 MiB that a frame may have.
    let part = [&[0x5c, 0x01][..], &[7; 60_000]].concat();
    let video = (0..1200_u16).flat_map(|number| {
        let header = [&[0x80, 96][..], &number.to_be_bytes(), &[0; 4], &[0, 0, 0, 7]].concat();
        let length = (header.len() + part.len()) as u16;
        [&[b'$', 0][..], &length.to_be_bytes(), &header, &part].concat()
    });
    let camera = Camera { video: video.collect(), ..camera(|_| None) };
    let (address, _asked) = camera.start();
    let error = options(&address).open_encoded().unwrap_err();
    assert!(matches!(error, CaptureError::Decode { .. }), "{error:?}");
}
