//! Cameras whose timestamps are not the time.

use std::path::Path;
use std::sync::atomic::Ordering;
use std::time::{Duration, Instant, SystemTime};

use streamsdk_capture::{
    CaptureError, CapturedFrame, EncodedProducer, FrameProducer, NetworkStream,
    NetworkStreamOptions,
};

use crate::rtsp_camera::{Camera, Served, pictures};

const LONG: Duration = Duration::from_secs(30);
const FRAME_TIME: Duration = Duration::from_millis(40);

/// So patient that no load on the machine makes a difference.
fn options(url: &str) -> NetworkStreamOptions {
    NetworkStream::options(url).connect_timeout(LONG).read_timeout(LONG)
}

fn camera(frame_time: Duration, stamp: fn(u32) -> u32) -> (String, Served) {
    let data = concat!(env!("CARGO_MANIFEST_DIR"), "/../../tests/data/video/");
    let pictures = pictures(&Path::new(data).join("numbered_baseline.mp4"));
    Camera { pictures, frame_time, stamp }.start()
}

/// Steps back by 100 seconds, and later forward by an hour; then stands still for a while, and then says
/// everything twice.
fn unsteady(number: u32) -> u32 {
    let steady = number * 3600;
    match number {
        0..15 => steady,
        15..30 => steady.wrapping_sub(100 * 90_000),
        30..45 => steady.wrapping_add(3600 * 90_000),
        45..60 => 45 * 3600,
        _ => number / 2 * 7200,
    }
}

fn assert_follows_arrival(times: &[(f64, Duration)]) {
    assert!(times.is_sorted_by(|(earlier, _), (later, _)| earlier < later), "{times:?}");
    let (first, began) = times[0];
    // What the machine itself holds up comes late.
    let gaps = times.windows(2).map(|pair| pair[1].1.saturating_sub(pair[0].1).as_secs_f64());
    let allowed = 1.0 + gaps.fold(0.0, f64::max);
    for (time, arrived) in times {
        let away = time - first - arrived.saturating_sub(began).as_secs_f64();
        assert!(away.abs() < allowed, "{away} s: {times:?}");
    }
}

#[test]
fn decoded_frames_go_on_whatever_the_camera_says() {
    let (url, _) = camera(FRAME_TIME, unsteady);
    let mut frames = Vec::new();
    let mut stream = options(&url).open().unwrap();
    let end = loop {
        match stream.next_frame(LONG) {
            Ok(captured) => frames.push(captured),
            Err(error) => break error,
        }
    };
    assert!(matches!(end, CaptureError::Disconnected { .. }), "{end}");
    let given: u64 = frames.iter().map(|captured| 1 + captured.dropped).sum();
    assert!(given >= 88, "{given} frames");
    let time_of = |captured: &CapturedFrame| {
        let since_epoch = captured.arrived.duration_since(SystemTime::UNIX_EPOCH).unwrap();
        (captured.frame.timestamp().unwrap().seconds(), since_epoch)
    };
    assert_follows_arrival(&frames.iter().map(time_of).collect::<Vec<_>>());
}

#[test]
fn encoded_frames_go_on_whatever_the_camera_says() {
    let (url, _) = camera(FRAME_TIME, unsteady);
    let started = Instant::now();
    let mut stream = options(&url).open_encoded().unwrap();
    let mut times = Vec::new();
    let end = loop {
        match stream.next_encoded() {
            Ok(frame) => times.push((frame.timestamp.seconds(), started.elapsed())),
            Err(error) => break error,
        }
    };
    assert!(matches!(end, CaptureError::Disconnected { .. }), "{end}");
    assert!(times.len() >= 88, "{} frames", times.len());
    assert_follows_arrival(&times);
}

#[test]
fn a_camera_of_one_picture_a_second_is_not_silent() {
    let (url, sent) = camera(Duration::from_secs(1), |number| number * 90_000);
    let mut stream = options(&url).open().unwrap();
    assert!(sent.pictures.load(Ordering::SeqCst) <= 5, "it was looked at for too long");
    stream.next_frame(LONG).unwrap();
}
