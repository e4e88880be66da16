//! The numbers of the standards, and one colour by them.

use super::rgb;
use crate::{ColorMatrix, ColorRange, ColorSpace};

/// The samples of one colour: luma, blue chroma, red chroma.
pub(crate) fn samples(rgb: [u8; 3], space: ColorSpace) -> [u8; 3] {
    let (shares, levels) = (Shares::of(space.matrix), Levels::of(space.range));
    let [red, green, blue] = rgb.map(|part| f64::from(part) / 255.0);
    let luma = shares.red * red + shares.green * green + shares.blue * blue;
    let chroma =
        |part: f64, share: f64| 128.0 + levels.chroma * (part - luma) / (2.0 * (1.0 - share));
    let samples =
        [levels.black + levels.luma * luma, chroma(blue, shares.blue), chroma(red, shares.red)];
    samples.map(|sample| sample.round() as u8)
}

/// Shares of the colours in luma.
pub(super) struct Shares {
    pub(super) red: f64,
    pub(super) green: f64,
    pub(super) blue: f64,
}

impl Shares {
    pub(super) fn of(matrix: ColorMatrix) -> Self {
        let shares = rgb::standard(matrix).get_kr_kb();
        let (red, blue) = (f64::from(shares.kr), f64::from(shares.kb));
        Self { red, green: 1.0 - red - blue, blue }
    }
}

/// Where black is, and how many steps luma and chroma have.
pub(super) struct Levels {
    pub(super) black: f64,
    pub(super) luma: f64,
    pub(super) chroma: f64,
}

impl Levels {
    pub(super) fn of(range: ColorRange) -> Self {
        match range {
            ColorRange::Limited => Self { black: 16.0, luma: 219.0, chroma: 224.0 },
            ColorRange::Full => Self { black: 0.0, luma: 255.0, chroma: 255.0 },
        }
    }
}
