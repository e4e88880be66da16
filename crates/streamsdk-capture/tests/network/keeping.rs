//! Which frames are kept, and how a stream ends.

use std::io::Write;
use std::net::Shutdown;
use std::sync::mpsc::channel;
use std::time::Duration;

use streamsdk_capture::{
    CaptureError, CapturedFrame, FrameProducer, NetworkStream, NetworkStreamOptions, TestPattern,
    WhenFull, marker,
};

use crate::support::{answering, hang, http, read_request, send_pattern, server};

const LONG: Duration = Duration::from_secs(30);

fn clip() -> Vec<u8> {
    let path = concat!(env!("CARGO_MANIFEST_DIR"), "/../../tests/data/video/numbered_baseline.mp4");
    std::fs::read(path).unwrap()
}

fn patient(url: &str) -> NetworkStreamOptions {
    NetworkStream::options(url).connect_timeout(LONG).read_timeout(LONG)
}

/// All frames, and why there are no more.
fn take_all(stream: &mut NetworkStream) -> (Vec<CapturedFrame>, CaptureError) {
    let mut frames = Vec::new();
    loop {
        match stream.next_frame(LONG) {
            Ok(frame) => frames.push(frame),
            Err(error) => return (frames, error),
        }
    }
}

#[test]
fn what_can_wait_gives_every_frame_however_slowly_they_are_taken() {
    let server = answering(http("video/mp4", &clip()));
    let url = format!("http://{server}/clip.mp4");
    // Room for one frame: nobody takes the others for a while.
    let mut stream = patient(&url).every_frame(1).open().unwrap();
    let first = stream.next_frame(LONG).unwrap();
    std::thread::sleep(Duration::from_millis(300));
    let (frames, end) = take_all(&mut stream);
    assert_eq!((frames.len(), end), (89, CaptureError::EndOfStream));
    let numbers = [&[first][..], &frames].concat();
    assert!(numbers.iter().all(|captured| captured.dropped == 0));
    assert!(numbers.iter().map(|captured| marker::read(&captured.frame)).eq((0..90).map(Some)));
    assert!(!stream.damage().is_loss(), "{}", stream.damage());
}

#[test]
fn a_live_stream_keeps_what_there_is_room_for_and_counts_the_others() {
    type Options = fn(&str) -> NetworkStreamOptions;
    /// What there is room for, where a frame has so many bytes.
    type Room = fn(usize) -> usize;
    let cases: [(Options, Room); 5] = [
        (patient, |_| 1),
        (|url| patient(url).every_frame(1_000_000), |bytes| 1_000_000 / bytes),
        (|url| patient(url).every_frame(0), |_| 1),
        (|url| patient(url).buffered(5, WhenFull::DropOldest), |_| 5),
        (|url| patient(url).buffered(100, WhenFull::Wait), |_| 50),
    ];
    for (options, room) in cases {
        let (sender, sent) = channel();
        let server = server(move |mut client, _| {
            let pattern = TestPattern::new(320, 180, 30.0).paced(false).limit(50);
            send_pattern(&mut client, pattern);
            // It has taken all that came when it closes, too.
            client.shutdown(Shutdown::Write).unwrap();
            hang(&client);
            let _ = sender.send(());
        });
        let mut stream = options(&format!("http://{server}/")).open().unwrap();
        sent.recv_timeout(LONG).unwrap();
        let (frames, end) = take_all(&mut stream);
        assert!(matches!(end, CaptureError::Disconnected { .. }), "{end:?}");
        let bytes = frames[0].frame.planes().iter().map(|plane| plane.data.len()).sum();
        assert_eq!(frames.len(), room(bytes));
        let dropped: u64 = frames.iter().map(|captured| captured.dropped).sum();
        assert_eq!(frames.len() as u64 + dropped, 50);
    }
}

#[test]
fn a_page_instead_of_a_video_is_called_what_it_is() {
    let page = b"<html><body>Please log in</body></html>";
    for path in ["video.mjpeg", "video", "clip.mp4", "live.ts"] {
        let server = answering(http("text/html\x1b[31m; charset=utf-8", page));
        let opened = patient(&format!("http://{server}/{path}")).open();
        let error = opened.map_or_else(|error| error, |mut stream| take_all(&mut stream).1);
        assert!(matches!(error, CaptureError::NotVideo { .. }), "{path}: {error:?}");
        assert!(error.to_string().contains("the server sends text/html"), "{path}: {error}");
        assert!(!error.to_string().contains('\x1b'), "{path}: {error:?}");
    }
}

#[test]
fn a_stream_without_an_announced_end_that_stops_is_a_camera_that_went_away() {
    let path = concat!(env!("CARGO_MANIFEST_DIR"), "/../../tests/data/video/numbered_baseline.ts");
    let head = b"HTTP/1.1 200 OK\r\nContent-Type: video/mp2t\r\nConnection: close\r\n\r\n";
    let server = answering([&head[..], &std::fs::read(path).unwrap()].concat());
    let url = format!("http://{server}/live.ts");
    let (frames, end) = take_all(&mut patient(&url).buffered(100, WhenFull::Wait).open().unwrap());
    assert_eq!(frames.len(), 90);
    assert!(matches!(end, CaptureError::Disconnected { .. }), "{end:?}");
}

#[test]
fn a_file_that_breaks_off_is_not_taken_for_a_whole_one() {
    let whole = clip();
    let cut = &whole[..whole.len() * 6 / 10];
    // The server stored a part of it, or goes away in the middle.
    let goes_away = [http("video/mp4", &whole)[..].to_vec()].concat();
    let goes_away = goes_away[..goes_away.len() * 6 / 10].to_vec();
    for answer in [http("video/mp4", cut), goes_away] {
        let server = answering(answer);
        let mut stream = patient(&format!("http://{server}/clip.mp4")).every_frame(1 << 20).open();
        let (frames, end) = take_all(stream.as_mut().unwrap());
        let damage = stream.unwrap().damage();
        assert!(!end.is_end() || damage.is_loss(), "{end:?} {damage}");
        assert!((20..89).contains(&frames.len()), "{}", frames.len());
    }
}

/// The packets of a transport stream of 90 frames: those that tell of the program, and three parts.
fn segments() -> (Vec<u8>, [Vec<u8>; 3]) {
    let path = concat!(env!("CARGO_MANIFEST_DIR"), "/../../tests/data/video/numbered_baseline.ts");
    let data = std::fs::read(path).unwrap();
    let (mut tables, mut parts, mut frames) = (Vec::new(), [const { Vec::new() }; 3], 0);
    for packet in data.as_chunks::<188>().0 {
        if u16::from_be_bytes([packet[1] & 0x1f, packet[2]]) == 0x100 {
            frames += usize::from(packet[1] & 0x40 != 0);
            parts[(frames - 1) / 30].extend_from_slice(packet);
        } else if frames == 0 {
            tables.extend_from_slice(packet);
        }
    }
    (tables, parts)
}

#[test]
fn parts_of_a_playlist_that_are_not_there_are_missing_frames() {
    let list = "#EXTM3U\n#EXT-X-VERSION:3\n#EXT-X-TARGETDURATION:1\n\
                #EXTINF:1,\n0.ts\n#EXTINF:1,\n1.ts\n#EXTINF:1,\n2.ts\n#EXT-X-ENDLIST\n";
    for (missing, frames) in [(None, 90), (Some("1.ts"), 60)] {
        let (tables, parts) = segments();
        let server = server(move |mut client, _| {
            let Some(request) = read_request(&client) else { return };
            let name = request[0].split(['/', ' ']).nth(2).unwrap_or_default().to_owned();
            let part = name.split('.').next().and_then(|number| number.parse::<usize>().ok());
            let answer = match part {
                _ if Some(name.as_str()) == missing => {
                    b"HTTP/1.1 404 Not Found\r\nContent-Length: 0\r\n\r\n".to_vec()
                }
                Some(part) => http("video/mp2t", &[&tables[..], &parts[part]].concat()),
                None => http("application/vnd.apple.mpegurl", list.as_bytes()),
            };
            let _ = client.write_all(&answer);
        });
        let url = format!("http://{server}/list.m3u8");
        let mut stream = patient(&url).every_frame(1).open().unwrap();
        let (taken, end) = take_all(&mut stream);
        assert_eq!((taken.len(), end), (frames, CaptureError::EndOfStream));
        assert_eq!(stream.damage().missing_frames, 90 - frames as u64, "{}", stream.damage());
    }
}
