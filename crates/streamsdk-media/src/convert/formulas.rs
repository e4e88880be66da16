//! Conversions against the formulas of the standards in floating point.

use crate::{ColorMatrix, ColorRange, ColorSpace, Frame, PixelFormat};

const YUV: [PixelFormat; 3] = [PixelFormat::I420, PixelFormat::Nv12, PixelFormat::Yuyv];
const RGB: [PixelFormat; 2] = [PixelFormat::Rgb24, PixelFormat::Bgr24];

const COLOURS: [[u8; 3]; 12] = [
    [0, 136, 0],
    [255, 0, 0],
    [0, 255, 0],
    [0, 0, 255],
    [255, 255, 0],
    [0, 255, 255],
    [255, 0, 255],
    [0, 0, 0],
    [255, 255, 255],
    [128, 128, 128],
    [200, 60, 180],
    [33, 90, 211],
];

fn spaces() -> impl Iterator<Item = ColorSpace> {
    use ColorMatrix::{Bt601, Bt709, Bt2020, Smpte240m};
    [Bt601, Bt709, Bt2020, Smpte240m].into_iter().flat_map(|matrix| {
        [ColorRange::Limited, ColorRange::Full].map(|range| ColorSpace::new(matrix, range))
    })
}

/// Shares of red, green and blue in luma.
fn shares(matrix: ColorMatrix) -> [f64; 3] {
    match matrix {
        ColorMatrix::Bt601 => [0.299, 0.587, 0.114],
        ColorMatrix::Bt709 => [0.2126, 0.7152, 0.0722],
        ColorMatrix::Bt2020 => [0.2627, 0.678, 0.0593],
        ColorMatrix::Smpte240m => [0.212, 0.701, 0.087],
    }
}

/// Black, and the steps of luma and chroma.
fn levels(range: ColorRange) -> [f64; 3] {
    match range {
        ColorRange::Limited => [16.0, 219.0, 224.0],
        ColorRange::Full => [0.0, 255.0, 255.0],
    }
}

fn samples(rgb: [f64; 3], space: ColorSpace) -> [f64; 3] {
    let ([red, green, blue], [black, steps, chroma_steps]) =
        (shares(space.matrix), levels(space.range));
    let [r, g, b] = rgb.map(|part| part / 255.0);
    let luma = red * r + green * g + blue * b;
    let chroma =
        |part: f64, share: f64| 128.0 + chroma_steps * (part - luma) / (2.0 * (1.0 - share));
    [black + steps * luma, chroma(b, blue), chroma(r, red)]
}

/// Not cut off.
fn colour([luma, u, v]: [f64; 3], space: ColorSpace) -> [f64; 3] {
    let ([red, green, blue], [black, steps, chroma_steps]) =
        (shares(space.matrix), levels(space.range));
    let luma = (luma - black) / steps;
    let b = luma + (u - 128.0) / chroma_steps * 2.0 * (1.0 - blue);
    let r = luma + (v - 128.0) / chroma_steps * 2.0 * (1.0 - red);
    [r, (luma - red * r - blue * b) / green, b].map(|part| part * 255.0)
}

/// A picture of one colour in I420.
fn flat(samples: [u8; 3], space: ColorSpace) -> Frame {
    let [luma, u, v] = samples;
    let data = [vec![luma; 66 * 34], vec![u; 33 * 17], vec![v; 33 * 17]].concat();
    Frame::packed(PixelFormat::I420, 66, 34, data).unwrap().in_color_space(space)
}

fn flat_rgb(rgb: [u8; 3]) -> Frame {
    Frame::packed(PixelFormat::Rgb24, 66, 34, rgb.repeat(66 * 34)).unwrap()
}

/// Every pixel, not only those that vector code makes.
fn assert_flat(frame: &Frame, expected: [f64; 3], tolerance: f64, what: &str) {
    let expected = expected.map(|it| it.clamp(0.0, 255.0));
    let near = |sample: u8, expected: f64| (f64::from(sample) - expected).abs() <= tolerance;
    let is_near = match frame.format() {
        PixelFormat::I420 => (0..3)
            .all(|plane| frame.rows(plane).flatten().all(|&sample| near(sample, expected[plane]))),
        _ => frame
            .rows(0)
            .flat_map(|row| row.as_chunks::<3>().0)
            .all(|pixel| (0..3).all(|part| near(pixel[part], expected[part]))),
    };
    let first = frame.rows(0).next().map(|row| row[..3].to_vec());
    assert!(is_near, "{what}: {expected:?}, {first:?} {frame:?}");
}

#[test]
fn rgb_becomes_the_samples_of_the_formula() {
    for space in spaces() {
        for rgb in COLOURS {
            for from in RGB {
                for to in YUV {
                    let frame = flat_rgb(rgb).convert(from).unwrap();
                    let frame = frame.convert_to(to, space).unwrap();
                    assert_eq!(frame.color_space(), space);
                    let planar = frame.convert(PixelFormat::I420).unwrap();
                    let expected = samples(rgb.map(f64::from), space);
                    assert_flat(&planar, expected, 1.0, &format!("{rgb:?} {from} {to} {space:?}"));
                }
            }
        }
    }
}

#[test]
fn samples_become_the_rgb_of_the_formula() {
    for space in spaces() {
        for rgb in COLOURS {
            let rounded = samples(rgb.map(f64::from), space).map(|sample| sample.round() as u8);
            for from in YUV {
                for to in RGB {
                    let frame = flat(rounded, space).convert(from).unwrap();
                    let there = frame.convert(to).unwrap().convert(PixelFormat::Rgb24).unwrap();
                    let expected = colour(rounded.map(f64::from), space);
                    assert_flat(&there, expected, 2.0, &format!("{rgb:?} {from} {to} {space:?}"));
                }
            }
        }
    }
}

#[test]
fn samples_of_one_space_become_those_of_another() {
    for (old, new) in spaces().flat_map(|old| spaces().map(move |new| (old, new))) {
        for rgb in COLOURS {
            let rounded = samples(rgb.map(f64::from), old).map(|sample| sample.round() as u8);
            let expected = samples(colour(rounded.map(f64::from), old), new);
            for from in YUV {
                for to in YUV {
                    let frame = flat(rounded, old).convert(from).unwrap();
                    let frame = frame.convert_to(to, new).unwrap();
                    assert_eq!((frame.format(), frame.color_space()), (to, new));
                    let planar = frame.convert(PixelFormat::I420).unwrap();
                    let what = format!("{rgb:?} {from} {old:?} to {to} {new:?}");
                    assert_flat(&planar, expected, 1.0, &what);
                }
            }
        }
    }
}

#[test]
fn each_pixel_gets_its_own_colour_at_every_size() {
    let (old, new) = (ColorSpace::BT709, ColorSpace::JPEG);
    for (width, height) in [(1_u32, 1_u32), (1, 2), (2, 1), (3, 3), (17, 5), (34, 20), (65, 7)] {
        let (half_width, half_height) = (width.div_ceil(2), height.div_ceil(2));
        let length = width * height + 2 * half_width * half_height;
        // Numbers in the middle, of which none is cut off.
        let data: Vec<u8> = (0..length).map(|index| 100 + (index * 37 % 51) as u8).collect();
        let frame = Frame::packed(PixelFormat::I420, width, height, data).unwrap();
        let frame = frame.in_color_space(old);
        let converted = frame.convert_to(PixelFormat::I420, new).unwrap();
        let at = |frame: &Frame, plane, x: u32, y: u32| {
            f64::from(frame.rows(plane).nth(y as usize).unwrap()[x as usize])
        };
        for (x, y) in (0..height).flat_map(|y| (0..width).map(move |x| (x, y))) {
            let [u, v] = [1, 2].map(|plane| at(&frame, plane, x / 2, y / 2));
            let expected = samples(colour([at(&frame, 0, x, y), u, v], old), new);
            let actual = [
                at(&converted, 0, x, y),
                at(&converted, 1, x / 2, y / 2),
                at(&converted, 2, x / 2, y / 2),
            ];
            let is_near = actual.iter().zip(expected).all(|(it, exact)| (it - exact).abs() <= 1.0);
            assert!(is_near, "{width}x{height} at {x},{y}: {actual:?}, {expected:?}");
        }
    }
}

#[test]
fn gray_is_luma_in_full_range() {
    for space in spaces() {
        for luma in [0, 16, 100, 235, 255] {
            for format in YUV {
                let frame = flat([luma, 90, 200], space).convert(format).unwrap();
                let gray = frame.convert(PixelFormat::Gray8).unwrap();
                let [black, steps, _] = levels(space.range);
                let expected = ((f64::from(luma) - black) / steps * 255.0).clamp(0.0, 255.0);
                let sample = gray.planes()[0].data[0];
                assert!((f64::from(sample) - expected).abs() <= 1.0, "{format} {space:?} {luma}");
                let back = gray.convert_to(format, space).unwrap();
                let back = back.convert(PixelFormat::I420).unwrap();
                let expected = black + f64::from(sample) / 255.0 * steps;
                assert_flat(&back, [expected, 128.0, 128.0], 1.0, &format!("{format} {space:?}"));
            }
        }
    }
}
