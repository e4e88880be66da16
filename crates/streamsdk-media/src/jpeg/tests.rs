use super::*;
use crate::{Frame, PixelFormat};

const FORMATS: [PixelFormat; 6] = [
    PixelFormat::Bgr24,
    PixelFormat::Rgb24,
    PixelFormat::I420,
    PixelFormat::Nv12,
    PixelFormat::Yuyv,
    PixelFormat::Gray8,
];

fn flat(format: PixelFormat, rgb: [u8; 3], width: u32, height: u32) -> Frame {
    let pixels = rgb.repeat((width * height) as usize);
    Frame::packed(PixelFormat::Rgb24, width, height, pixels).unwrap().convert(format).unwrap()
}

fn gradient(width: u32, height: u32) -> Frame {
    let pixel = |x: u32, y: u32| [x * 200 / width, y * 200 / height, (x + y) * 2 % 200];
    let pixels = (0..height).flat_map(|y| (0..width).flat_map(move |x| pixel(x, y)));
    let pixels: Vec<u8> = pixels.map(|value| value as u8).collect();
    Frame::packed(PixelFormat::Rgb24, width, height, pixels).unwrap()
}

fn mean_difference(one: &Frame, other: &Frame) -> f64 {
    let (one, other) = (one.to_packed(), other.to_packed());
    assert_eq!(one.len(), other.len());
    let sum: u64 = one.iter().zip(&other).map(|(a, b)| u64::from(a.abs_diff(*b))).sum();
    sum as f64 / one.len() as f64
}

#[test]
fn colours_survive_encoding_and_decoding_from_and_to_every_format() {
    for (width, height) in [(1, 1), (7, 9), (16, 16), (161, 121)] {
        for rgb in [[200, 30, 40], [30, 180, 60], [40, 50, 200], [255, 255, 255], [0, 0, 0]] {
            for from in FORMATS {
                let frame = flat(from, rgb, width, height);
                let file = Encoder::default().encode(&frame).unwrap();
                for to in FORMATS {
                    let decoded = decode(&file, to).unwrap();
                    assert_eq!((decoded.width(), decoded.height()), (width, height));
                    let expected = frame.convert(to).unwrap().convert(PixelFormat::Rgb24).unwrap();
                    let decoded = decoded.convert(PixelFormat::Rgb24).unwrap();
                    let difference = mean_difference(&decoded, &expected);
                    assert!(
                        difference <= 4.0,
                        "{rgb:?} {from} to {to} at {width}x{height}: {difference}"
                    );
                }
            }
        }
    }
}

#[test]
fn a_picture_with_detail_comes_back_alike() {
    for (width, height) in [(160, 120), (161, 121), (8, 200)] {
        let frame = gradient(width, height);
        let file = Encoder::new(90).encode(&frame).unwrap();
        let difference = mean_difference(&decode(&file, PixelFormat::Rgb24).unwrap(), &frame);
        assert!(difference < 4.0, "{width}x{height}: {difference}");
    }
}

#[test]
fn a_higher_quality_makes_a_larger_and_truer_file() {
    let frame = gradient(160, 120);
    let [low, high] = [20, 95].map(|quality| Encoder::new(quality).encode(&frame).unwrap());
    assert!(high.len() > low.len() * 2);
    let difference =
        |file: &[u8]| mean_difference(&decode(file, PixelFormat::Rgb24).unwrap(), &frame);
    assert!(difference(&high) < difference(&low));
    assert_eq!(Encoder::default().quality(), 80);
    assert_eq!(Encoder::new(0).quality(), 1);
}

#[test]
fn a_gray_frame_becomes_a_gray_file() {
    let frame = flat(PixelFormat::Gray8, [90, 90, 90], 20, 20);
    let file = Encoder::default().encode(&frame).unwrap();
    assert_eq!(header::Header::read(&file).unwrap().components, 1);
}

#[test]
fn the_size_is_read_from_the_header_alone() {
    let file = Encoder::default().encode(&gradient(161, 121)).unwrap();
    let scan = file.windows(2).position(|pair| pair == [0xFF, 0xDA]).unwrap();
    let header_and_some_data = &file[..file.len() / 2];
    assert_eq!(dimensions(header_and_some_data), Ok((161, 121)));
    assert!(matches!(dimensions(&file[..scan]), Err(JpegError::Truncated { .. })));
}

#[test]
fn what_is_not_a_jpeg_is_a_typed_error() {
    for data in [&b""[..], b"\xFF", b"GIF89a", b"\x89PNG\r\n"] {
        let error = decode(data, PixelFormat::Rgb24).unwrap_err();
        assert_eq!(error, JpegError::NotJpeg { length: data.len() });
    }
    let error = decode(b"\xFF\xD8\xFF\xD9", PixelFormat::Rgb24).unwrap_err();
    assert_eq!(error, JpegError::Header { reason: "no scan" });
}

#[test]
fn a_picture_that_is_cut_off_anywhere_is_an_error() {
    let file = Encoder::default().encode(&gradient(64, 64)).unwrap();
    for length in 2..file.len() - 1 {
        let error = decode(&file[..length], PixelFormat::Rgb24).unwrap_err();
        assert_eq!(error, JpegError::Truncated { length });
    }
}

#[test]
fn garbage_after_the_end_is_ignored() {
    let mut file = Encoder::default().encode(&gradient(64, 64)).unwrap();
    let expected = decode(&file, PixelFormat::Rgb24).unwrap().to_packed();
    file.extend_from_slice(&[0; 500]);
    assert_eq!(decode(&file, PixelFormat::Rgb24).unwrap().to_packed(), expected);
}

/// A file whose header claims a size that it does not have.
fn claiming(width: u16, height: u16) -> Vec<u8> {
    let mut file = Encoder::default().encode(&gradient(64, 64)).unwrap();
    let frame = file.windows(2).position(|pair| pair == [0xFF, 0xC0]).unwrap();
    file[frame + 5..frame + 7].copy_from_slice(&height.to_be_bytes());
    file[frame + 7..frame + 9].copy_from_slice(&width.to_be_bytes());
    file
}

#[test]
fn a_size_out_of_bounds_is_refused_before_memory_is_taken() {
    for (width, height) in [(65_535, 65_535), (16_385, 1), (16_384, 16_384)] {
        let error = decode(&claiming(width, height), PixelFormat::Rgb24).unwrap_err();
        let (width, height) = (u32::from(width), u32::from(height));
        assert_eq!(error, JpegError::TooLarge { width, height });
    }
    assert!(matches!(dimensions(&claiming(8000, 8000)), Err(JpegError::TooShort { .. })));
    assert!(matches!(dimensions(&claiming(0, 8)), Err(JpegError::Header { .. })));
}

#[test]
fn a_size_that_is_not_the_pictures_own_is_not_a_crash() {
    for (width, height) in [(800, 600), (64, 1000), (1000, 64), (1, 1)] {
        match decode(&claiming(width, height), PixelFormat::Rgb24) {
            Ok(frame) => assert_eq!((frame.width(), frame.height()), (width.into(), height.into())),
            Err(error) => assert!(matches!(error, JpegError::Decode { .. }), "{error}"),
        }
    }
}

#[test]
fn damaged_bytes_never_crash_and_never_change_the_size() {
    let mut seed = 1_u32;
    let mut random = move || {
        seed = seed.wrapping_mul(1_664_525).wrapping_add(1_013_904_223);
        (seed >> 8) as usize
    };
    let files = [(33, 17), (64, 64)].map(|(width, height)| {
        let frame = gradient(width, height);
        Encoder::default().encode(&frame).unwrap()
    });
    for round in 0..3000 {
        let mut file = files[round % 2].clone();
        for _ in 0..1 + random() % 4 {
            let position = random() % file.len();
            file[position] = random() as u8;
        }
        for format in [PixelFormat::Rgb24, PixelFormat::Gray8] {
            if let Ok(frame) = decode(&file, format) {
                assert_eq!(dimensions(&file), Ok((frame.width(), frame.height())));
            }
        }
    }
}

#[cfg(feature = "turbojpeg")]
mod with_turbojpeg {
    use super::*;

    /// The sampling factors of four components at most, and whether scans are progressive.
    fn encode(frame: &Frame, subsampling: turbojpeg::Subsamp, progressive: bool) -> Vec<u8> {
        let mut compressor = turbojpeg::Compressor::new().unwrap();
        compressor.set_quality(80).unwrap();
        compressor.set_subsamp(subsampling).unwrap();
        compressor.set_progressive(progressive).unwrap();
        let image = turbojpeg::Image {
            pixels: &frame.to_packed()[..],
            width: frame.width() as usize,
            pitch: frame.width() as usize * 3,
            height: frame.height() as usize,
            format: turbojpeg::PixelFormat::RGB,
        };
        compressor.compress_to_vec(image).unwrap()
    }

    #[test]
    fn both_decoders_see_the_same_picture() {
        use turbojpeg::Subsamp::{Gray, None, Sub1x2, Sub2x1, Sub2x2};
        for (width, height) in [(8, 8), (17, 33), (160, 120), (161, 121)] {
            for subsampling in [None, Sub2x1, Sub1x2, Sub2x2, Gray] {
                for progressive in [false, true] {
                    let file = encode(&gradient(width, height), subsampling, progressive);
                    for format in [PixelFormat::Rgb24, PixelFormat::Bgr24, PixelFormat::Gray8] {
                        let header = header::Header::read(&file).unwrap();
                        let turbo = turbo::decode(&file, &header, format).unwrap();
                        let pure = decode::decode_pure(&file, &header, format).unwrap();
                        let difference = mean_difference(&turbo, &pure);
                        assert!(
                            difference < 1.5,
                            "{subsampling:?} {progressive} {format} {width}x{height}: {difference}"
                        );
                    }
                }
            }
        }
    }
}
