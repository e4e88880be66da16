//! From one pixel format to another.

mod chroma;
mod gray;
pub(crate) mod range;
mod rgb;
#[cfg(any(feature = "vp8", feature = "h264"))]
mod scratch;

pub(crate) use self::rgb::swap_in_place as swap_channels;
#[cfg(any(feature = "vp8", feature = "h264"))]
pub(crate) use self::scratch::Scratch;

use bytes::Bytes;
use thiserror::Error;

use crate::{Frame, PixelFormat, Plane, PlaneSize};

impl Frame {
    /// The same picture in another pixel format, with the same timestamp.
    ///
    /// A clone if it has that format already. YUV is taken as BT.601 in limited range; chroma is
    /// averaged when it is subsampled and repeated when it is not.
    ///
    /// # Errors
    ///
    /// None is known for a frame that could be made; the conversion routines can report some.
    pub fn convert(&self, to: PixelFormat) -> Result<Self, ConvertError> {
        if self.format() == to {
            return Ok(self.clone());
        }
        let mut target = Target::new(to, self.width(), self.height());
        fill(&self.with_whole_rows()?, &mut target)?;
        Ok(target.into_frame()?.at(self.timestamp()))
    }

    /// The same picture with no padding missing after the last row: the conversion routines leave
    /// such a row out.
    fn with_whole_rows(&self) -> Result<Self, ConvertError> {
        let sizes = self.format().plane_sizes(self.width(), self.height());
        let is_whole = |(plane, size): (&Plane, PlaneSize)| {
            plane.data.len() >= plane.stride.saturating_mul(size.rows)
        };
        if self.planes().iter().zip(sizes).all(is_whole) {
            return Ok(self.clone());
        }
        Self::packed(self.format(), self.width(), self.height(), self.to_packed())
            .map_err(|error| ConvertError::failed(self.format(), self.format(), error))
    }
}

fn fill(source: &Frame, target: &mut Target) -> Result<(), ConvertError> {
    use PixelFormat::{Gray8, I420, Nv12, Yuyv};
    match (source.format(), target.format) {
        (from, to) if from.is_rgb() && to.is_rgb() => rgb::swap_channels(source, target),
        (from, Gray8) if from.is_rgb() => rgb::to_gray(source, target),
        (from, _) if from.is_rgb() => rgb::to_yuv(source, target),
        (Gray8, to) if to.is_rgb() => gray::to_rgb(source, target),
        (_, to) if to.is_rgb() => rgb::from_yuv(source, target),
        (Gray8, _) => gray::to_yuv(source, target),
        (_, Gray8) => gray::from_yuv(source, target),
        (I420, Nv12) => chroma::interleave(source, target),
        (Nv12, I420) => chroma::deinterleave(source, target),
        (I420, Yuyv) => chroma::pack(source, target),
        (Yuyv, I420) => chroma::unpack(source, target),
        (Nv12 | Yuyv, _) => fill(&source.convert(I420)?, target),
        (from, to) => Err(ConvertError::Unsupported { from, to }),
    }
}

/// RGB or BGR as planes that look like I420 but are in full range, as JPEG wants them.
pub(crate) fn full_range_i420(source: &Frame) -> Result<Frame, ConvertError> {
    let mut target = Target::new(PixelFormat::I420, source.width(), source.height());
    rgb::to_full_range_i420(&source.with_whole_rows()?, &mut target)?;
    target.into_frame()
}

/// A picture that is being written: packed bytes, plane after plane.
pub(crate) struct Target {
    format: PixelFormat,
    width: u32,
    height: u32,
    data: Vec<u8>,
}

impl Target {
    pub(crate) fn new(format: PixelFormat, width: u32, height: u32) -> Self {
        Self::over(Vec::new(), format, width, height)
    }

    /// In memory that was used before: every byte has to be written.
    fn over(mut data: Vec<u8>, format: PixelFormat, width: u32, height: u32) -> Self {
        let bytes = format.plane_sizes(width, height).map(PlaneSize::bytes).sum();
        if data.capacity() < bytes {
            data = vec![0; bytes];
        }
        data.resize(bytes, 0);
        Self { format, width, height, data }
    }

    /// The planes; those that the format does not have are empty.
    pub(crate) fn planes(&mut self) -> [&mut [u8]; 3] {
        let mut rest = &mut self.data[..];
        let mut planes: [&mut [u8]; 3] = Default::default();
        for (plane, size) in planes.iter_mut().zip(self.format.plane_sizes(self.width, self.height))
        {
            (*plane, rest) = rest.split_at_mut(size.bytes());
        }
        planes
    }

    /// Bytes in a row of a plane; zero if the format does not have it.
    pub(crate) fn stride(&self, plane: usize) -> usize {
        self.format.plane_size(self.width, self.height, plane).map_or(0, |size| size.row_bytes)
    }

    pub(crate) fn into_frame(self) -> Result<Frame, ConvertError> {
        self.into_frame_of(Bytes::from)
    }

    /// `shared` says how the bytes are kept.
    fn into_frame_of(self, shared: impl FnOnce(Vec<u8>) -> Bytes) -> Result<Frame, ConvertError> {
        let Self { format, width, height, data } = self;
        Frame::packed(format, width, height, shared(data))
            .map_err(|error| ConvertError::failed(format, format, error))
    }
}

/// Why a frame cannot be converted or turned.
#[derive(Debug, Clone, PartialEq, Eq, Error)]
#[non_exhaustive]
pub enum ConvertError {
    /// There is no way between these formats.
    #[error("cannot convert {from} to {to}")]
    Unsupported {
        /// Format of the frame.
        from: PixelFormat,
        /// Format that was asked for.
        to: PixelFormat,
    },
    /// A conversion routine refused.
    #[error("converting {from} to {to} failed: {reason}")]
    Failed {
        /// Format of the frame.
        from: PixelFormat,
        /// Format that was asked for.
        to: PixelFormat,
        /// What the routine said.
        reason: String,
    },
}

impl ConvertError {
    pub(crate) fn failed(from: PixelFormat, to: PixelFormat, reason: impl ToString) -> Self {
        Self::Failed { from, to, reason: reason.to_string() }
    }
}

#[cfg(test)]
mod tests;
