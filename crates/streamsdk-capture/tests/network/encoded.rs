//! Video that is passed on as it was encoded.

use std::io::Write;
use std::thread;
use std::time::Duration;

use streamsdk_capture::{
    CaptureError, EncodedProducer, EncodedStream, H264Profile, NetworkStream, NetworkStreamOptions,
    Reconnect,
};
use streamsdk_media::video::EncodedFrame;

use crate::support::{answering, hang, http, read_request, server};

const LONG: Duration = Duration::from_secs(30);

fn clip(name: &str) -> Vec<u8> {
    let folder = concat!(env!("CARGO_MANIFEST_DIR"), "/../../tests/data/video/");
    std::fs::read(format!("{folder}{name}")).unwrap()
}

/// So patient that no load on the machine makes a difference.
fn options(server: &str) -> NetworkStreamOptions {
    let url = format!("http://{server}/clip.mp4");
    NetworkStream::options(url).connect_timeout(LONG).read_timeout(LONG)
}

fn open(name: &str) -> Result<EncodedStream, CaptureError> {
    options(&answering(http("video/mp4", &clip(name)))).open_encoded()
}

/// All frames, and why there are no more.
fn take_all(stream: &mut EncodedStream) -> (Vec<EncodedFrame>, CaptureError) {
    let mut frames = Vec::new();
    loop {
        match stream.next_encoded() {
            Ok(frame) => frames.push(frame),
            Err(error) => return (frames, error),
        }
    }
}

/// The kinds of the units behind start codes.
fn kinds(frame: &EncodedFrame) -> Vec<u8> {
    let units = frame.data.windows(4).filter(|window| window.starts_with(&[0, 0, 1]));
    units.map(|window| window[3] & 0x1f).collect()
}

#[test]
fn frames_come_as_they_are_with_parameters_in_front_of_key_frames() {
    let mut stream = open("numbered_baseline.mp4").unwrap();
    let format = *stream.format().unwrap();
    assert_eq!((format.width, format.height, format.frame_rate), (640, 160, Some(30.0)));
    assert_eq!(stream.profile(), Some(H264Profile::Baseline));
    let (frames, end) = take_all(&mut stream);
    assert_eq!((frames.len(), end), (90, CaptureError::EndOfStream));
    for (number, frame) in frames.iter().enumerate() {
        assert_eq!(frame.key_frame, number % 30 == 0, "frame {number}");
        assert_eq!(kinds(frame).starts_with(&[7, 8]), frame.key_frame, "{:?}", kinds(frame));
        assert!((frame.timestamp.seconds() - number as f64 / 30.0).abs() < 0.001, "frame {number}");
    }
}

#[test]
fn frames_out_of_order_are_refused() {
    let mut stream = open("plain_160x120.mp4").unwrap();
    assert_eq!(stream.profile(), Some(H264Profile::High));
    let (frames, end) = take_all(&mut stream);
    assert!(matches!(end, CaptureError::Unsupported { .. }), "{end}");
    assert!(frames.len() < 10, "{} frames", frames.len());
}

/// The packets of a transport stream, without those of the first key frame, up to the second.
fn without_key_frames(stream: &[u8]) -> Vec<u8> {
    const VIDEO: u16 = 0x100;
    let mut frame = 0;
    let packets = stream.as_chunks::<188>().0.iter().filter(|packet| {
        let is_video = u16::from_be_bytes([packet[1], packet[2]]) & 0x1fff == VIDEO;
        let begins_frame = is_video && packet[1] & 0x40 != 0;
        frame += u32::from(begins_frame);
        !is_video || (2..=30).contains(&frame)
    });
    packets.flatten().copied().collect()
}

#[test]
fn a_stream_without_key_frames_is_not_waited_for_for_ever() {
    let part = without_key_frames(&clip("numbered_baseline.ts"));
    let server = server(move |mut client, _| {
        while client.write_all(&part).is_ok() {
            // As a camera that goes on for ever, which no limit for silence ends.
            thread::sleep(Duration::from_millis(20));
        }
    });
    let mut stream = NetworkStream::options(format!("tcp://{server}"))
        .read_timeout(Duration::from_secs(1))
        .open_encoded()
        .unwrap();
    let error = stream.next_encoded().unwrap_err();
    assert!(
        matches!(&error, CaptureError::Unsupported { offered, .. } if offered.contains("key frames")),
        "{error}"
    );
}

#[test]
fn what_is_not_h264_is_refused_by_name() {
    let server = answering(http("video/x-msvideo", &clip("mjpeg.avi")));
    let error = options(&server).open_encoded().unwrap_err();
    assert!(matches!(&error, CaptureError::Unsupported { offered, .. } if offered == "mjpeg"));
}

#[test]
fn a_stream_that_breaks_off_goes_on_with_a_key_frame_and_later_times() {
    let whole = clip("numbered_baseline.ts");
    let server = server(move |mut client, number| {
        if number < 2 {
            let _ = client.write_all(&whole);
        }
    });
    let mut stream = NetworkStream::options(format!("tcp://{server}"))
        .reconnect(Reconnect::attempts(1).first_delay(Duration::from_millis(1)))
        .open_encoded()
        .unwrap();
    let (frames, end) = take_all(&mut stream);
    assert!(!end.is_end(), "{end}");
    assert_eq!(frames.len(), 180);
    assert_eq!(frames[0].data, frames[90].data);
    let times = frames.iter().map(|frame| frame.timestamp.seconds());
    assert!(times.is_sorted_by(|earlier, later| earlier < later));
}

#[test]
fn a_stop_handle_ends_a_wait_at_once() {
    let half = http("video/mp4", &clip("numbered_baseline.mp4"));
    let server = server(move |mut client, _| {
        read_request(&client);
        let _ = client.write_all(&half[..half.len() * 2 / 3]);
        hang(&client);
    });
    let mut stream = options(&server).open_encoded().unwrap();
    let stop_handle = stream.stop_handle();
    thread::spawn(move || {
        thread::sleep(Duration::from_millis(100));
        stop_handle.stop();
    });
    assert_eq!(take_all(&mut stream).1, CaptureError::Stopped);
}
