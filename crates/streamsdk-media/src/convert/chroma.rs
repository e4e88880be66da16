//! Between the YUV formats: the same samples in another order.

use yuv::{BufferStoreMut, YuvPackedImage, YuvPlanarImageMut};

use super::{ConvertError, Target};
use crate::Frame;

/// I420 to NV12.
pub(super) fn interleave(source: &Frame, target: &mut Target) -> Result<(), ConvertError> {
    let (luma_stride, chroma_stride) = (target.stride(0), target.stride(1));
    let [luma, chroma, _] = target.planes();
    copy_rows(source, luma, luma_stride);
    let rows = source.rows(1).zip(source.rows(2));
    for (target, (blue, red)) in chroma.chunks_exact_mut(chroma_stride).zip(rows) {
        for ((pair, &blue), &red) in target.chunks_exact_mut(2).zip(blue).zip(red) {
            pair.copy_from_slice(&[blue, red]);
        }
    }
    Ok(())
}

/// NV12 to I420.
pub(super) fn deinterleave(source: &Frame, target: &mut Target) -> Result<(), ConvertError> {
    let (luma_stride, chroma_stride) = (target.stride(0), target.stride(1));
    let [luma, blue, red] = target.planes();
    copy_rows(source, luma, luma_stride);
    let rows = blue.chunks_exact_mut(chroma_stride).zip(red.chunks_exact_mut(chroma_stride));
    for (source, (blue, red)) in source.rows(1).zip(rows) {
        for ((pair, blue), red) in source.chunks_exact(2).zip(blue).zip(red) {
            (*blue, *red) = (pair[0], pair[1]);
        }
    }
    Ok(())
}

/// I420 to YUYV: every row of chroma serves two rows.
pub(super) fn pack(source: &Frame, target: &mut Target) -> Result<(), ConvertError> {
    let stride = target.stride(0);
    let [pixels, ..] = target.planes();
    let chroma = source.rows(1).zip(source.rows(2)).flat_map(|rows| [rows, rows]);
    for ((target, luma), (blue, red)) in
        pixels.chunks_exact_mut(stride).zip(source.rows(0)).zip(chroma)
    {
        pack_row(luma, blue, red, target);
    }
    Ok(())
}

fn pack_row(luma: &[u8], blue: &[u8], red: &[u8], target: &mut [u8]) {
    let (quads, _) = target.as_chunks_mut::<4>();
    let (pairs, odd) = luma.as_chunks::<2>();
    for (((quad, pair), &blue), &red) in quads.iter_mut().zip(pairs).zip(blue).zip(red) {
        *quad = [pair[0], blue, pair[1], red];
    }
    if let ([last], Some(quad), Some(&blue), Some(&red)) =
        (odd, quads.last_mut(), blue.last(), red.last())
    {
        *quad = [*last, blue, *last, red];
    }
}

/// YUYV to I420: the chroma of two rows is averaged.
pub(super) fn unpack(source: &Frame, target: &mut Target) -> Result<(), ConvertError> {
    let (luma_stride, chroma_stride) = (target.stride(0), target.stride(1));
    let [luma, blue, red] = target.planes();
    for (source, target) in source.rows(0).zip(luma.chunks_exact_mut(luma_stride)) {
        for (pair, target) in source.as_chunks::<2>().0.iter().zip(target) {
            *target = pair[0];
        }
    }
    let upper = source.rows(0).step_by(2);
    // The last row of an odd height has no partner but itself.
    let lower = source.rows(0).skip(1).step_by(2).chain(source.rows(0).next_back());
    let chroma = blue.chunks_exact_mut(chroma_stride).zip(red.chunks_exact_mut(chroma_stride));
    for ((upper, lower), (blue, red)) in upper.zip(lower).zip(chroma) {
        unpack_chroma(upper, lower, blue, red);
    }
    Ok(())
}

fn unpack_chroma(upper: &[u8], lower: &[u8], blue: &mut [u8], red: &mut [u8]) {
    let quads = upper.as_chunks::<4>().0.iter().zip(lower.as_chunks::<4>().0);
    for (((upper, lower), blue), red) in quads.zip(blue).zip(red) {
        *blue = average(upper[1], lower[1]);
        *red = average(upper[3], lower[3]);
    }
}

fn average(one: u8, other: u8) -> u8 {
    (u16::from(one) + u16::from(other)).div_ceil(2) as u8
}

pub(super) fn packed(frame: &Frame) -> YuvPackedImage<'_, u8> {
    let plane = &frame.planes()[0];
    YuvPackedImage {
        yuy: &plane.data,
        yuy_stride: plane.stride as u32,
        width: frame.width(),
        height: frame.height(),
    }
}

pub(super) fn planar_mut(target: &mut Target) -> YuvPlanarImageMut<'_, u8> {
    let (width, height) = (target.width, target.height);
    let (y_stride, chroma_stride) = (target.stride(0) as u32, target.stride(1) as u32);
    let [luma, blue, red] = target.planes();
    YuvPlanarImageMut {
        y_plane: BufferStoreMut::Borrowed(luma),
        y_stride,
        u_plane: BufferStoreMut::Borrowed(blue),
        u_stride: chroma_stride,
        v_plane: BufferStoreMut::Borrowed(red),
        v_stride: chroma_stride,
        width,
        height,
    }
}

fn copy_rows(source: &Frame, target: &mut [u8], stride: usize) {
    for (target, source) in target.chunks_exact_mut(stride).zip(source.rows(0)) {
        target.copy_from_slice(source);
    }
}
