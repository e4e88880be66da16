//! Files written by `Mp4Writer`, read back with FFmpeg.
#![cfg(feature = "ffmpeg")]
#![allow(clippy::unwrap_used)]

use std::path::Path;

use ffmpeg_next as ffmpeg;
use streamsdk_media::mp4::{Mp4Error, Mp4Writer};
use streamsdk_media::{Frame, PixelFormat, TimeBase, Timestamp};

fn flat(rgb: [u8; 3], width: u32, height: u32) -> Frame {
    let pixels = rgb.repeat((width * height) as usize);
    Frame::packed(PixelFormat::Rgb24, width, height, pixels).unwrap()
}

/// Size, times in seconds, and the middle luma of the frames of a file, and how long it says it is.
struct Read {
    size: (u32, u32),
    times: Vec<f64>,
    lumas: Vec<u8>,
    seconds: f64,
}

fn read(path: &Path) -> Read {
    let mut input = ffmpeg::format::input(path).unwrap();
    let stream = input.streams().best(ffmpeg::media::Type::Video).unwrap();
    let base = f64::from(stream.time_base());
    let seconds = stream.duration() as f64 * base;
    let context = ffmpeg::codec::Context::from_parameters(stream.parameters()).unwrap();
    let mut decoder = context.decoder().video().unwrap();
    let (mut times, mut lumas) = (Vec::new(), Vec::new());
    let mut frame = ffmpeg::frame::Video::empty();
    loop {
        // Another one each time: what is read into a packet is not what frees what was in it.
        let mut packet = ffmpeg::Packet::empty();
        match packet.read(&mut input) {
            Ok(()) => decoder.send_packet(&packet).unwrap(),
            Err(_) => decoder.send_eof().unwrap(),
        }
        loop {
            match decoder.receive_frame(&mut frame) {
                Ok(()) => {}
                Err(ffmpeg::Error::Eof) => {
                    return Read {
                        size: (decoder.width(), decoder.height()),
                        times,
                        lumas,
                        seconds,
                    };
                }
                Err(_) => break,
            }
            times.push(frame.timestamp().unwrap() as f64 * base);
            let middle =
                frame.stride(0) * (frame.height() as usize / 2) + frame.width() as usize / 2;
            lumas.push(frame.data(0)[middle]);
        }
    }
}

fn assert_near(actual: &[f64], expected: &[f64]) {
    assert_eq!(actual.len(), expected.len(), "{actual:?}");
    for (actual, expected) in actual.iter().zip(expected) {
        assert!((actual - expected).abs() < 0.002, "{actual}, expected {expected}");
    }
}

#[test]
fn a_file_has_every_frame_at_its_time_and_in_its_brightness() {
    let directory = tempfile::tempdir().unwrap();
    let path = directory.path().join("steady.mp4");
    let mut writer = Mp4Writer::create(&path, 64, 48, 25.0).unwrap();
    for value in [0, 60, 120, 180, 240] {
        writer.write(&flat([value; 3], 64, 48)).unwrap();
    }
    writer.finish().unwrap();

    let read = read(&path);
    assert_eq!(read.size, (64, 48));
    assert_near(&read.times, &[0.0, 0.04, 0.08, 0.12, 0.16]);
    assert_near(&[read.seconds], &[0.2]);
    for (luma, expected) in read.lumas.iter().zip([16_u8, 68, 119, 171, 222]) {
        assert!(luma.abs_diff(expected) <= 4, "{:?}", read.lumas);
    }
}

#[test]
fn frames_are_shown_when_their_timestamps_say() {
    let directory = tempfile::tempdir().unwrap();
    let path = directory.path().join("timed.mp4");
    let mut writer = Mp4Writer::create(&path, 32, 32, TimeBase::RTP_VIDEO).unwrap();
    for pts in [5000, 5033, 5100, 5400] {
        let stamp = Timestamp::new(pts, TimeBase::MILLISECONDS);
        writer.write(&flat([90; 3], 32, 32).at(stamp)).unwrap();
    }
    writer.finish().unwrap();
    assert_near(&read(&path).times, &[0.0, 0.033, 0.1, 0.4]);
}

#[test]
fn a_frame_without_a_timestamp_is_an_error_where_one_is_needed() {
    let directory = tempfile::tempdir().unwrap();
    let path = directory.path().join("timed.mp4");
    let mut writer = Mp4Writer::create(&path, 32, 32, TimeBase::MILLISECONDS).unwrap();
    assert_eq!(writer.write(&flat([90; 3], 32, 32)), Err(Mp4Error::Timestamp));
}

#[test]
fn odd_sizes_are_padded_and_other_sizes_are_scaled() {
    let directory = tempfile::tempdir().unwrap();
    let path = directory.path().join("odd.mp4");
    let mut writer = Mp4Writer::create(&path, 161, 121, 10.0).unwrap();
    for (width, height) in [(161, 121), (40, 30), (323, 1), (161, 121)] {
        writer.write(&flat([200; 3], width, height)).unwrap();
    }
    writer.finish().unwrap();

    let read = read(&path);
    assert_eq!(read.size, (162, 122));
    assert_eq!(read.times.len(), 4);
    assert!(read.lumas.iter().all(|luma| luma.abs_diff(188) <= 4), "{:?}", read.lumas);
}

#[test]
fn a_writer_that_is_dropped_leaves_a_file_that_plays() {
    let directory = tempfile::tempdir().unwrap();
    let path = directory.path().join("dropped.mp4");
    let mut writer = Mp4Writer::create(&path, 32, 32, 10.0).unwrap();
    writer.write(&flat([90; 3], 32, 32)).unwrap();
    drop(writer);
    assert_eq!(read(&path).times.len(), 1);
}

#[test]
fn a_fragmented_file_plays_at_any_time_up_to_its_last_second() {
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("out.mp4");
    let mut writer = Mp4Writer::create_fragmented(&path, 64, 48, 10.0).unwrap();
    for number in 0..45_u8 {
        writer.write(&flat([number, 0, 0], 64, 48)).unwrap();
    }
    // As it is at this moment, and would be if the program were killed.
    let killed = folder.path().join("killed.mp4");
    std::fs::copy(&path, &killed).unwrap();
    let times = read(&killed).times;
    assert!((20..=45).contains(&times.len()), "{times:?}");
    assert_near(&times[..3], &[0.0, 0.1, 0.2]);

    writer.finish().unwrap();
    let whole = read(&path);
    assert_eq!(whole.times.len(), 45);
    assert_near(&whole.times[42..], &[4.2, 4.3, 4.4]);
}

#[test]
fn what_cannot_be_created_is_a_typed_error() {
    let create = |path: &str, width, rate: f64| {
        Mp4Writer::create(path, width, 32, rate).map(drop).unwrap_err()
    };
    assert!(matches!(create("/no/such/directory/x.mp4", 32, 10.0), Mp4Error::Create { .. }));
    assert!(matches!(create("http://127.0.0.1:1/x.mp4", 32, 10.0), Mp4Error::Create { .. }));
    assert!(matches!(create("zero\0byte.mp4", 32, 10.0), Mp4Error::Path { .. }));
    assert!(matches!(create("x.mp4", 0, 10.0), Mp4Error::Size { .. }));
    assert!(matches!(create("x.mp4", 32, f64::NAN), Mp4Error::Rate { .. }));
}
