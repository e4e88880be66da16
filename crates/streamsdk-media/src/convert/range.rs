//! Between limited range (luma 16 to 235, chroma 16 to 240) and full range (0 to 255).
//!
//! Plain 16-bit arithmetic, so that the compiler turns the loops into vector code.

use crate::ColorRange;

/// Brings samples to another range; both slices are of one length.
pub(super) type Scale = fn(&[u8], &mut [u8]);

pub(super) fn luma(from: ColorRange, to: ColorRange) -> Scale {
    match (from, to) {
        (ColorRange::Limited, ColorRange::Full) => luma_to_full,
        (ColorRange::Full, ColorRange::Limited) => luma_to_limited,
        _ => same,
    }
}

pub(super) fn chroma(from: ColorRange, to: ColorRange) -> Scale {
    match (from, to) {
        (ColorRange::Limited, ColorRange::Full) => chroma_to_full,
        (ColorRange::Full, ColorRange::Limited) => chroma_to_limited,
        _ => same,
    }
}

fn same(source: &[u8], target: &mut [u8]) {
    target.copy_from_slice(source);
}

/// 16..=235 to 0..=255; what lies outside is cut off.
fn luma_to_full(source: &[u8], target: &mut [u8]) {
    for (target, &luma) in target.iter_mut().zip(source) {
        // 298 / 256 is 255 / 219, and 219 * 298 + 128 just fits 16 bits.
        let above_black = u16::from(luma.clamp(16, 235) - 16);
        *target = ((above_black * 298 + 128) >> 8) as u8;
    }
}

/// 0..=255 to 16..=235.
fn luma_to_limited(source: &[u8], target: &mut [u8]) {
    for (target, &luma) in target.iter_mut().zip(source) {
        let scaled = u16::from(luma) * 219 + 128;
        // Division by 255, exact for 16 bits.
        *target = ((scaled + (scaled >> 8)) >> 8) as u8 + 16;
    }
}

/// 16..=240 to 1..=255 around 128; what lies outside is cut off.
fn chroma_to_full(source: &[u8], target: &mut [u8]) {
    for (target, &chroma) in target.iter_mut().zip(source) {
        // 291 / 256 is 255 / 224, and 112 * 291 + 128 just fits 16 bits.
        let colour = i16::from(chroma.clamp(16, 240)) - 128;
        *target = (((colour * 291 + 128) >> 8) + 128) as u8;
    }
}

/// 0..=255 to 16..=240 around 128.
fn chroma_to_limited(source: &[u8], target: &mut [u8]) {
    for (target, &chroma) in target.iter_mut().zip(source) {
        // 225 / 256 is 224 / 255.
        let colour = i16::from(chroma) - 128;
        *target = (((colour * 225 + 128) >> 8) + 128) as u8;
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn scaled(scale: Scale) -> Vec<u8> {
        let source: Vec<u8> = (0..=255).collect();
        let mut target = vec![0; 256];
        scale(&source, &mut target);
        target
    }

    fn assert_close(scale: Scale, exact: impl Fn(f64) -> f64) {
        for (value, result) in scaled(scale).into_iter().enumerate() {
            let expected = exact(value as f64).clamp(0.0, 255.0);
            assert!((f64::from(result) - expected).abs() <= 1.0, "{value}: {result}, {expected}");
        }
    }

    #[test]
    fn the_integer_formulas_are_the_exact_ones_rounded() {
        assert_close(luma_to_full, |luma| (luma - 16.0) * 255.0 / 219.0);
        assert_close(luma_to_limited, |luma| luma * 219.0 / 255.0 + 16.0);
        assert_close(chroma_to_limited, |chroma| (chroma - 128.0) * 224.0 / 255.0 + 128.0);
        assert_close(chroma_to_full, |chroma| (chroma - 128.0) * 255.0 / 224.0 + 128.0);
    }

    #[test]
    fn black_white_and_colourless_stay_what_they_are() {
        let (luma, limited, chroma) =
            (scaled(luma_to_full), scaled(luma_to_limited), scaled(chroma_to_full));
        assert_eq!((luma[16], luma[235], limited[0], limited[255]), (0, 255, 16, 235));
        assert_eq!(chroma[128], 128);
    }
}
