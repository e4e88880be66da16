use super::*;
use crate::{Plane, TimeBase, Timestamp};

const FORMATS: [PixelFormat; 6] = [
    PixelFormat::Bgr24,
    PixelFormat::Rgb24,
    PixelFormat::I420,
    PixelFormat::Nv12,
    PixelFormat::Yuyv,
    PixelFormat::Gray8,
];

/// Sizes with every kind of remainder for vector code and subsampling.
const SIZES: [(u32, u32); 7] = [(1, 1), (1, 2), (2, 1), (3, 3), (17, 5), (64, 48), (161, 121)];

/// A gradient of colours smooth enough that subsampled chroma loses little.
fn gradient(width: u32, height: u32) -> Frame {
    let pixel = |x: u32, y: u32| {
        [40 + x * 160 / width.max(2), 200 - y * 150 / height.max(2), 90 + (x + y) % 8]
            .map(|value| value as u8)
    };
    let pixels = (0..height).flat_map(|y| (0..width).flat_map(move |x| pixel(x, y)));
    Frame::packed(PixelFormat::Rgb24, width, height, pixels.collect::<Vec<_>>()).unwrap()
}

fn flat(format: PixelFormat, rgb: [u8; 3], width: u32, height: u32) -> Frame {
    let pixels = rgb.repeat((width * height) as usize);
    let frame = Frame::packed(PixelFormat::Rgb24, width, height, pixels).unwrap();
    frame.convert(format).unwrap()
}

fn largest_difference(one: &Frame, other: &Frame) -> u8 {
    let (one, other) = (one.to_packed(), other.to_packed());
    assert_eq!(one.len(), other.len());
    one.iter().zip(&other).map(|(a, b)| a.abs_diff(*b)).max().unwrap()
}

/// The same picture with padding after each row, and none after the last.
fn padded(frame: &Frame) -> Frame {
    let planes: Vec<_> = (0..frame.planes().len())
        .map(|plane| {
            let stride = frame.planes()[plane].stride + 7;
            let mut data = Vec::new();
            for row in frame.rows(plane) {
                data.resize(data.len().div_ceil(stride) * stride, 0xEE);
                data.extend_from_slice(row);
            }
            Plane { data: data.into(), stride }
        })
        .collect();
    Frame::with_planes(frame.format(), frame.width(), frame.height(), &planes).unwrap()
}

#[test]
fn every_pair_of_formats_keeps_the_picture_at_every_size() {
    for (width, height) in SIZES {
        let original = gradient(width, height);
        for first in FORMATS {
            let start = original.convert(first).unwrap();
            for second in FORMATS {
                let there = start.convert(second).unwrap();
                assert_eq!(
                    (there.format(), there.width(), there.height()),
                    (second, width, height)
                );
                let gray = there.convert(PixelFormat::Gray8).unwrap();
                let expected = original.convert(PixelFormat::Gray8).unwrap();
                let difference = largest_difference(&gray, &expected);
                assert!(difference <= 6, "{first} to {second} at {width}x{height}: {difference}");
            }
        }
    }
}

#[test]
fn colours_survive_every_format_that_has_them() {
    for (width, height) in SIZES {
        for rgb in [[200, 30, 40], [30, 200, 40], [30, 40, 200], [255, 255, 255], [0, 0, 0]] {
            let original = flat(PixelFormat::Rgb24, rgb, width, height);
            for first in FORMATS.iter().filter(|format| **format != PixelFormat::Gray8) {
                for second in FORMATS.iter().filter(|format| **format != PixelFormat::Gray8) {
                    let there = original.convert(*first).unwrap().convert(*second).unwrap();
                    let back = there.convert(PixelFormat::Rgb24).unwrap();
                    let difference = largest_difference(&back, &original);
                    assert!(
                        difference <= 5,
                        "{rgb:?} {first} to {second} at {width}x{height}: {difference}"
                    );
                }
            }
        }
    }
}

#[test]
fn padding_between_rows_changes_nothing() {
    for (width, height) in SIZES {
        for from in FORMATS {
            let tight = gradient(width, height).convert(from).unwrap();
            for to in FORMATS {
                let expected = tight.convert(to).unwrap().to_packed();
                assert_eq!(padded(&tight).convert(to).unwrap().to_packed(), expected);
            }
        }
    }
}

#[test]
fn yuv_is_bt601_in_limited_range() {
    let samples = |rgb| {
        let frame = flat(PixelFormat::I420, rgb, 2, 2);
        frame.planes().iter().map(|plane| plane.data[0]).collect::<Vec<_>>()
    };
    let assert_near = |rgb, expected: [u8; 3]| {
        for (sample, expected) in samples(rgb).into_iter().zip(expected) {
            assert!(sample.abs_diff(expected) <= 1, "{rgb:?}: {sample}, {expected}");
        }
    };
    assert_near([255, 255, 255], [235, 128, 128]);
    assert_near([0, 0, 0], [16, 128, 128]);
    assert_near([255, 0, 0], [81, 90, 240]);
    assert_near([0, 0, 255], [41, 240, 110]);
}

#[test]
fn yuyv_is_luma_then_blue_then_luma_then_red() {
    let frame = flat(PixelFormat::Yuyv, [255, 0, 0], 2, 1);
    let expected = [81, 90, 81, 240];
    for (sample, expected) in frame.to_packed().iter().zip(expected) {
        assert!(sample.abs_diff(expected) <= 1, "{frame:?}");
    }
}

#[test]
fn the_same_format_shares_the_pixels_and_the_timestamp_is_kept() {
    let stamp = Timestamp::new(7, TimeBase::MILLISECONDS);
    let frame = gradient(4, 4).at(stamp);
    let same = frame.convert(PixelFormat::Rgb24).unwrap();
    assert_eq!(same.planes()[0].data.as_ptr(), frame.planes()[0].data.as_ptr());
    assert_eq!(frame.convert(PixelFormat::I420).unwrap().timestamp(), Some(stamp));
}
