//! Streams that are decoded.

use std::io::Write;
use std::net::{TcpListener, TcpStream};
use std::sync::mpsc::channel;
use std::thread;
use std::time::{Duration, Instant};

use streamsdk_capture::{
    CaptureError, CapturedFrame, FrameProducer, NetworkStream, NetworkStreamOptions, Reconnect,
    StopHandle, TestPattern, marker,
};
use streamsdk_media::PixelFormat;

use crate::support::{answering, begin_mjpeg, hang, http, send_part, send_pattern, server};

const LONG: Duration = Duration::from_secs(30);
/// How long a test waits for something not to happen.
const SHORT: Duration = Duration::from_millis(400);

fn pattern(fps: f64) -> TestPattern {
    TestPattern::new(320, 180, fps)
}

fn at_once(frames: u64) -> TestPattern {
    pattern(30.0).paced(false).limit(frames)
}

/// So patient that no load on the machine makes a difference.
fn patient(url: &str) -> NetworkStreamOptions {
    NetworkStream::options(url).connect_timeout(LONG).read_timeout(LONG)
}

fn impatient(url: &str) -> NetworkStreamOptions {
    NetworkStream::options(url).connect_timeout(SHORT).read_timeout(SHORT)
}

fn number(captured: &CapturedFrame) -> u32 {
    marker::read(&captured.frame).unwrap()
}

fn opening_fails(url: &str) -> CaptureError {
    patient(url).open().map(drop).unwrap_err()
}

/// Takes frames until there is an error other than a time-out.
fn last_error(stream: &mut NetworkStream) -> CaptureError {
    loop {
        match stream.next_frame(LONG) {
            Ok(_) => {}
            Err(error) => return error,
        }
    }
}

#[test]
fn mjpeg_over_http_gives_frames_in_order_with_times_and_numbers() {
    let server = server(|mut client, _| send_pattern(&mut client, pattern(50.0)));
    let mut stream = NetworkStream::open(format!("http://{server}/video")).unwrap();
    let frames: Vec<_> = (0..20).map(|_| stream.next_frame(LONG).unwrap()).collect();
    for pair in frames.windows(2) {
        let (earlier, later) = (&pair[0], &pair[1]);
        assert_eq!(later.sequence, earlier.sequence + 1 + later.dropped);
        assert_eq!(u64::from(number(later) - number(earlier)), 1 + later.dropped);
        let seconds = |frame: &CapturedFrame| frame.frame.timestamp().unwrap().seconds();
        assert!(seconds(later) > seconds(earlier));
        assert!(later.arrived >= earlier.arrived);
    }
    let format = *stream.format().unwrap();
    assert_eq!((format.width, format.height), (320, 180));
    assert_eq!((format.pixel_format, format.frame_rate), (PixelFormat::I420, None));
    assert_eq!(frames[0].frame.format(), PixelFormat::I420);
}

#[test]
fn a_slow_consumer_gets_the_newest_frame_and_the_count_of_the_others() {
    let (sender, sent) = channel();
    let server = server(move |mut client, _| {
        send_pattern(&mut client, at_once(200));
        sender.send(()).unwrap();
        hang(&client);
    });
    let url = format!("http://{server}/");
    let mut stream = NetworkStream::options(url).read_timeout(LONG).open().unwrap();
    sent.recv_timeout(LONG).unwrap();
    let (mut taken, mut dropped) = (0, 0);
    loop {
        let captured = stream.next_frame(LONG).unwrap();
        taken += 1;
        dropped += captured.dropped;
        if number(&captured) == 199 {
            break;
        }
        // The slowness is what is tested; nothing waits for it.
        std::thread::sleep(Duration::from_millis(50));
    }
    assert_eq!(taken + dropped, 200);
    assert!(taken < 100, "{taken} frames were taken");
    assert!(stream.next_frame(Duration::ZERO).unwrap_err().is_timeout());
}

#[test]
fn a_file_over_http_ends() {
    let path = concat!(env!("CARGO_MANIFEST_DIR"), "/../../tests/data/video/plain_160x120.mp4");
    let server = answering(http("video/mp4", &std::fs::read(path).unwrap()));
    let mut stream = NetworkStream::open(format!("http://{server}/clip.mp4")).unwrap();
    assert_eq!(stream.format().unwrap().frame_rate, Some(30.0));
    let mut last = stream.next_frame(LONG).unwrap();
    let error = loop {
        match stream.next_frame(LONG) {
            Ok(captured) => last = captured,
            Err(error) => break error,
        }
    };
    assert_eq!((last.sequence, error), (29, CaptureError::EndOfStream));
    assert_eq!(stream.next_frame(LONG).unwrap_err(), CaptureError::EndOfStream);
}

#[test]
fn a_port_where_nobody_listens_refuses() {
    let address = TcpListener::bind("127.0.0.1:0").unwrap().local_addr().unwrap();
    for scheme in ["rtsp", "rtmp", "http"] {
        let error = opening_fails(&format!("{scheme}://{address}/x"));
        assert!(matches!(error, CaptureError::Refused { .. }), "{scheme}: {error}");
        assert!(error.is_retryable());
    }
}

#[test]
fn a_server_that_does_not_answer_is_given_up_in_time() {
    let server = server(|client, _| hang(&client));
    for scheme in ["rtsp", "rtmp", "http"] {
        let started = Instant::now();
        let opened = impatient(&format!("{scheme}://{server}/x")).read_timeout(LONG).open();
        let error = opened.map(drop).unwrap_err();
        assert!(matches!(error, CaptureError::Unreachable { .. }), "{scheme}: {error}");
        assert!((SHORT..LONG / 3).contains(&started.elapsed()), "{:?}", started.elapsed());
    }
}

#[test]
fn a_server_that_closes_at_once_is_an_error_that_can_be_tried_again() {
    let server = server(|client, _| drop(client));
    for scheme in ["rtsp", "rtmp", "http"] {
        let error = opening_fails(&format!("{scheme}://{server}/x"));
        assert!(error.is_retryable(), "{scheme}: {error:?}");
    }
}

#[test]
fn refusals_are_told_apart_and_tell_no_secrets() {
    for (protocol, scheme) in [("RTSP/1.0", "rtsp"), ("HTTP/1.1", "http")] {
        for status in ["401 Unauthorized", "404 Not Found", "403 Forbidden", "500 Oops"] {
            let server = server(move |mut client, _| {
                while let Some(request) = crate::support::read_request(&client) {
                    let number = request.iter().find(|line| line.starts_with("CSeq")).cloned();
                    let head = format!(
                        "{protocol} {status}\r\n{}\r\nWWW-Authenticate: Basic realm=\"x\"\r\n\
                         Content-Length: 0\r\n\r\n",
                        number.unwrap_or_else(|| "X-None: 0".to_owned()),
                    );
                    let _ = client.write_all(head.as_bytes());
                }
            });
            let url = format!("{scheme}://me:hunter2@{server}/live?key=hunter2");
            let error = opening_fails(&url);
            let is_expected = match &status[..3] {
                "401" => matches!(error, CaptureError::Unauthorized { .. }),
                "404" => matches!(error, CaptureError::NotFound { .. }),
                _ => matches!(error, CaptureError::Rejected { .. }),
            };
            assert!(is_expected, "{scheme} {status}: {error:?}");
            let told = format!("{error} {error:?} {:?}", patient(&url));
            assert!(!told.contains("hunter2") && told.contains(&server), "{told}");
        }
    }
}

#[test]
fn credentials_are_sent_as_they_are_meant() {
    let (sender, seen) = channel();
    let server = server(move |mut client, _| {
        while let Some(request) = crate::support::read_request(&client) {
            let header = |name: &str| request.iter().find(|line| line.starts_with(name)).cloned();
            sender.send(header("Authorization")).unwrap();
            let status = match header("Authorization") {
                None => "401 Unauthorized\r\nWWW-Authenticate: Basic realm=\"x\"",
                Some(_) => "404 Not Found",
            };
            let number = header("CSeq").unwrap();
            let _ = client.write_all(format!("RTSP/1.0 {status}\r\n{number}\r\n\r\n").as_bytes());
        }
    });
    let error = opening_fails(&format!("rtsp://me:pa%20ss@{server}/live"));
    assert!(matches!(error, CaptureError::NotFound { .. }), "{error:?}");
    let basic = "Authorization: Basic bWU6cGEgc3M=";
    assert!(seen.try_iter().flatten().any(|header| header == basic));
}

#[test]
fn what_is_not_a_video_is_refused() {
    let audio = concat!(env!("CARGO_MANIFEST_DIR"), "/../../tests/data/video/audio_only.m4a");
    for (kind, body) in [
        ("text/html", b"<html><body>Please log in</body></html>".to_vec()),
        ("video/mp4", Vec::new()),
        ("audio/mp4", std::fs::read(audio).unwrap()),
        ("application/sdp", b"v=0\r\nm=video 5000 RTP/AVP 96\r\n".to_vec()),
    ] {
        let server = answering(http(kind, &body));
        let error = opening_fails(&format!("http://{server}/x"));
        assert!(matches!(error, CaptureError::NotVideo { .. }), "{kind}: {error:?}");
    }
}

#[test]
fn a_server_cannot_make_us_read_files() {
    let clip = concat!(env!("CARGO_MANIFEST_DIR"), "/../../tests/data/video/plain_160x120.mp4");
    let redirect = format!("HTTP/1.1 302 Found\r\nLocation: file://{clip}\r\n\r\n");
    let playlist =
        format!("#EXTM3U\n#EXT-X-TARGETDURATION:1\n#EXTINF:1,\nfile://{clip}\n#EXT-X-ENDLIST\n");
    let concat = format!("ffconcat version 1.0\nfile 'file:{clip}'\n");
    for answer in [
        redirect.into_bytes(),
        http("application/vnd.apple.mpegurl", playlist.as_bytes()),
        http("text/plain", concat.as_bytes()),
    ] {
        let server = answering(answer);
        let opened = impatient(&format!("http://{server}/list.m3u8")).open();
        let error = opened.map(|mut stream| last_error(&mut stream)).unwrap_or_else(|error| error);
        assert!(!matches!(error, CaptureError::EndOfStream), "{error:?}");
    }
}

#[test]
fn a_stream_that_falls_silent_is_told_from_one_that_closes() {
    let silent = server(|mut client, _| {
        send_pattern(&mut client, at_once(5));
        hang(&client);
    });
    let mut stream = impatient(&format!("http://{silent}/")).open().unwrap();
    let error = last_error(&mut stream);
    assert!(matches!(error, CaptureError::Silent { .. }), "{error:?}");
    assert_eq!(stream.next_frame(LONG).unwrap_err(), error);

    let closing = server(|mut client, _| send_pattern(&mut client, at_once(5)));
    let mut stream = patient(&format!("http://{closing}/")).open().unwrap();
    let error = last_error(&mut stream);
    assert!(matches!(error, CaptureError::Disconnected { .. }), "{error:?}");
}

#[test]
fn a_stream_that_breaks_off_is_opened_again_and_goes_on() {
    let server = server(|mut client, number| match number {
        // A refusal in between does not end the attempts, except one that asks for credentials.
        1 => drop(client.write_all(b"HTTP/1.1 503 Busy\r\nContent-Length: 0\r\n\r\n")),
        3 => drop(client.write_all(b"HTTP/1.1 401 Who\r\nContent-Length: 0\r\n\r\n")),
        _ => send_pattern(&mut client, pattern(100.0).limit(10)),
    });
    let policy = Reconnect::attempts(3).first_delay(Duration::from_millis(20));
    let stream = patient(&format!("http://{server}/")).reconnect(policy).open().unwrap();
    let frames: Vec<_> = stream.frames().collect();
    let (end, frames) = frames.split_last().unwrap();
    assert!(matches!(end, Err(CaptureError::Unauthorized { .. })), "{end:?}");
    let frames: Vec<_> = frames.iter().map(|frame| frame.as_ref().unwrap()).collect();
    assert_eq!(frames.last().unwrap().sequence, 19);
    let starts_again = |pair: &&[&CapturedFrame]| number(pair[1]) < number(pair[0]);
    assert_eq!(frames.windows(2).filter(starts_again).count(), 1);
    let times = frames.iter().map(|captured| captured.frame.timestamp().unwrap().seconds());
    assert!(times.is_sorted_by(|earlier, later| earlier < later));
}

#[test]
fn attempts_to_reconnect_come_to_an_end() {
    let listener = TcpListener::bind("127.0.0.1:0").unwrap();
    let address = listener.local_addr().unwrap();
    thread::spawn(move || {
        let (mut client, _) = listener.accept().unwrap();
        drop(listener);
        send_pattern(&mut client, at_once(3));
    });
    let policy = Reconnect::attempts(2).first_delay(Duration::from_millis(10));
    let mut stream = patient(&format!("http://{address}/")).reconnect(policy).open().unwrap();
    let error = last_error(&mut stream);
    assert!(matches!(error, CaptureError::Refused { .. }), "{error:?}");
}

#[test]
fn stopping_ends_opening_and_waiting_and_reconnecting() {
    let silent = server(|client, _| hang(&client));
    let stop_handle = StopHandle::default();
    let opening = patient(&format!("rtsp://{silent}/")).stop_handle(stop_handle.clone());
    let thread = thread::spawn(move || opening.open().map(drop));
    stop_handle.stop();
    assert_eq!(thread.join().unwrap(), Err(CaptureError::Stopped));

    for then in [hang as fn(&TcpStream), |_| {}] {
        let server = server(move |mut client, _| {
            send_pattern(&mut client, at_once(1));
            then(&client);
        });
        let reconnect = Reconnect::always().first_delay(LONG);
        let url = format!("http://{server}/");
        let mut stream = patient(&url).reconnect(reconnect).open().unwrap();
        stream.next_frame(LONG).unwrap();
        let stop_handle = stream.stop_handle();
        let started = Instant::now();
        let waiting = thread::spawn(move || {
            let result = stream.next_frame(LONG).map(drop);
            (result, stream)
        });
        stop_handle.stop();
        let (result, mut stream) = waiting.join().unwrap();
        assert_eq!(result, Err(CaptureError::Stopped));
        assert_eq!(stream.next_frame(LONG).map(drop), Err(CaptureError::Stopped));
        drop(stream);
        assert!(started.elapsed() < LONG / 3, "{:?}", started.elapsed());
    }
}

#[test]
fn hostile_pictures_are_errors() {
    let jpeg = streamsdk_media::jpeg::Encoder::default();
    let small = at_once(1).frames().next().unwrap().unwrap().frame;
    let mut huge = jpeg.encode(&small).unwrap();
    let size = huge.windows(2).position(|window| window == [0xFF, 0xC0]).unwrap() + 5;
    huge[size..size + 4].copy_from_slice(&[0xFF, 0x00, 0xFF, 0x00]);
    let noise: Vec<u8> = (0..5000_u32).map(|index| (index * index % 251) as u8).collect();
    for image in [huge, noise, vec![0xFF, 0xD8, 0xFF]] {
        let server = server(move |mut client, _| {
            begin_mjpeg(&mut client);
            while send_part(&mut client, &image) {}
        });
        let opened = impatient(&format!("http://{server}/")).open();
        let error = opened.map(|mut stream| last_error(&mut stream)).unwrap_or_else(|error| error);
        assert!(
            matches!(error, CaptureError::Decode { .. } | CaptureError::NotVideo { .. }),
            "{error:?}"
        );
    }
}

#[test]
fn frames_larger_than_allowed_are_an_error() {
    let server = server(|mut client, _| send_pattern(&mut client, pattern(100.0)));
    let opened = impatient(&format!("http://{server}/")).max_pixels(100 * 100).open();
    let error = opened.map(|mut stream| last_error(&mut stream)).unwrap_or_else(|error| error);
    assert!(matches!(error, CaptureError::Decode { .. }), "{error:?}");
}

#[test]
fn a_picture_without_an_end_takes_no_endless_memory() {
    for length in ["", "Content-Length: 2000000000\r\n"] {
        let server = server(move |mut client, _| {
            begin_mjpeg(&mut client);
            let head = format!("--frame\r\nContent-Type: image/jpeg\r\n{length}\r\n");
            let _ = client.write_all(&[head.as_bytes(), b"\xFF\xD8"].concat());
            while client.write_all(&[0; 1 << 20]).is_ok() {}
        });
        let opened = NetworkStream::options(format!("http://{server}/")).read_timeout(LONG).open();
        let error = opened.map(|mut stream| last_error(&mut stream)).unwrap_or_else(|error| error);
        assert!(matches!(error, CaptureError::Decode { .. }), "{error:?}");
        assert!(error.to_string().contains("no end"), "{error}");
    }
}
