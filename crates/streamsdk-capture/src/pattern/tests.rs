use streamsdk_media::jpeg;

use super::*;
use crate::marker;

const SECOND: Duration = Duration::from_secs(1);

fn at_once(width: u32, height: u32) -> TestPattern {
    TestPattern::new(width, height, 30.0).paced(false)
}

#[test]
fn frames_carry_their_number_and_time_in_every_format() {
    for format in [
        PixelFormat::I420,
        PixelFormat::Rgb24,
        PixelFormat::Bgr24,
        PixelFormat::Gray8,
        PixelFormat::Nv12,
        PixelFormat::Yuyv,
    ] {
        let mut pattern = at_once(640, 360).pixel_format(format);
        assert_eq!(pattern.format().map(|format| format.pixel_format), Some(format));
        for number in 0..3 {
            let captured = pattern.next_frame(SECOND).unwrap();
            assert_eq!(captured.frame.format(), format);
            assert_eq!(marker::read(&captured.frame), Some(number), "{format}");
            assert_eq!((captured.sequence, captured.dropped), (number.into(), 0));
            let pts = captured.frame.timestamp().unwrap().rescale(TimeBase::RTP_VIDEO).unwrap().pts;
            assert_eq!(pts, i64::from(number) * 3000);
        }
    }
}

#[test]
fn numbers_survive_jpeg_of_low_quality_at_all_sizes() {
    for (width, height) in [(320, 180), (640, 480), (1280, 720), (641, 359)] {
        for captured in at_once(width, height).limit(40).frames() {
            let captured = captured.unwrap();
            let file = jpeg::Encoder::new(30).encode(&captured.frame).unwrap();
            let decoded = jpeg::decode(&file, PixelFormat::Bgr24).unwrap();
            assert_eq!(marker::read(&decoded), Some(captured.sequence as u32), "{width}x{height}");
        }
    }
}

#[test]
fn every_size_can_be_drawn_and_something_moves() {
    for (width, height) in [(1, 1), (2, 3), (33, 17), (64, 480), (480, 64), (1921, 1081)] {
        let frames: Vec<_> = at_once(width, height).limit(3).frames().map(Result::unwrap).collect();
        assert_eq!(frames.len(), 3);
        let moves = frames[0].frame.to_packed() != frames[2].frame.to_packed();
        assert!(moves || width * height < 10, "{width}x{height}");
    }
    let format = TestPattern::new(0, u32::MAX, f64::NAN).format;
    assert_eq!((format.width, format.height), (1, MAX_DIMENSION));
    assert_eq!(format.frame_rate, Some(30.0));
}

#[test]
fn pictures_that_are_not_paced_are_the_same_every_time() {
    let pixels = || -> Vec<_> {
        at_once(320, 180).limit(5).frames().map(|frame| frame.unwrap().frame.to_packed()).collect()
    };
    assert!(pixels() == pixels());
}

#[test]
fn a_paced_pattern_takes_its_time_and_leaves_out_what_is_late() {
    let mut pattern = TestPattern::new(16, 16, 50.0);
    let started = Instant::now();
    let first = pattern.next_frame(SECOND).unwrap();
    let second = pattern.next_frame(SECOND).unwrap();
    assert_eq!((first.sequence, second.sequence - second.dropped), (0, 1));
    assert!(started.elapsed() >= Duration::from_millis(20));

    pattern.started = started.checked_sub(Duration::from_secs(10));
    let late = pattern.next_frame(SECOND).unwrap();
    assert!(late.sequence >= 500, "{}", late.sequence);
    assert_eq!(late.dropped, late.sequence - second.sequence - 1);
}

#[test]
fn a_frame_that_is_not_due_yet_times_out_and_comes_later() {
    let mut pattern = TestPattern::new(16, 16, 10.0);
    pattern.next_frame(Duration::ZERO).unwrap();
    let error = pattern.next_frame(Duration::from_millis(1)).unwrap_err();
    assert!(error.is_timeout() && error.is_retryable(), "{error}");
    assert!(pattern.next_frame(SECOND).is_ok());
}

#[test]
fn stopping_ends_a_wait_for_a_frame_and_all_later_ones() {
    let mut pattern = TestPattern::new(16, 16, 0.01);
    pattern.next_frame(SECOND).unwrap();
    let stop_handle = pattern.stop_handle();
    let waiting = std::thread::spawn(move || {
        let stopped = pattern.next_frame(Duration::MAX).map(drop);
        (stopped, pattern.next_frame(Duration::MAX).map(drop))
    });
    stop_handle.stop();
    let stopped = Err(CaptureError::Stopped);
    assert_eq!(waiting.join().unwrap(), (stopped.clone(), stopped));
}

#[test]
fn the_clock_shows_the_time_of_day() {
    let time = Duration::from_millis((25 * 3600 + 2 * 60 + 3) * 1000 + 45);
    assert_eq!(clock(time), "01:02:03.045");
}
