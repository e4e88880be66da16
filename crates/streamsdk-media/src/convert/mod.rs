//! From one pixel format to another.

mod chroma;
mod formula;
mod gray;
mod range;
mod recolor;
mod rgb;
#[cfg(any(feature = "vp8", feature = "h264"))]
mod scratch;

pub(crate) use self::formula::samples;
pub(crate) use self::rgb::swap_in_place as swap_channels;
#[cfg(any(feature = "vp8", feature = "h264"))]
pub(crate) use self::scratch::Scratch;

use bytes::Bytes;
use thiserror::Error;

use crate::{ColorSpace, Frame, PixelFormat, Plane, PlaneSize};

impl Frame {
    /// The same picture in another pixel format, with the same timestamp.
    ///
    /// A clone if it has that format already. YUV keeps its [colour space](Frame::color_space), and what
    /// was RGB or gray becomes YUV of [`ColorSpace::BT601`]. Chroma is averaged when it is subsampled
    /// and repeated when it is not.
    ///
    /// # Errors
    ///
    /// None is known for a frame that could be made; the conversion routines can report some.
    pub fn convert(&self, to: PixelFormat) -> Result<Self, ConvertError> {
        self.convert_to(to, self.kept_space())
    }

    /// The same picture in another pixel format and colour space, with the same timestamp: for those
    /// who take YUV of one colour space only.
    ///
    /// A clone if it has both already. The colour space is not regarded for RGB and gray.
    ///
    /// ```
    /// use streamsdk_media::{ColorSpace, Frame, PixelFormat};
    ///
    /// let frame = Frame::packed(PixelFormat::Rgb24, 2, 2, [0, 136, 0].repeat(4))?;
    /// let frame = frame.convert_to(PixelFormat::I420, ColorSpace::BT709)?;
    /// assert_eq!(frame.color_space(), ColorSpace::BT709);
    /// # Ok::<(), Box<dyn std::error::Error>>(())
    /// ```
    ///
    /// # Errors
    ///
    /// As [`Frame::convert`].
    pub fn convert_to(&self, to: PixelFormat, space: ColorSpace) -> Result<Self, ConvertError> {
        if self.is_in(to, space) {
            return Ok(self.clone());
        }
        let mut target = Target::new(to, self.width(), self.height(), space);
        fill(self, &mut target)?;
        Ok(target.into_frame()?.at(self.timestamp()))
    }

    /// Unlike [`Frame::convert`], leaves the caller's pixels unshared if there is nothing to do.
    #[cfg(any(feature = "image", feature = "ndarray"))]
    pub(crate) fn into_format(self, to: PixelFormat) -> Result<Self, ConvertError> {
        if self.format() == to { Ok(self) } else { self.convert(to) }
    }

    /// What it has as YUV unless somebody wants another.
    pub(crate) fn kept_space(&self) -> ColorSpace {
        if self.format().is_yuv() { self.color_space() } else { ColorSpace::default() }
    }

    fn is_in(&self, format: PixelFormat, space: ColorSpace) -> bool {
        self.format() == format && (!format.is_yuv() || self.color_space() == space)
    }

    /// The same picture with no padding missing after the last row: the routines for RGB leave such a
    /// row out.
    fn with_whole_rows(&self) -> Result<Self, ConvertError> {
        let sizes = self.format().plane_sizes(self.width(), self.height());
        let is_whole = |(plane, size): (&Plane, PlaneSize)| {
            plane.data.len() >= plane.stride.saturating_mul(size.rows)
        };
        if self.planes().iter().zip(sizes).all(is_whole) {
            return Ok(self.clone());
        }
        Self::packed(self.format(), self.width(), self.height(), self.to_packed())
            .map(|frame| frame.in_color_space(self.color_space()))
            .map_err(|error| ConvertError::failed(self.format(), self.format(), error))
    }
}

fn fill(source: &Frame, target: &mut Target) -> Result<(), ConvertError> {
    let (from, to) = (source.format(), target.format);
    if from.is_rgb() || to.is_rgb() {
        return fill_with_rgb(&source.with_whole_rows()?, target);
    }
    match (from.is_yuv(), to.is_yuv()) {
        (false, true) => gray::to_yuv(source, target),
        (true, false) => gray::from_yuv(source, target),
        (true, true) if source.color_space() == target.space => reorder(source, target),
        (true, true) => recolor(source, target),
        (false, false) => Err(ConvertError::Unsupported { from, to }),
    }
}

fn fill_with_rgb(source: &Frame, target: &mut Target) -> Result<(), ConvertError> {
    use PixelFormat::Gray8;
    match (source.format(), target.format) {
        (from, to) if from.is_rgb() && to.is_rgb() => rgb::swap_channels(source, target),
        (Gray8, _) => gray::to_rgb(source, target),
        (_, Gray8) => rgb::to_gray(source, target),
        (from, _) if from.is_rgb() => rgb::to_yuv(source, target),
        _ => rgb::from_yuv(source, target),
    }
}

/// From one YUV format to another.
fn reorder(source: &Frame, target: &mut Target) -> Result<(), ConvertError> {
    use PixelFormat::{I420, Nv12, Yuyv};
    match (source.format(), target.format) {
        (I420, Nv12) => chroma::interleave(source, target),
        (Nv12, I420) => chroma::deinterleave(source, target),
        (I420, Yuyv) => chroma::pack(source, target),
        (Yuyv, I420) => chroma::unpack(source, target),
        (Nv12 | Yuyv, _) => fill(&source.convert(I420)?, target),
        (from, to) => Err(ConvertError::Unsupported { from, to }),
    }
}

/// From one colour space of YUV to another, by way of I420.
fn recolor(source: &Frame, target: &mut Target) -> Result<(), ConvertError> {
    let source = source.convert(PixelFormat::I420)?;
    if target.format == PixelFormat::I420 {
        recolor::recolor(&source, target);
        return Ok(());
    }
    fill(&source.convert_to(PixelFormat::I420, target.space)?, target)
}

/// A picture that is being written: packed bytes, plane after plane.
pub(crate) struct Target {
    format: PixelFormat,
    width: u32,
    height: u32,
    /// That of the samples that are written, where the format is YUV.
    space: ColorSpace,
    data: Vec<u8>,
}

impl Target {
    pub(crate) fn new(format: PixelFormat, width: u32, height: u32, space: ColorSpace) -> Self {
        Self::over(Vec::new(), format, width, height, space)
    }

    /// In memory that was used before: every byte has to be written.
    fn over(
        mut data: Vec<u8>,
        format: PixelFormat,
        width: u32,
        height: u32,
        space: ColorSpace,
    ) -> Self {
        let bytes = format.plane_sizes(width, height).map(PlaneSize::bytes).sum();
        if data.capacity() < bytes {
            data = vec![0; bytes];
        }
        data.resize(bytes, 0);
        let space = if format.is_yuv() { space } else { ColorSpace::default() };
        Self { format, width, height, space, data }
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
        let Self { format, width, height, space, data } = self;
        Frame::packed(format, width, height, shared(data))
            .map(|frame| frame.in_color_space(space))
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
mod formulas;
#[cfg(test)]
mod tests;
