//! Cameras of the kernel's own: vivid, which draws its pictures, and v4l2loopback, which passes on those
//! of the ffmpeg program. They take root, a vivid with one node that captures, and two loopback devices
//! with the labels loopA and loopB.
#![cfg(all(feature = "webcam", target_os = "linux"))]
#![allow(clippy::unwrap_used, clippy::panic)]

#[path = "support/cameras.rs"]
mod cameras;

use std::path::Path;
use std::thread;
use std::time::{Duration, Instant, SystemTime};

use cameras::{Feed, bind_vivid, descriptors, loopback, mappings, unbind_vivid, until, vivid};
use streamsdk_capture::{
    CaptureError, CapturedFrame, FrameProducer, Stopper, Webcam, WebcamControl, WebcamControlError,
    WebcamControlKind, WebcamFormat, WebcamId, WebcamSize, webcams,
};
use streamsdk_media::{Frame, PixelFormat, TimeBase};

const LONG: Duration = Duration::from_secs(20);
const SHORT: Duration = Duration::from_millis(300);

fn frames(webcam: &mut Webcam, count: usize) -> Vec<CapturedFrame> {
    (0..count).map(|_| webcam.next_frame(LONG).unwrap()).collect()
}

/// Checks that frames are numbered without a gap that is not counted, and that their times go on.
fn assert_in_order(frames: &[CapturedFrame]) {
    for pair in frames.windows(2) {
        let (earlier, later) = (&pair[0], &pair[1]);
        assert_eq!(later.sequence, earlier.sequence + 1 + later.dropped);
        assert!(micros(later) > micros(earlier));
    }
}

fn micros(captured: &CapturedFrame) -> i64 {
    let timestamp = captured.frame.timestamp().unwrap();
    assert_eq!(timestamp.time_base, TimeBase::MICROSECONDS);
    timestamp.pts
}

fn dropped(frames: &[CapturedFrame]) -> u64 {
    frames.iter().map(|captured| captured.dropped).sum()
}

fn control(webcam: &Webcam, name: &str) -> WebcamControl {
    let controls = webcam.controls();
    let found = controls.iter().find(|control| control.name == name).cloned();
    found.unwrap_or_else(|| panic!("no control {name} in {controls:#?}"))
}

fn rgb_at(frame: &Frame, x: u32, y: u32) -> [u8; 3] {
    let rgb = frame.convert(PixelFormat::Rgb24).unwrap().to_packed();
    let start = (y * frame.width() + x) as usize * 3;
    [rgb[start], rgb[start + 1], rgb[start + 2]]
}

#[test]
#[ignore = "needs cameras: cargo xtask webcam runs it"]
fn uncompressed_frames_come_without_a_gap() {
    let mut webcam = Webcam::options(vivid())
        .resolution(320, 180)
        .frame_rate(10.0)
        .format(WebcamFormat::Yuyv)
        .open()
        .unwrap();
    let format = *webcam.format().unwrap();
    assert_eq!((format.width, format.height), (320, 180));
    assert_eq!((format.pixel_format, format.frame_rate), (PixelFormat::Yuyv, Some(10.0)));

    let frames = frames(&mut webcam, 60);
    assert_in_order(&frames);
    assert_eq!((frames[0].sequence, dropped(&frames)), (0, 0));
    assert!(frames.iter().all(|captured| captured.frame.format() == PixelFormat::Yuyv));
    let passed = micros(&frames[59]) - micros(&frames[0]);
    assert!((5_800_000..6_000_000).contains(&passed), "59 intervals took {passed} µs");
    let age = SystemTime::now().duration_since(frames[59].arrived).unwrap();
    assert!(age < Duration::from_secs(1), "the last frame arrived {age:?} ago");
}

#[test]
#[ignore = "needs cameras: cargo xtask webcam runs it"]
fn every_uncompressed_format_shows_the_same_picture() {
    for (format, pixel_format) in [
        (WebcamFormat::Yuyv, PixelFormat::Yuyv),
        (WebcamFormat::Nv12, PixelFormat::Nv12),
        (WebcamFormat::Bgr24, PixelFormat::Bgr24),
        (WebcamFormat::Rgb24, PixelFormat::Rgb24),
        (WebcamFormat::Gray8, PixelFormat::Gray8),
    ] {
        let options = Webcam::options(vivid()).resolution(640, 360).format(format);
        let mut webcam = options.open().unwrap();
        let frame = webcam.next_frame(LONG).unwrap().frame;
        assert_eq!((frame.format(), frame.width(), frame.height()), (pixel_format, 640, 360));
        // Of the eight bars the second is yellow and the last black.
        let [red, green, blue] = rgb_at(&frame, 120, 300);
        let is_gray = format == WebcamFormat::Gray8;
        assert!(
            red > 150 && green > 150 && (blue < 60 || is_gray),
            "{format}: {red} {green} {blue}"
        );
        let dark = rgb_at(&frame, 630, 300);
        assert!(dark.iter().all(|&part| part < 40), "{format}: {dark:?}");
    }
}

#[test]
#[ignore = "needs cameras: cargo xtask webcam runs it"]
fn jpegs_are_decoded() {
    let feed = Feed::start("loopA");
    let mut webcam = Webcam::open(feed.path()).unwrap();
    let format = *webcam.format().unwrap();
    assert_eq!((format.pixel_format, format.width, format.height), (PixelFormat::Rgb24, 320, 240));
    let frames = frames(&mut webcam, 60);
    assert_in_order(&frames);
    for captured in &frames {
        let frame = &captured.frame;
        assert_eq!((frame.format(), frame.width(), frame.height()), (PixelFormat::Rgb24, 320, 240));
    }
    // The ffmpeg program draws a picture with many colours, which move.
    assert!(frames[0].frame.to_packed() != frames[59].frame.to_packed());
    let only_jpegs = Webcam::options(feed.path()).format(WebcamFormat::Yuyv).open().unwrap_err();
    assert!(matches!(&only_jpegs, CaptureError::Unsupported { offered, .. } if offered == "MJPG"));
}

#[test]
#[ignore = "needs cameras: cargo xtask webcam runs it"]
fn a_format_that_is_not_offered_is_refused_with_those_that_are() {
    let error = Webcam::options(vivid()).format(WebcamFormat::Mjpeg).open().unwrap_err();
    let CaptureError::Unsupported { wanted, offered } = error else { panic!("{error}") };
    assert!(wanted.starts_with("MJPG"), "{wanted}");
    assert!(offered.contains("YUYV, "), "{offered}");
}

#[test]
#[ignore = "needs cameras: cargo xtask webcam runs it"]
fn rates_and_sizes_are_those_that_the_camera_really_gives() {
    let (rate, width, height) = (1000.0, 333, 111);
    let options = Webcam::options(vivid()).frame_rate(rate).resolution(width, height);
    let mut webcam = options.open().unwrap();
    let format = *webcam.format().unwrap();
    assert!(format.frame_rate.unwrap() < rate, "{format:?}");
    assert_ne!((format.width, format.height), (width, height));
    let frame = webcam.next_frame(LONG).unwrap().frame;
    assert_eq!((frame.width(), frame.height()), (format.width, format.height));

    drop(webcam);
    let offered = webcams().unwrap().into_iter().find(|webcam| webcam.driver == "vivid").unwrap();
    let yuyv = offered.formats().iter().find(|info| info.fourcc == "YUYV").unwrap();
    let size = WebcamSize::Discrete { width: format.width, height: format.height };
    let mode = yuyv.modes.iter().find(|mode| mode.size == size).unwrap();
    assert_eq!(format.frame_rate, mode.rates.fastest());
}

#[test]
#[ignore = "needs cameras: cargo xtask webcam runs it"]
fn unplugging_ends_the_frames() {
    let mut webcam = Webcam::open(vivid()).unwrap();
    frames(&mut webcam, 3);
    let thread = thread::spawn(|| {
        thread::sleep(SHORT);
        unbind_vivid();
    });
    let started = Instant::now();
    let error = loop {
        if let Err(error) = webcam.next_frame(LONG) {
            break error;
        }
    };
    assert!(matches!(error, CaptureError::Disconnected { .. }), "{error:?}");
    assert!(started.elapsed() < Duration::from_secs(4), "after {:?}", started.elapsed());
    assert_eq!(webcam.next_frame(LONG).unwrap_err(), error);
    assert_eq!(webcam.controls(), []);
    thread.join().unwrap();
    drop(webcam);
    bind_vivid();
    frames(&mut Webcam::open(vivid()).unwrap(), 1);
}

#[test]
#[ignore = "needs cameras: cargo xtask webcam runs it"]
fn a_camera_in_use_is_busy() {
    let mut first = Webcam::open(vivid()).unwrap();
    let error = Webcam::open(vivid()).unwrap_err();
    assert!(matches!(error, CaptureError::Busy { .. }), "{error:?}");
    frames(&mut first, 2);
    drop(first);
    frames(&mut Webcam::open(vivid()).unwrap(), 1);
}

#[test]
#[ignore = "needs cameras: cargo xtask webcam runs it"]
fn a_camera_that_falls_silent_times_out_and_then_ends() {
    let mut feed = Feed::start("loopA");
    let limit = Duration::from_secs(2);
    let mut webcam = Webcam::options(feed.path()).read_timeout(limit).open().unwrap();
    frames(&mut webcam, 3);
    feed.kill();
    let mut time_outs = 0;
    let error = loop {
        match webcam.next_frame(SHORT) {
            Ok(_) => {}
            Err(CaptureError::TimedOut { waited }) => {
                assert_eq!(waited, SHORT);
                time_outs += 1;
            }
            Err(error) => break error,
        }
    };
    assert!(matches!(&error, CaptureError::Silent { waited, .. } if *waited == limit), "{error:?}");
    assert!((3..=7).contains(&time_outs), "{time_outs} time-outs");
    assert_eq!(webcam.next_frame(SHORT).unwrap_err(), error);
}

#[test]
#[ignore = "needs cameras: cargo xtask webcam runs it"]
fn stopping_ends_a_wait_at_once() {
    let mut feed = Feed::start("loopA");
    let mut webcam = Webcam::options(feed.path()).read_timeout(LONG).open().unwrap();
    frames(&mut webcam, 1);
    feed.kill();
    while webcam.next_frame(SHORT).is_ok() {}
    let stopper = webcam.stopper();
    let thread = thread::spawn(move || {
        thread::sleep(SHORT);
        let stopped = Instant::now();
        stopper.stop();
        stopped
    });
    assert_eq!(webcam.next_frame(LONG).unwrap_err(), CaptureError::Stopped);
    let ended = Instant::now();
    let delay = ended - thread.join().unwrap();
    assert!(delay < Duration::from_millis(100), "stopped after {delay:?}");
    assert_eq!(webcam.next_frame(LONG).unwrap_err(), CaptureError::Stopped);
}

#[test]
#[ignore = "needs cameras: cargo xtask webcam runs it"]
fn a_camera_that_is_stopped_before_is_not_opened() {
    let stopper = Stopper::default();
    stopper.stop();
    let error = Webcam::options(vivid()).stopper(stopper).open().unwrap_err();
    assert_eq!(error, CaptureError::Stopped);
}

#[test]
#[ignore = "needs cameras: cargo xtask webcam runs it"]
fn opening_and_closing_many_times_leaves_nothing_behind() {
    let stopper = Stopper::default();
    let open = || Webcam::options(vivid()).stopper(stopper.clone()).open().unwrap();
    drop(open());
    let before = (descriptors(), mappings());
    for round in 0..50 {
        let mut webcam = open();
        assert!(mappings() > before.1);
        if round % 10 == 0 {
            frames(&mut webcam, 1);
        }
    }
    assert_eq!((descriptors(), mappings()), before);
}

#[test]
#[ignore = "needs cameras: cargo xtask webcam runs it"]
fn what_a_slow_consumer_misses_is_counted_and_what_it_gets_is_new() {
    let mut webcam = Webcam::options(vivid()).resolution(320, 180).open().unwrap();
    let mut taken = frames(&mut webcam, 1);
    for _ in 0..3 {
        thread::sleep(Duration::from_secs(1));
        let captured = webcam.next_frame(LONG).unwrap();
        let age = SystemTime::now().duration_since(captured.arrived).unwrap();
        assert!(captured.dropped > 5, "{} frames dropped", captured.dropped);
        assert!(age < Duration::from_millis(500), "{age:?} old");
        taken.push(captured);
    }
    assert_in_order(&taken);
}

#[test]
#[ignore = "needs cameras: cargo xtask webcam runs it"]
fn frames_that_the_camera_loses_or_damages_are_counted() {
    let mut webcam = Webcam::options(vivid()).resolution(320, 180).frame_rate(10.0).open().unwrap();
    let losses = control(&webcam, "Percentage of Dropped Buffers").id;
    webcam.set_control(losses, 50).unwrap();
    let lossy = frames(&mut webcam, 20);
    webcam.set_control(losses, 0).unwrap();
    assert_in_order(&lossy);
    assert!(dropped(&lossy) > 3, "{} dropped", dropped(&lossy));

    frames(&mut webcam, 3);
    let damage = control(&webcam, "Inject V4L2_BUF_FLAG_ERROR").id;
    webcam.set_control(damage, 1).unwrap();
    let after = frames(&mut webcam, 5);
    assert_in_order(&after);
    assert!(dropped(&after) >= 1);
}

#[test]
#[ignore = "needs cameras: cargo xtask webcam runs it"]
fn controls_are_listed_and_set() {
    let webcam = Webcam::open(vivid()).unwrap();
    let brightness = control(&webcam, "Brightness");
    let WebcamControlKind::Integer { min, max, step, default } = brightness.kind else {
        panic!("{brightness:?}");
    };
    assert_eq!((min, max, step), (0, 255, 1));
    assert!(!brightness.is_read_only && !brightness.is_inactive);
    webcam.set_control(brightness.id, 77).unwrap();
    assert_eq!(control(&webcam, "Brightness").value, Some(77));
    webcam.set_control(brightness.id, default).unwrap();

    let too_much = webcam.set_control(brightness.id, 256).unwrap_err();
    assert!(matches!(too_much, WebcamControlError::OutOfRange { value: 256, .. }), "{too_much}");
    let unknown = webcam.set_control(0x0098_F123, 0).unwrap_err();
    assert_eq!(unknown, WebcamControlError::Unknown { id: 0x0098_F123 });
    let read_only = control(&webcam, "Read-Only Integer 32 Bits");
    assert!(read_only.is_read_only);
    let refused = webcam.set_control(read_only.id, 1).unwrap_err();
    assert!(matches!(refused, WebcamControlError::ReadOnly { .. }), "{refused}");
}

#[test]
#[ignore = "needs cameras: cargo xtask webcam runs it"]
fn controls_of_every_kind_are_listed() {
    let webcam = Webcam::open(vivid()).unwrap();
    let flip = control(&webcam, "Horizontal Flip");
    assert_eq!(flip.kind, WebcamControlKind::Boolean { default: false });
    let pattern = control(&webcam, "Test Pattern");
    let WebcamControlKind::Menu { items, .. } = &pattern.kind else { panic!("{pattern:?}") };
    assert_eq!((items[0].value, items[0].label.as_str()), (0, "75% Colorbar"));
    let numbers = control(&webcam, "Integer Menu");
    let WebcamControlKind::Menu { items, .. } = &numbers.kind else { panic!("{numbers:?}") };
    assert!(items.iter().all(|item| item.label.parse::<i64>().is_ok()), "{items:?}");
    assert!(matches!(control(&webcam, "Bitmask").kind, WebcamControlKind::Bitmask { .. }));
    let button = control(&webcam, "Button");
    assert_eq!((&button.kind, button.value), (&WebcamControlKind::Button, None));
    webcam.set_control(button.id, 1).unwrap();
    let text = control(&webcam, "String");
    assert_eq!((&text.kind, text.value), (&WebcamControlKind::Other, None));
    let refused = webcam.set_control(text.id, 0).unwrap_err();
    assert!(matches!(refused, WebcamControlError::Unsupported { .. }), "{refused}");
}

#[test]
#[ignore = "needs cameras: cargo xtask webcam runs it"]
fn cameras_are_listed_in_order_and_only_what_captures() {
    let feed = Feed::start("loopB");
    let listed = webcams().unwrap();
    assert!(listed.is_sorted_by_key(|webcam| webcam.index));
    let names: Vec<_> = listed.iter().map(|webcam| webcam.name.as_str()).collect();
    assert_eq!(names, ["vivid", "loopB"], "loopA is not fed");

    let [vivid, fed] = &listed[..] else { panic!("{listed:?}") };
    assert_eq!((vivid.driver.as_str(), fed.path.as_path()), ("vivid", feed.path()));
    let yuyv = vivid.formats().iter().find(|info| info.format == Some(WebcamFormat::Yuyv)).unwrap();
    assert_eq!(yuyv.fourcc, "YUYV");
    assert!(!yuyv.description.is_empty());
    assert!(yuyv.modes.len() > 3);
    assert!(yuyv.modes.iter().all(|mode| mode.rates.fastest().is_some()), "{yuyv:?}");
    assert_eq!(fed.formats()[0].format, Some(WebcamFormat::Mjpeg));
}

#[test]
#[ignore = "needs cameras: cargo xtask webcam runs it"]
fn cameras_are_opened_by_name_path_and_number() {
    let feed = Feed::start("loopA");
    let index = webcams().unwrap().iter().find(|webcam| webcam.name == "vivid").unwrap().index;
    for which in [
        WebcamId::from("vivid"),
        WebcamId::from("VIV"),
        WebcamId::from(index),
        WebcamId::from(format!("/dev/video{index}")),
        WebcamId::from("loopA"),
        WebcamId::from(feed.path()),
    ] {
        frames(&mut Webcam::open(which).unwrap(), 1);
    }
}

#[test]
#[ignore = "needs cameras: cargo xtask webcam runs it"]
fn what_is_not_there_and_what_is_no_camera_are_told_apart() {
    let absent = Webcam::open("Kinect").unwrap_err();
    assert!(matches!(absent, CaptureError::NotFound { .. }), "{absent:?}");
    assert!(absent.to_string().contains("vivid"), "{absent}");
    let absent = Webcam::open(63).unwrap_err();
    assert_eq!(absent, CaptureError::NotFound { origin: "/dev/video63".to_owned() });
    for path in [Path::new("/dev/null"), &loopback("loopA")] {
        until("nobody feeds it", || match Webcam::open(path).unwrap_err() {
            CaptureError::Unsupported { wanted, .. } => {
                wanted.starts_with("capturing video from").then_some(())
            }
            error => panic!("{error}"),
        });
    }
}
