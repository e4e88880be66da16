use streamsdk_media::{Frame, PixelFormat, jpeg};

use super::*;

const FORMATS: [PixelFormat; 6] = [
    PixelFormat::Bgr24,
    PixelFormat::Rgb24,
    PixelFormat::I420,
    PixelFormat::Nv12,
    PixelFormat::Yuyv,
    PixelFormat::Gray8,
];

/// A picture full of noise, so that what the marker leaves out is never neutral by chance.
fn noise(format: PixelFormat, width: u32, height: u32) -> Vec<u8> {
    let sizes = (0..format.planes()).filter_map(|plane| format.plane_size(width, height, plane));
    let bytes: usize = sizes.map(PlaneSize::bytes).sum();
    let mut seed = 1_u32;
    let mut next = move |_| {
        seed = seed.wrapping_mul(1_664_525).wrapping_add(1_013_904_223);
        (seed >> 24) as u8
    };
    (0..bytes).map(&mut next).collect()
}

fn marked(format: PixelFormat, (width, height): (u32, u32), number: u32) -> Frame {
    let mut pixels = noise(format, width, height);
    draw(&mut pixels, format, width, height, number).unwrap();
    Frame::packed(format, width, height, pixels).unwrap()
}

/// Every pixel is the nearest one of the original.
fn scaled(frame: &Frame, width: u32, height: u32) -> Frame {
    let gray = frame.convert(PixelFormat::Gray8).unwrap();
    let rows: Vec<_> = gray.rows(0).collect();
    let pick = |index: u32, to: u32, from: u32| (index * from / to) as usize;
    let pixels = (0..height).flat_map(|y| {
        let row = rows[pick(y, height, frame.height())];
        (0..width).map(move |x| row[pick(x, width, frame.width())])
    });
    Frame::packed(PixelFormat::Gray8, width, height, pixels.collect::<Vec<_>>()).unwrap()
}

#[test]
fn every_format_carries_every_bit_at_every_size() {
    for format in FORMATS {
        for size in [(240, 8), (241, 9), (320, 180), (641, 359), (1279, 721)] {
            for number in (0..24).map(|bit| 1 << bit).chain([0, MAX_NUMBER, 0xA5_C3_96]) {
                assert_eq!(read(&marked(format, size, number)), Some(number), "{format} {size:?}");
            }
        }
    }
}

#[test]
fn a_marker_survives_a_jpeg_of_low_quality_and_scaling() {
    for size in [(320, 180), (640, 480), (1280, 720), (641, 359)] {
        for number in [0, 1, 0x55_55_55, 0xAA_AA_AA, MAX_NUMBER] {
            let frame = marked(PixelFormat::I420, size, number);
            let file = jpeg::Encoder::new(30).encode(&frame).unwrap();
            let decoded = jpeg::decode(&file, PixelFormat::Rgb24).unwrap();
            assert_eq!(read(&decoded), Some(number), "{size:?}");
            for (width, height) in [(320, 180), (333, 200)] {
                assert_eq!(read(&scaled(&decoded, width, height)), Some(number), "{size:?}");
            }
        }
    }
}

#[test]
fn numbers_beyond_24_bits_keep_their_lowest() {
    assert_eq!(read(&marked(PixelFormat::Gray8, (320, 180), 0xFF00_0007)), Some(7));
}

#[test]
fn a_picture_without_a_marker_or_with_a_damaged_one_has_no_number() {
    let frame = |pixels| Frame::packed(PixelFormat::Gray8, 640, 360, pixels).unwrap();
    assert_eq!(read(&frame(vec![90; 640 * 360])), None);
    assert_eq!(read(&frame(noise(PixelFormat::Gray8, 640, 360))), None);
    let mut pixels = marked(PixelFormat::Gray8, (640, 360), 0).into_packed();
    for row in pixels.chunks_exact_mut(640).take(16) {
        row[5 * 16..6 * 16].fill(255);
    }
    assert_eq!(read(&frame(pixels)), None);
}

#[test]
fn the_strip_lies_exactly_where_the_format_says() {
    let mut pixels = vec![100; 641 * 359];
    draw(&mut pixels, PixelFormat::Gray8, 641, 359, 0).unwrap();
    let row = &pixels[15 * 641..][..641];
    // Cell 0 is white, all others are black, and the last ends at 30 * 641 / 40.
    assert!(row[..16].iter().all(|&byte| byte == 255));
    assert!(row[16..480].iter().all(|&byte| byte == 0));
    assert!(row[480..].iter().all(|&byte| byte == 100));
    assert!(pixels[16 * 641..].iter().all(|&byte| byte == 100));
}

#[test]
fn chroma_is_neutral_below_the_strip_and_untouched_elsewhere() {
    let (width, height) = (320, 180);
    let before = vec![77; 320 * 180 * 3 / 2];
    for format in [PixelFormat::I420, PixelFormat::Nv12] {
        let mut pixels = before.clone();
        draw(&mut pixels, format, width, height, 3).unwrap();
        let chroma = &pixels[320 * 180..];
        assert_eq!(chroma.iter().filter(|&&byte| byte == 128).count(), 2 * 120 * 4);
        assert_eq!(chroma.iter().filter(|&&byte| byte == 77).count(), chroma.len() - 2 * 120 * 4);
    }
}

#[test]
fn pictures_that_do_not_fit_are_typed_errors() {
    let drawn = |width, height, bytes| {
        draw(&mut vec![0; bytes], PixelFormat::Gray8, width, height, 1).unwrap_err()
    };
    assert_eq!(drawn(239, 100, 23_900), MarkerError::TooSmall { width: 239, height: 100 });
    assert_eq!(drawn(640, 15, 9600), MarkerError::TooSmall { width: 640, height: 15 });
    assert_eq!(drawn(320, 180, 1), MarkerError::Length { expected: 57_600, actual: 1 });
    let narrow = Frame::packed(PixelFormat::Gray8, 8, 8, vec![0; 64]).unwrap();
    assert_eq!(read(&narrow), None);
}
