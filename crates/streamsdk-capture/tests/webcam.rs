//! Cameras of the kernel's own: vivid, which draws its pictures, and v4l2loopback, which passes on those
//! of the ffmpeg program. They take root, a vivid with one node that captures, and two loopback devices
//! with the labels loopA and loopB that nobody has fed yet.
#![cfg(all(feature = "webcam", target_os = "linux"))]
#![allow(clippy::unwrap_used, clippy::expect_used, clippy::panic)]

#[path = "support/cameras.rs"]
mod cameras;

use std::path::Path;
use std::thread;
use std::time::{Duration, Instant, SystemTime};

use cameras::{
    Feed, bind_vivid, descriptors, fed_loopback, loopback, mappings, unbind_vivid, until, vivid,
};
use streamsdk_capture::{
    CaptureError, CapturedFrame, FrameProducer, StopHandle, Webcam, WebcamControl,
    WebcamControlError, WebcamControlKind, WebcamFormat, WebcamId, WebcamSize, webcams,
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
    let controls = webcam.controls().unwrap();
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
        .frame_rate(5.0)
        .format(WebcamFormat::Yuyv)
        .open()
        .unwrap();
    let format = *webcam.format().unwrap();
    assert_eq!((format.width, format.height), (320, 180));
    assert_eq!((format.pixel_format, format.frame_rate), (PixelFormat::Yuyv, Some(5.0)));

    let first = webcam.next_frame(LONG).unwrap();
    assert_eq!((first.sequence, first.dropped), (0, 0));
    let age = SystemTime::now().duration_since(first.arrived).unwrap();
    assert!(age < Duration::from_secs(1), "the first frame arrived {age:?} ago");

    // A machine that is busy with other things may lose a frame.
    let frames = (0..3).map(|_| frames(&mut webcam, 60)).find(|frames| {
        assert_in_order(frames);
        dropped(frames) == 0
    });
    let frames = frames.expect("sixty frames without a gap, in one of three attempts");
    assert!(frames.iter().all(|captured| captured.frame.format() == PixelFormat::Yuyv));
    let passed = micros(&frames[59]) - micros(&frames[0]);
    assert!((11_700_000..11_900_000).contains(&passed), "59 intervals took {passed} µs");
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

/// The mean of the inner half of a bar, below what is written over the picture.
fn bar(frame: &Frame, index: usize) -> [f64; 3] {
    let rgb = frame.convert(PixelFormat::Rgb24).unwrap();
    let (left, bar_width) = (index * 80 + 20, 40);
    let mut sums = [0; 3];
    for row in rgb.rows(0).skip(240).take(100) {
        for pixel in &row.as_chunks::<3>().0[left..left + bar_width] {
            sums = [0, 1, 2].map(|part| sums[part] + u32::from(pixel[part]));
        }
    }
    sums.map(|sum| f64::from(sum) / (100 * bar_width) as f64)
}

#[test]
#[ignore = "needs cameras: cargo xtask webcam runs it"]
fn what_the_camera_says_of_its_colours_counts() {
    let open =
        |format| Webcam::options(vivid()).resolution(640, 360).format(format).open().unwrap();
    let rgb = open(WebcamFormat::Rgb24).next_frame(LONG).unwrap().frame;
    let names = ["Y'CbCr Encoding", "Quantization"];
    // As the menus have them: by default, BT.601, BT.709, BT.2020; by default, full, limited.
    for setting in [[0, 0], [1, 1], [2, 1], [2, 2], [6, 1], [6, 2]] {
        let camera = open(WebcamFormat::Yuyv);
        for (name, value) in names.into_iter().zip(setting) {
            camera.set_control(control(&camera, name).id, value).unwrap();
        }
        drop(camera);
        for format in [WebcamFormat::Yuyv, WebcamFormat::Nv12] {
            let frame = open(format).next_frame(LONG).unwrap().frame;
            for index in 0..8 {
                let (seen, expected) = (bar(&frame, index), bar(&rgb, index));
                let is_near = seen.iter().zip(expected).all(|(a, b)| (a - b).abs() <= 3.0);
                assert!(is_near, "{format} {setting:?}: bar {index} is {seen:?}, not {expected:?}");
            }
        }
    }
    let camera = open(WebcamFormat::Yuyv);
    for name in names {
        camera.set_control(control(&camera, name).id, 0).unwrap();
    }
}

#[test]
#[ignore = "needs cameras: cargo xtask webcam runs it"]
fn jpegs_are_decoded() {
    let path = fed_loopback();
    let mut webcam = Webcam::open(path.as_path()).unwrap();
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
    let only_jpegs = Webcam::options(path).format(WebcamFormat::Yuyv).open().unwrap_err();
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
    let gone = webcam.controls().unwrap_err();
    assert!(matches!(gone, CaptureError::Disconnected { .. }), "{gone:?}");
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
fn damaged_pictures_are_counted_and_a_dead_camera_is_silent() {
    let feed = Feed::damaging("loopB");
    let limit = Duration::from_secs(2);
    let open = || Webcam::options(feed.path()).read_timeout(limit).open().unwrap();
    assert_counts_damage(&mut open());
    let mut whole = until("pictures are whole again", || {
        let mut webcam = open();
        webcam.next_frame(LONG).is_ok().then_some(webcam)
    });
    drop(feed);
    assert_falls_silent(&mut whole, limit);
}

/// Some pictures cannot be decoded, and later none.
fn assert_counts_damage(webcam: &mut Webcam) {
    let first = frames(webcam, 30);
    assert_in_order(&first);
    assert!(dropped(&first) >= 2, "{} dropped", dropped(&first));
    let error = loop {
        if let Err(error) = webcam.next_frame(LONG) {
            break error;
        }
    };
    assert!(matches!(error, CaptureError::Decode { .. }), "{error:?}");
    assert_eq!(webcam.next_frame(LONG).unwrap_err(), error);
}

fn assert_falls_silent(webcam: &mut Webcam, limit: Duration) {
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
    let mut webcam = Webcam::options(vivid()).frame_rate(1.0).open().unwrap();
    assert_eq!(webcam.format().unwrap().frame_rate, Some(1.0));
    frames(&mut webcam, 1);
    let stop_handle = webcam.stop_handle();
    let thread = thread::spawn(move || {
        thread::sleep(SHORT);
        let stopped = Instant::now();
        stop_handle.stop();
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
    let stop_handle = StopHandle::default();
    stop_handle.stop();
    let error = Webcam::options(vivid()).stop_handle(stop_handle).open().unwrap_err();
    assert_eq!(error, CaptureError::Stopped);
}

#[test]
#[ignore = "needs cameras: cargo xtask webcam runs it"]
fn opening_and_closing_many_times_leaves_nothing_behind() {
    let stop_handle = StopHandle::default();
    let open = || Webcam::options(vivid()).stop_handle(stop_handle.clone()).open().unwrap();
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
    let fed = fed_loopback();
    let listed = webcams().unwrap();
    assert!(listed.is_sorted_by_key(|webcam| webcam.index));
    let names: Vec<_> = listed.iter().map(|webcam| webcam.name.as_str()).collect();
    assert_eq!(names, ["vivid", "loopA"], "nobody feeds loopB");

    let [vivid, loopback] = &listed[..] else { panic!("{listed:?}") };
    assert_eq!((vivid.driver.as_str(), &loopback.path), ("vivid", &fed));
    let yuyv = vivid.formats().iter().find(|info| info.format == Some(WebcamFormat::Yuyv)).unwrap();
    assert_eq!(yuyv.fourcc, "YUYV");
    assert!(!yuyv.description.is_empty());
    assert!(yuyv.modes.len() > 3);
    assert!(yuyv.modes.iter().all(|mode| mode.rates.fastest().is_some()), "{yuyv:?}");
    assert_eq!(loopback.formats()[0].format, Some(WebcamFormat::Mjpeg));
}

#[test]
#[ignore = "needs cameras: cargo xtask webcam runs it"]
fn cameras_are_opened_by_name_path_and_number() {
    let fed = fed_loopback();
    let index = webcams().unwrap().iter().find(|webcam| webcam.name == "vivid").unwrap().index;
    for which in [
        WebcamId::from("vivid"),
        WebcamId::from("VIV"),
        WebcamId::from(index),
        WebcamId::from(format!("/dev/video{index}")),
        WebcamId::from("loopA"),
        WebcamId::from(fed),
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
    // Nobody feeds loopB.
    for path in [Path::new("/dev/null"), &loopback("loopB")] {
        let error = Webcam::open(path).unwrap_err();
        let CaptureError::Unsupported { wanted, .. } = error else { panic!("{error}") };
        assert!(wanted.starts_with("capturing video from"), "{wanted}");
    }
}
