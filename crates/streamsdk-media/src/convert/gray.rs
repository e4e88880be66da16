//! Between gray and everything else.

use super::{ConvertError, Target, range};
use crate::{ColorRange, Frame, PixelFormat};

pub(super) fn to_rgb(source: &Frame, target: &mut Target) -> Result<(), ConvertError> {
    let stride = target.stride(0);
    let [pixels, ..] = target.planes();
    for (target, source) in pixels.chunks_exact_mut(stride).zip(source.rows(0)) {
        for (pixel, &luma) in target.chunks_exact_mut(3).zip(source) {
            pixel.fill(luma);
        }
    }
    Ok(())
}

pub(super) fn to_yuv(source: &Frame, target: &mut Target) -> Result<(), ConvertError> {
    if target.format == PixelFormat::Yuyv {
        return to_yuyv(source, target);
    }
    let stride = target.stride(0);
    let scale = range::luma(ColorRange::Full, target.space.range);
    let [luma, blue, red] = target.planes();
    for (target, source) in luma.chunks_exact_mut(stride).zip(source.rows(0)) {
        scale(source, target);
    }
    blue.fill(NO_COLOUR);
    red.fill(NO_COLOUR);
    Ok(())
}

fn to_yuyv(source: &Frame, target: &mut Target) -> Result<(), ConvertError> {
    let stride = target.stride(0);
    let scale = range::luma(ColorRange::Full, target.space.range);
    let mut luma = vec![0; source.width() as usize];
    let [pixels, ..] = target.planes();
    for (target, source) in pixels.chunks_exact_mut(stride).zip(source.rows(0)) {
        scale(source, &mut luma);
        for (quad, pair) in target.chunks_exact_mut(4).zip(luma.chunks(2)) {
            let (first, last) = (pair[0], pair[pair.len() - 1]);
            quad.copy_from_slice(&[first, NO_COLOUR, last, NO_COLOUR]);
        }
    }
    Ok(())
}

pub(super) fn from_yuv(source: &Frame, target: &mut Target) -> Result<(), ConvertError> {
    let stride = target.stride(0);
    let scale = range::luma(source.color_space().range, ColorRange::Full);
    let interleaved = source.format() == PixelFormat::Yuyv;
    let mut luma = Vec::with_capacity(stride);
    let [gray, ..] = target.planes();
    for (target, source) in gray.chunks_exact_mut(stride).zip(source.rows(0)) {
        if interleaved {
            luma.clear();
            luma.extend(source.iter().step_by(2).take(stride));
            scale(&luma, target);
        } else {
            scale(source, target);
        }
    }
    Ok(())
}

const NO_COLOUR: u8 = 128;
