//! Runs of pixels in memory, for each format.

use std::ops::Range;

use super::Color;
#[cfg(feature = "resize")]
use crate::Frame;
use crate::convert::samples;
use crate::{ColorSpace, PixelFormat};

/// A picture in memory, as [`Frame::packed`](crate::Frame::packed) takes it.
#[derive(Clone)]
pub(super) struct Surface {
    pub(super) format: PixelFormat,
    pub(super) width: usize,
    pub(super) height: usize,
    pub(super) space: ColorSpace,
    pub(super) pixels: Vec<u8>,
}

/// A colour as the samples of one picture.
#[derive(Clone, Copy)]
pub(super) struct Ink {
    /// The parts of a pixel in the order of memory; or luma and both chromas.
    samples: [u8; 3],
    opacity: u8,
}

impl Surface {
    pub(super) fn ink(&self, color: Color) -> Ink {
        let [red, green, blue] = color.rgb;
        let samples = match self.format {
            PixelFormat::Rgb24 => color.rgb,
            PixelFormat::Bgr24 => [blue, green, red],
            PixelFormat::Gray8 => samples(color.rgb, ColorSpace::JPEG),
            PixelFormat::I420 | PixelFormat::Nv12 | PixelFormat::Yuyv => {
                samples([red, green, blue], self.space)
            }
        };
        Ink { samples, opacity: color.opacity }
    }

    /// Colours a run of pixels. What lies outside the picture is left out.
    pub(super) fn run(&mut self, y: usize, columns: Range<usize>, ink: Ink) {
        let columns = columns.start..columns.end.min(self.width);
        if y >= self.height || columns.is_empty() {
            return;
        }
        let (first, [u, v]) = (ink.samples, [ink.samples[1], ink.samples[2]]);
        match self.format {
            PixelFormat::Rgb24 | PixelFormat::Bgr24 => {
                let row = self.row(0, self.width * 3, y);
                stamp(row, columns, first, ink.opacity);
            }
            PixelFormat::Gray8 => {
                stamp(self.row(0, self.width, y), columns, [first[0]], ink.opacity);
            }
            PixelFormat::Yuyv => {
                let row_bytes = self.width.div_ceil(2) * 4;
                stamp_pairs(self.row(0, row_bytes, y), columns, ink);
            }
            PixelFormat::I420 | PixelFormat::Nv12 => {
                stamp(self.row(0, self.width, y), columns.clone(), [first[0]], ink.opacity);
                self.chroma_run(y, columns.start / 2..columns.end.div_ceil(2), [u, v], ink.opacity);
            }
        }
    }

    /// Copies the rows of a picture of the same format; what does not fit is left out.
    #[cfg(feature = "resize")]
    pub(super) fn paste(&mut self, frame: &Frame, left: usize, top: usize) {
        let mut plane_start = 0;
        let is_half_pair = self.format == PixelFormat::Yuyv && frame.width() % 2 == 1;
        for plane in 0..self.format.planes() {
            let (width, height) = (self.width as u32, self.height as u32);
            let Some(size) = self.format.plane_size(width, height, plane) else { return };
            let (first, top) = match (self.format, plane) {
                (PixelFormat::Rgb24 | PixelFormat::Bgr24, _) => (left * 3, top),
                (PixelFormat::Yuyv, _) => (left / 2 * 4, top),
                (PixelFormat::Nv12, 1) => (left / 2 * 2, top / 2),
                (PixelFormat::I420, 1 | 2) => (left / 2, top / 2),
                _ => (left, top),
            };
            for (y, source) in (top..size.rows).zip(frame.rows(plane)) {
                let row = self.row(plane_start, size.row_bytes, y);
                if let Some(target) = row.get_mut(first..first + source.len()) {
                    paste_row(target, source, is_half_pair);
                }
            }
            plane_start += size.bytes();
        }
    }

    fn chroma_run(&mut self, y: usize, columns: Range<usize>, [u, v]: [u8; 2], opacity: u8) {
        // Two rows share their chroma: what is translucent is laid over it once.
        if opacity < u8::MAX && y % 2 == 1 {
            return;
        }
        let (luma, half) = (self.width * self.height, self.width.div_ceil(2));
        if self.format == PixelFormat::Nv12 {
            stamp(self.row(luma, half * 2, y / 2), columns, [u, v], opacity);
            return;
        }
        let plane = half * self.height.div_ceil(2);
        stamp(self.row(luma, half, y / 2), columns.clone(), [u], opacity);
        stamp(self.row(luma + plane, half, y / 2), columns, [v], opacity);
    }

    fn row(&mut self, start: usize, row_bytes: usize, y: usize) -> &mut [u8] {
        self.pixels.get_mut(start + y * row_bytes..).map_or(&mut [], |rest| {
            let end = row_bytes.min(rest.len());
            &mut rest[..end]
        })
    }
}

/// In a pair of YUYV of which one pixel belongs to the picture, the other keeps its luma.
#[cfg(feature = "resize")]
fn paste_row(target: &mut [u8], source: &[u8], is_half_pair: bool) {
    let second_luma = target.len().saturating_sub(2);
    let kept = target.get(second_luma).copied();
    target.copy_from_slice(source);
    if let (true, Some(luma), Some(kept)) = (is_half_pair, target.get_mut(second_luma), kept) {
        *luma = kept;
    }
}

fn stamp<const N: usize>(row: &mut [u8], places: Range<usize>, samples: [u8; N], opacity: u8) {
    let (places_in_row, _) = row.as_chunks_mut::<N>();
    let Some(run) = places_in_row.get_mut(places) else { return };
    if opacity == u8::MAX {
        run.fill(samples);
        return;
    }
    let (new, rest) = (u16::from(opacity), u16::from(u8::MAX - opacity));
    let added = samples.map(|sample| u16::from(sample) * new + 127);
    for place in run {
        for (old, added) in place.iter_mut().zip(added) {
            *old = ((u16::from(*old) * rest + added) / 255) as u8;
        }
    }
}

/// In YUYV, two pixels share their chroma.
fn stamp_pairs(row: &mut [u8], columns: Range<usize>, Ink { samples: [luma, u, v], opacity }: Ink) {
    let (pixels, _) = row.as_chunks_mut::<2>();
    let end = columns.end.min(pixels.len());
    for pixel in pixels.get_mut(columns.start..end).unwrap_or_default() {
        stamp(&mut pixel[..1], 0..1, [luma], opacity);
    }
    let (pairs, _) = row.as_chunks_mut::<4>();
    for pair in pairs.get_mut(columns.start / 2..columns.end.div_ceil(2)).unwrap_or_default() {
        stamp(&mut pair[1..2], 0..1, [u], opacity);
        stamp(&mut pair[3..], 0..1, [v], opacity);
    }
}
