//! A number in the picture that a machine can read, even after encoding and scaling.
//!
//! Tells which frame came out at the other end of a connection, and how late:
//! [`TestPattern`](crate::TestPattern) draws each frame's number.
//!
//! ```
//! use streamsdk_capture::marker;
//! use streamsdk_media::{Frame, PixelFormat};
//!
//! let mut pixels = vec![90; 640 * 360];
//! marker::draw(&mut pixels, PixelFormat::Gray8, 640, 360, 1234)?;
//! let frame = Frame::packed(PixelFormat::Gray8, 640, 360, pixels)?;
//! assert_eq!(marker::read(&frame), Some(1234));
//! # Ok::<(), Box<dyn std::error::Error>>(())
//! ```
//!
//! # The format
//!
//! All divisions of integers round down. In a picture `width` pixels wide let
//! `u = max(width, 320)`. A strip of 30 cells lies in the upper left corner. Cell `k`, from 0 to 29, is
//! the columns from `k * u / 40` up to but without `(k + 1) * u / 40`, and the rows from 0 up to but
//! without `u / 40`: a square of a fortieth of the width, at least 8 pixels, that is narrower or wider
//! by one pixel here and there where the width is no multiple of 40. A picture that is narrower than
//! `30 * u / 40` (240) or lower than `u / 40` has no room for the strip.
//!
//! | cells | hold |
//! |---|---|
//! | 0 | white |
//! | 1 | black |
//! | 2 to 25 | the number's lowest 24 bits, the most significant first |
//! | 26 to 29 | a checksum of four bits, the most significant first |
//!
//! A bit that is 1 is white, one that is 0 is black. The checksum is the sum of the number's six groups
//! of four bits, modulo 16. White is luma 235 and black is luma 16 where luma has limited range (I420,
//! NV12, YUYV), with chroma 128; elsewhere all components are 255 or 0.
//!
//! To read a cell of the columns from `x0` to `x1`, average the columns from `x0 + (x1 - x0) / 4` to
//! `x1 - (x1 - x0) / 4` and the rows from `s / 4` to `s - s / 4`, where `s = u / 40`, each without the
//! last one named: luma, or all components of RGB. A bit is 1 if its average is above the middle
//! between those of cell 0 and cell 1. There is no marker if white is less than 64 above black, or if
//! the checksum is another one.
//!
//! A picture at least 320 pixels wide can be scaled to any width down to 320 and still be read.

use std::ops::Range;

use streamsdk_media::{Frame, PixelFormat, PlaneSize};
use thiserror::Error;

/// The largest number that a marker can hold.
pub const MAX_NUMBER: u32 = (1 << NUMBER_BITS) - 1;

/// Draws the lowest 24 bits of a number into a picture that lies in memory as
/// [`Frame::packed`] takes it.
///
/// # Errors
///
/// If the picture has no room for the marker, or `pixels` is not as long as the picture.
pub fn draw(
    pixels: &mut [u8],
    format: PixelFormat,
    width: u32,
    height: u32,
    number: u32,
) -> Result<(), MarkerError> {
    let strip = Strip::of(width, height).ok_or(MarkerError::TooSmall { width, height })?;
    let sizes = (0..format.planes()).filter_map(|plane| format.plane_size(width, height, plane));
    let expected = sizes.map(PlaneSize::bytes).sum();
    if pixels.len() != expected {
        return Err(MarkerError::Length { expected, actual: pixels.len() });
    }
    let row_bytes = format.plane_size(width, height, 0).map_or(0, |size| size.row_bytes);
    let first_row = strip.row(format, row_bytes, cells(number));
    for row in pixels.chunks_exact_mut(row_bytes).take(strip.side) {
        row[..first_row.len()].copy_from_slice(&first_row);
    }
    neutralize_chroma(pixels, format, width, height, &strip);
    Ok(())
}

/// Reads the number from a picture; `None` if there is no marker that can be read.
pub fn read(frame: &Frame) -> Option<u32> {
    let strip = Strip::of(frame.width(), frame.height())?;
    let averages = strip.averages(frame);
    let (white, black) = (averages[0], averages[1]);
    if white < black + 64.0 {
        return None;
    }
    let middle = (white + black) / 2.0;
    let bits = averages.iter().skip(2).map(|&average| u32::from(average > middle));
    let read = bits.fold(0, |read, bit| read << 1 | bit);
    let number = read >> CHECKSUM_BITS;
    (checksum(number) == read & 0xF).then_some(number)
}

/// Why a marker cannot be drawn.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Error)]
#[non_exhaustive]
pub enum MarkerError {
    /// The picture is too narrow or too low.
    #[error("a picture of {width}x{height} has no room for a marker")]
    TooSmall {
        /// Width of the picture.
        width: u32,
        /// Height of the picture.
        height: u32,
    },
    /// The pixels are more or fewer than the picture has.
    #[error("the picture has {actual} bytes, expected {expected}")]
    Length {
        /// How many bytes such a picture takes.
        expected: usize,
        /// How many there were.
        actual: usize,
    },
}

/// Where the cells are.
struct Strip {
    unit: usize,
    side: usize,
}

impl Strip {
    fn of(width: u32, height: u32) -> Option<Self> {
        let unit = width.max(SMALLEST_UNIT) as usize;
        let strip = Self { unit, side: unit / UNIT_CELLS };
        (strip.width() <= width as usize && strip.side <= height as usize).then_some(strip)
    }

    fn width(&self) -> usize {
        self.columns(CELLS - 1).end
    }

    fn columns(&self, cell: usize) -> Range<usize> {
        cell * self.unit / UNIT_CELLS..(cell + 1) * self.unit / UNIT_CELLS
    }

    /// The bytes of one row of the strip in the first plane.
    fn row(&self, format: PixelFormat, row_bytes: usize, cells: [bool; CELLS]) -> Vec<u8> {
        let (black, white) = levels(format);
        let step = pixel_bytes(format);
        let mut row = vec![NEUTRAL; (self.width() * step).min(row_bytes)];
        for (cell, is_white) in cells.into_iter().enumerate() {
            let columns = self.columns(cell);
            let bytes = &mut row[columns.start * step..columns.end * step];
            let luma = bytes.iter_mut().step_by(if format == PixelFormat::Yuyv { 2 } else { 1 });
            luma.for_each(|byte| *byte = if is_white { white } else { black });
        }
        row
    }

    /// The average of the middle of each cell.
    fn averages(&self, frame: &Frame) -> [f64; CELLS] {
        let mut sums = [0; CELLS];
        let rows = inner(0..self.side);
        for row in frame.rows(0).take(rows.end).skip(rows.start) {
            for (cell, sum) in sums.iter_mut().enumerate() {
                *sum += luma_sum(row, frame.format(), inner(self.columns(cell)));
            }
        }
        let components = if pixel_bytes(frame.format()) == 3 { 3 } else { 1 };
        let mut averages = [0.0; CELLS];
        for (cell, (average, sum)) in averages.iter_mut().zip(sums).enumerate() {
            let bytes = rows.len() * inner(self.columns(cell)).len() * components;
            *average = f64::from(sum) / bytes as f64;
        }
        averages
    }
}

/// Without a quarter on each side, where neighbours may have left something.
fn inner(range: Range<usize>) -> Range<usize> {
    let quarter = range.len() / 4;
    range.start + quarter..range.end - quarter
}

fn luma_sum(row: &[u8], format: PixelFormat, columns: Range<usize>) -> u32 {
    let step = pixel_bytes(format);
    let bytes = &row[columns.start * step..columns.end * step];
    let take = if format == PixelFormat::Yuyv { 2 } else { 1 };
    bytes.iter().step_by(take).map(|&byte| u32::from(byte)).sum()
}

fn cells(number: u32) -> [bool; CELLS] {
    let number = number & MAX_NUMBER;
    let bits = 0b10 << (NUMBER_BITS + CHECKSUM_BITS) | number << CHECKSUM_BITS | checksum(number);
    std::array::from_fn(|cell| bits >> (CELLS - 1 - cell) & 1 == 1)
}

fn checksum(number: u32) -> u32 {
    (0..NUMBER_BITS / 4).map(|group| number >> (group * 4) & 0xF).sum::<u32>() & 0xF
}

/// Black and white in the first plane.
fn levels(format: PixelFormat) -> (u8, u8) {
    match format {
        PixelFormat::I420 | PixelFormat::Nv12 | PixelFormat::Yuyv => (16, 235),
        _ => (0, 255),
    }
}

/// Bytes from one pixel to the next in the first plane.
fn pixel_bytes(format: PixelFormat) -> usize {
    match format {
        PixelFormat::Bgr24 | PixelFormat::Rgb24 => 3,
        PixelFormat::Yuyv => 2,
        _ => 1,
    }
}

fn neutralize_chroma(
    pixels: &mut [u8],
    format: PixelFormat,
    width: u32,
    height: u32,
    strip: &Strip,
) {
    let mut rest = pixels;
    for plane in 0..format.planes() {
        let Some(size) = format.plane_size(width, height, plane) else { return };
        let (pixels, next) = rest.split_at_mut(size.bytes());
        rest = next;
        if plane > 0 {
            let samples = if format == PixelFormat::Nv12 { 2 } else { 1 };
            let columns = strip.width().div_ceil(2) * samples;
            for row in pixels.chunks_exact_mut(size.row_bytes).take(strip.side.div_ceil(2)) {
                row[..columns].fill(NEUTRAL);
            }
        }
    }
}

const CELLS: usize = 30;
const NUMBER_BITS: u32 = 24;
const CHECKSUM_BITS: u32 = 4;

/// How many cells would fill the width of the picture.
const UNIT_CELLS: usize = 40;
const SMALLEST_UNIT: u32 = 320;

const NEUTRAL: u8 = 128;

#[cfg(test)]
mod tests;
