//! Which pixels a thing covers.

use std::ops::Range;

use serde::ser::SerializeMap;
use serde::{Serialize, Serializer};
use serde_json::Value;
use thiserror::Error;

use super::fields::{Fields, integer};
use super::rle::Counts;

/// Which pixels a thing covers, as lengths of runs: what COCO and pycocotools call RLE.
///
/// It is not looked at before it is asked for. Its size may be another one than the image's: it covers
/// the same picture on a coarser grid then.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct RleMask {
    width: u32,
    height: u32,
    counts: Counts,
    field: MaskField,
}

/// In which field of a box it came: workflows and models differ there.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum MaskField {
    RleMask,
    Rle,
}

impl RleMask {
    /// The mask that covers the pixels that are not zero, row by row.
    ///
    /// # Errors
    ///
    /// If there are not as many pixels as the size says.
    pub fn encode(width: u32, height: u32, pixels: &[u8]) -> Result<Self, MaskError> {
        let expected = u64::from(width) * u64::from(height);
        if pixels.len() as u64 != expected {
            return Err(MaskError::Length { expected, actual: pixels.len() as u64 });
        }
        let columns = (0..width as usize)
            .flat_map(|x| pixels.iter().skip(x).step_by(width as usize))
            .map(|pixel| *pixel != 0);
        let (mut counts, mut is_set) = (vec![0_u32], false);
        for pixel in columns {
            if pixel != is_set {
                is_set = pixel;
                counts.push(0);
            }
            if let Some(count) = counts.last_mut() {
                *count += 1;
            }
        }
        Ok(Self { width, height, counts: Counts::pack(&counts), field: MaskField::RleMask })
    }

    /// Width in pixels, as the server says it.
    pub fn width(&self) -> u32 {
        self.width
    }

    /// Height in pixels, as the server says it.
    pub fn height(&self) -> u32 {
        self.height
    }

    /// Runs of covered pixels. Pixels are numbered down the first column, then down the second, and so on:
    /// pixel `n` is in column `n / height` and row `n % height`.
    ///
    /// Takes no memory, and gives no pixel outside of the mask.
    ///
    /// An item is an error, and the last one, where the lengths cannot be read, or are not those of a mask
    /// of this size.
    pub fn runs(&self) -> impl Iterator<Item = Result<Range<u64>, MaskError>> {
        let total = u64::from(self.width) * u64::from(self.height);
        Runs { counts: self.counts.iter(), total, at: 0, is_set: false, has_ended: false }
    }

    /// Number of covered pixels.
    ///
    /// # Errors
    ///
    /// As an item of [`RleMask::runs`].
    pub fn area(&self) -> Result<u64, MaskError> {
        self.runs().map(|run| run.map(|run| run.end - run.start)).sum()
    }

    /// The pixels, one byte each. Takes as many bytes as the mask has pixels, after the lengths have been
    /// checked.
    ///
    /// A mask of a few bytes can claim any size, so the caller says how many pixels there may be: those of
    /// the frame, as a rule.
    ///
    /// # Errors
    ///
    /// [`MaskError::TooLarge`] if there are more than `max_pixels`, or as an item of [`RleMask::runs`].
    pub fn decode(&self, max_pixels: usize) -> Result<Mask, MaskError> {
        let pixels = u64::from(self.width) * u64::from(self.height);
        if pixels > max_pixels as u64 {
            let (width, height) = (self.width, self.height);
            return Err(MaskError::TooLarge { width, height, max_pixels });
        }
        self.area()?;
        let mut mask = Mask {
            width: self.width as usize,
            height: self.height as usize,
            pixels: vec![0; pixels as usize],
        };
        for run in self.runs() {
            let run = run?;
            mask.cover(run.start as usize..run.end as usize);
        }
        Ok(mask)
    }

    /// From a box's fields; stays there if it cannot be read.
    pub(super) fn take(fields: &mut Fields) -> Option<Self> {
        let mut take =
            |field: MaskField| fields.take(field.name(), |value| Self::read(value, field));
        take(MaskField::RleMask).or_else(|| take(MaskField::Rle))
    }

    fn read(value: &Value, field: MaskField) -> Option<Self> {
        // One that says more is left to those who know it.
        let fields = value.as_object().filter(|fields| fields.len() == 2)?;
        let side = |value| u32::try_from(integer(value)?).ok();
        let [height, width] = fields.get("size")?.as_array()?.as_slice() else { return None };
        Some(Self {
            width: side(width)?,
            height: side(height)?,
            counts: Counts::read(fields.get("counts")?)?,
            field,
        })
    }

    pub(super) fn field_name(&self) -> &'static str {
        self.field.name()
    }
}

impl MaskField {
    const fn name(self) -> &'static str {
        match self {
            Self::RleMask => "rle_mask",
            Self::Rle => "rle",
        }
    }
}

impl Serialize for RleMask {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        let mut map = serializer.serialize_map(Some(2))?;
        map.serialize_entry("size", &[self.height, self.width])?;
        map.serialize_entry("counts", &self.counts)?;
        map.end()
    }
}

struct Runs<I> {
    counts: I,
    total: u64,
    at: u64,
    /// Whether the next length is one of covered pixels.
    is_set: bool,
    has_ended: bool,
}

impl<I: Iterator<Item = Result<u32, MaskError>>> Iterator for Runs<I> {
    type Item = Result<Range<u64>, MaskError>;

    fn next(&mut self) -> Option<Self::Item> {
        while !self.has_ended {
            let Some(count) = self.counts.next() else {
                self.has_ended = true;
                let (expected, actual) = (self.total, self.at);
                return (actual != expected).then_some(Err(MaskError::Length { expected, actual }));
            };
            match self.advance(count) {
                Ok(run) if run.is_empty() => {}
                run => return Some(run),
            }
        }
        None
    }
}

impl<I> Runs<I> {
    /// The covered pixels of the next length: none if it is one of uncovered pixels.
    fn advance(&mut self, count: Result<u32, MaskError>) -> Result<Range<u64>, MaskError> {
        let is_set = self.is_set;
        self.is_set = !is_set;
        let end = count.map(|count| self.at + u64::from(count)).and_then(|end| {
            let fits = end <= self.total;
            fits.then_some(end).ok_or(MaskError::Length { expected: self.total, actual: end })
        });
        match end {
            Ok(end) => {
                let start = std::mem::replace(&mut self.at, end);
                Ok(if is_set { start..end } else { end..end })
            }
            Err(error) => {
                self.has_ended = true;
                Err(error)
            }
        }
    }
}

/// Which pixels a thing covers, one byte each.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Mask {
    width: usize,
    height: usize,
    pixels: Vec<u8>,
}

impl Mask {
    fn cover(&mut self, mut run: Range<usize>) {
        while !run.is_empty() {
            let (column, row) = (run.start / self.height, run.start % self.height);
            let rows = run.len().min(self.height - row);
            let first = row * self.width + column;
            for pixel in self.pixels[first..].iter_mut().step_by(self.width).take(rows) {
                *pixel = u8::MAX;
            }
            run.start += rows;
        }
    }

    /// Width in pixels.
    pub fn width(&self) -> usize {
        self.width
    }

    /// Height in pixels.
    pub fn height(&self) -> usize {
        self.height
    }

    /// Whether the pixel is covered. One outside of the mask is not.
    pub fn covers(&self, x: usize, y: usize) -> bool {
        x < self.width && self.pixels.get(y * self.width + x).is_some_and(|pixel| *pixel != 0)
    }

    /// The rows from top to bottom: 255 where the thing is, 0 elsewhere.
    pub fn rows(&self) -> impl ExactSizeIterator<Item = &[u8]> {
        self.pixels.chunks_exact(self.width.max(1))
    }

    /// All pixels, row by row: 255 where the thing is, 0 elsewhere.
    pub fn into_pixels(self) -> Vec<u8> {
        self.pixels
    }
}

/// A mask that cannot be read.
#[derive(Debug, Clone, PartialEq, Eq, Error)]
#[non_exhaustive]
pub enum MaskError {
    /// It claims more pixels than it may have.
    #[error("a mask of {width}x{height} has more than {max_pixels} pixels")]
    TooLarge {
        /// Width that it claims.
        width: u32,
        /// Height that it claims.
        height: u32,
        /// How many pixels were allowed.
        max_pixels: usize,
    },
    /// A length is not a number, or none that a mask can have.
    #[error("length {place} of a mask cannot be read")]
    Counts {
        /// Which one, from 0.
        place: usize,
    },
    /// The lengths are those of a larger or a smaller mask.
    #[error("the lengths of a mask of {expected} pixels go up to pixel {actual}")]
    Length {
        /// Pixels that the mask has by its size.
        expected: u64,
        /// Pixels that its lengths reach.
        actual: u64,
    },
}
