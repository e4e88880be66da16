//! An RTSP camera whose clock says what it likes.

use std::io::Write;
use std::net::TcpStream;
use std::path::Path;
use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::thread;
use std::time::{Duration, Instant};

use streamsdk_capture::{EncodedProducer, NetworkStream};

use crate::support::{answering, http, read_request, server};

const SDP: &str = "v=0\r\no=- 0 0 IN IP4 0.0.0.0\r\ns=camera\r\nc=IN IP4 0.0.0.0\r\nt=0 0\r\n\
    m=video 0 RTP/AVP 96\r\na=rtpmap:96 H264/90000\r\na=fmtp:96 packetization-mode=1\r\n\
    a=control:track1\r\n";
const PAYLOAD: usize = 1200;
const LONG: Duration = Duration::from_secs(30);

/// What a camera sends, and when.
pub(crate) struct Camera {
    /// Pictures in H264, with start codes.
    pub(crate) pictures: Vec<Vec<u8>>,
    pub(crate) frame_time: Duration,
    /// The timestamp of a picture by its number, in 90 kHz.
    pub(crate) stamp: fn(u32) -> u32,
}

/// The pictures of a clip in baseline profile, each of which is one that a camera can send.
pub(crate) fn pictures(clip: &Path) -> Vec<Vec<u8>> {
    let server = answering(http("video/mp4", &std::fs::read(clip).unwrap()));
    let options = NetworkStream::options(format!("http://{server}/clip.mp4"));
    // So patient that no load on the machine makes a difference.
    let options = options.connect_timeout(LONG).read_timeout(LONG);
    let mut stream = options.open_encoded().unwrap();
    let next = || stream.next_encoded().ok().map(|frame| frame.data.to_vec());
    std::iter::from_fn(next).collect()
}

/// What a camera has done.
#[derive(Clone, Default)]
pub(crate) struct Served {
    /// Pictures that have been sent.
    pub(crate) pictures: Arc<AtomicUsize>,
    /// How often it was asked to play.
    pub(crate) plays: Arc<AtomicUsize>,
}

impl Camera {
    /// Serves every client from the first picture on, and closes after the last. Gives the address.
    pub(crate) fn start(self) -> (String, Served) {
        let served = Served::default();
        let counted = served.clone();
        let address = server(move |mut client, _| {
            if answer_until_play(&mut client) {
                counted.plays.fetch_add(1, Ordering::SeqCst);
                self.play(&mut client, &counted.pictures);
            }
        });
        (format!("rtsp://{address}/live"), served)
    }

    fn play(&self, client: &mut TcpStream, sent: &AtomicUsize) {
        let (started, mut sequence) = (Instant::now(), 0);
        for (number, picture) in (0..).zip(&self.pictures) {
            let due = started + self.frame_time * number;
            // This is the camera's own speed; nothing waits for it.
            thread::sleep(due.saturating_duration_since(Instant::now()));
            let packets = packets(picture, &mut sequence, (self.stamp)(number));
            if client.write_all(&packets).is_err() {
                return;
            }
            sent.fetch_add(1, Ordering::SeqCst);
        }
    }
}

/// Whether the client wants to see something.
fn answer_until_play(client: &mut TcpStream) -> bool {
    while let Some(request) = read_request(client) {
        let number = request.iter().find(|line| line.starts_with("CSeq")).cloned();
        let (method, _) = request[0].split_once(' ').unwrap_or_default();
        let rest = match method {
            "OPTIONS" => "Public: OPTIONS, DESCRIBE, SETUP, PLAY, TEARDOWN\r\n\r\n".to_owned(),
            "DESCRIBE" => format!(
                "Content-Type: application/sdp\r\nContent-Length: {}\r\n\r\n{SDP}",
                SDP.len(),
            ),
            "SETUP" => {
                "Transport: RTP/AVP/TCP;unicast;interleaved=0-1\r\nSession: 7\r\n\r\n".to_owned()
            }
            _ => "Session: 7\r\n\r\n".to_owned(),
        };
        let answer = format!("RTSP/1.0 200 OK\r\n{}\r\n{rest}", number.unwrap_or_default());
        if client.write_all(answer.as_bytes()).is_err() || method == "PLAY" {
            return method == "PLAY";
        }
    }
    false
}

/// A picture in RTP packets on the first channel of the connection (RFC 6184).
pub(crate) fn packets(picture: &[u8], sequence: &mut u16, stamp: u32) -> Vec<u8> {
    let mut payloads = Vec::new();
    for unit in units(picture) {
        if unit.len() <= PAYLOAD {
            payloads.push(unit.to_vec());
            continue;
        }
        let parts: Vec<_> = unit[1..].chunks(PAYLOAD).collect();
        for (index, part) in parts.iter().enumerate() {
            let first = if index == 0 { 0x80 } else { 0 };
            let last = if index + 1 == parts.len() { 0x40 } else { 0 };
            let head = [unit[0] & 0xe0 | 28, first | last | unit[0] & 0x1f];
            payloads.push([&head[..], part].concat());
        }
    }
    let count = payloads.len();
    let mut bytes = Vec::new();
    for (index, payload) in payloads.iter().enumerate() {
        let length = u16::try_from(payload.len() + 12).unwrap();
        let marker = if index + 1 == count { 0x80 } else { 0 };
        bytes.extend([b'$', 0]);
        bytes.extend(length.to_be_bytes());
        bytes.extend([0x80, marker | 96]);
        bytes.extend(sequence.to_be_bytes());
        bytes.extend(stamp.to_be_bytes());
        bytes.extend(7_u32.to_be_bytes());
        bytes.extend(payload);
        *sequence = sequence.wrapping_add(1);
    }
    bytes
}

/// What is between start codes.
fn units(picture: &[u8]) -> Vec<&[u8]> {
    let codes = picture.windows(3).enumerate().filter(|(_, window)| *window == [0, 0, 1]);
    let begins: Vec<_> = codes.map(|(at, _)| at).collect();
    let ends = begins.iter().skip(1).copied().chain([picture.len()]);
    let unit = |(begin, end): (usize, usize)| {
        let mut unit = &picture[begin + 3..end];
        while let [rest @ .., 0] = unit {
            unit = rest;
        }
        unit
    };
    begins.iter().copied().zip(ends).map(unit).collect()
}
