//! Pictures of another size.

use fast_image_resize::images::{TypedImage, TypedImageRef};
use fast_image_resize::pixels::{U8, U8x2, U8x3};
use fast_image_resize::{FilterType, PixelTrait, ResizeAlg, ResizeOptions, Resizer};
use thiserror::Error;

use crate::convert::Target;
use crate::frame::check_dimensions;
use crate::{ConvertError, Frame, InvalidFrame, PixelFormat, PlaneSize};

/// How pixels are made of those around them. All but the first take every pixel of a picture that becomes
/// smaller into account.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, Default)]
#[non_exhaustive]
pub enum Filter {
    /// The nearest pixel: the fastest, with jagged edges.
    Nearest,
    /// Linear: fast and soft.
    #[default]
    Bilinear,
    /// Cubic (Catmull-Rom): sharper.
    Bicubic,
    /// Lanczos with three lobes: the sharpest, and the slowest.
    Lanczos3,
}

impl Filter {
    const fn algorithm(self) -> ResizeAlg {
        match self {
            Self::Nearest => ResizeAlg::Nearest,
            Self::Bilinear => ResizeAlg::Convolution(FilterType::Bilinear),
            Self::Bicubic => ResizeAlg::Convolution(FilterType::CatmullRom),
            Self::Lanczos3 => ResizeAlg::Convolution(FilterType::Lanczos3),
        }
    }
}

impl Frame {
    /// The same picture in another size, with the same format, colour space and timestamp. A clone if it has
    /// that size.
    ///
    /// The planes are resized as they are, without a detour over RGB; YUYV, whose pixels come in pairs, goes
    /// through I420 and loses half of its chroma's height.
    ///
    /// # Errors
    ///
    /// If the size is zero or beyond [`MAX_DIMENSION`](crate::MAX_DIMENSION).
    pub fn resized(&self, width: u32, height: u32, filter: Filter) -> Result<Self, ResizeError> {
        check_dimensions(width, height)?;
        if (self.width(), self.height()) == (width, height) {
            return Ok(self.clone());
        }
        if self.format() == PixelFormat::Yuyv {
            let planar = self.convert(PixelFormat::I420)?.resized(width, height, filter)?;
            return Ok(planar.convert(PixelFormat::Yuyv)?);
        }
        let mut target = Target::new(self.format(), width, height, self.color_space());
        let options = ResizeOptions::new().resize_alg(filter.algorithm()).use_alpha(false);
        let mut resizer = Resizer::new();
        for (index, plane) in target.planes().into_iter().enumerate() {
            let to = self.format().plane_size(width, height, index);
            let Some(to) = to.filter(|_| !plane.is_empty()) else { continue };
            self.resize_plane(index, plane, to, &mut resizer, &options)?;
        }
        Ok(target.into_frame()?.at(self.timestamp()))
    }

    fn resize_plane(
        &self,
        index: usize,
        target: &mut [u8],
        to: PlaneSize,
        resizer: &mut Resizer,
        options: &ResizeOptions,
    ) -> Result<(), ResizeError> {
        // One for all pixel types would be compiled for sixteen of them.
        let resize = match (self.format(), index) {
            (PixelFormat::Bgr24 | PixelFormat::Rgb24, _) => Self::resize_pixels::<U8x3>,
            (PixelFormat::Nv12, 1) => Self::resize_pixels::<U8x2>,
            _ => Self::resize_pixels::<U8>,
        };
        resize(self, index, target, to, resizer, options)
    }

    fn resize_pixels<P: PixelTrait>(
        &self,
        index: usize,
        target: &mut [u8],
        to: PlaneSize,
        resizer: &mut Resizer,
        options: &ResizeOptions,
    ) -> Result<(), ResizeError> {
        let bytes = size_of::<P>();
        let from = self.rows(index);
        let source: Vec<u8>;
        let plane = &self.planes()[index];
        let row_bytes = self.rows(index).next().map_or(0, <[u8]>::len);
        let (width, height) = (row_bytes / bytes, from.len());
        let pixels = if plane.stride == row_bytes {
            &plane.data[..row_bytes * height]
        } else {
            source = from.collect::<Vec<_>>().concat();
            &source[..]
        };
        let source = TypedImageRef::<P>::from_buffer(width as u32, height as u32, pixels);
        let source = source.map_err(failed)?;
        let (width, height) = ((to.row_bytes / bytes) as u32, to.rows as u32);
        let mut target = TypedImage::<P>::from_buffer(width, height, target).map_err(failed)?;
        resizer.resize_typed(&source, &mut target, options).map_err(failed)
    }
}

fn failed(reason: impl ToString) -> ResizeError {
    ResizeError::Failed { reason: reason.to_string() }
}

/// Why a frame cannot be had in another size.
#[derive(Debug, Clone, PartialEq, Eq, Error)]
#[non_exhaustive]
pub enum ResizeError {
    /// There is no frame of that size.
    #[error(transparent)]
    Size(#[from] InvalidFrame),
    /// The frame cannot be brought to a format that can be resized.
    #[error(transparent)]
    Convert(#[from] ConvertError),
    /// The resizing routine refused.
    #[error("resizing a frame failed: {reason}")]
    Failed {
        /// What the routine said.
        reason: String,
    },
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::{ColorSpace, Plane, TimeBase, Timestamp};

    const FORMATS: [PixelFormat; 6] = {
        use PixelFormat::{Bgr24, Gray8, I420, Nv12, Rgb24, Yuyv};
        [Bgr24, Rgb24, I420, Nv12, Yuyv, Gray8]
    };
    const FILTERS: [Filter; 4] =
        [Filter::Nearest, Filter::Bilinear, Filter::Bicubic, Filter::Lanczos3];

    fn gray(width: u32, height: u32, pixels: &[u8]) -> Frame {
        Frame::packed(PixelFormat::Gray8, width, height, pixels.to_vec()).unwrap()
    }

    fn flat(format: PixelFormat, width: u32, height: u32, rgb: [u8; 3]) -> Frame {
        let pixels = rgb.repeat((width * height) as usize);
        Frame::packed(PixelFormat::Rgb24, width, height, pixels).unwrap().convert(format).unwrap()
    }

    #[test]
    fn known_pixels_become_known_pixels() {
        let frame = gray(4, 2, &[0, 100, 200, 250, 100, 200, 0, 250]);
        let half = frame.resized(2, 1, Filter::Nearest).unwrap();
        assert_eq!(half.to_packed().len(), 2);
        let pair = gray(2, 1, &[0, 200]).resized(4, 1, Filter::Bilinear).unwrap();
        assert_eq!(pair.to_packed()[..], [0, 50, 150, 200]);
        let large = gray(2, 1, &[7, 9]).resized(4, 2, Filter::Nearest).unwrap();
        assert_eq!(large.to_packed()[..], [7, 7, 9, 9, 7, 7, 9, 9]);
    }

    #[test]
    fn a_picture_of_one_colour_keeps_it_in_every_format_at_every_size() {
        for (format, filter) in
            FORMATS.into_iter().flat_map(|format| FILTERS.map(|filter| (format, filter)))
        {
            for (from, to) in
                [((1, 1), (5, 3)), ((17, 9), (1, 1)), ((33, 21), (64, 48)), ((64, 48), (31, 7))]
            {
                let frame = flat(format, from.0, from.1, [200, 60, 90]);
                let resized = frame.resized(to.0, to.1, filter).unwrap();
                assert_eq!(resized.format(), format);
                let pixels = resized.convert(PixelFormat::Rgb24).unwrap().to_packed();
                let expected = flat(format, to.0, to.1, [200, 60, 90]);
                let expected = expected.convert(PixelFormat::Rgb24).unwrap();
                let near = |(a, b): (&u8, &u8)| a.abs_diff(*b) <= 2;
                let is_near = pixels.iter().zip(expected.to_packed().iter()).all(near);
                assert!(
                    is_near && pixels.len() == expected.to_packed().len(),
                    "{format} {filter:?} {from:?} {to:?}"
                );
            }
        }
    }

    #[test]
    fn what_is_left_stays_left_and_what_is_above_stays_above_in_every_format() {
        let pixels: Vec<u8> = (0..32 * 24).map(|at| (at % 32 * 4 + at / 32 * 5) as u8).collect();
        for format in FORMATS {
            let frame = gray(32, 24, &pixels).convert(format).unwrap();
            let small = frame.resized(9, 7, Filter::Bilinear).unwrap();
            let small = small.convert(PixelFormat::Gray8).unwrap();
            let rows: Vec<_> = small.rows(0).map(<[u8]>::to_vec).collect();
            assert!(rows.iter().all(|row| row.is_sorted()), "{format} {rows:?}");
            assert!(rows.windows(2).all(|pair| pair[0] < pair[1]), "{format} {rows:?}");
        }
    }

    #[test]
    fn padding_changes_nothing_and_time_and_color_space_stay() {
        let stamp = Timestamp::new(7, TimeBase::MILLISECONDS);
        let padded = Plane { data: vec![1, 2, 99, 3, 4].into(), stride: 3 };
        let padded = Frame::with_planes(PixelFormat::Gray8, 2, 2, &[padded]).unwrap().at(stamp);
        let padded =
            padded.in_color_space(ColorSpace::JPEG).resized(4, 4, Filter::Bilinear).unwrap();
        let tight = gray(2, 2, &[1, 2, 3, 4]).resized(4, 4, Filter::Bilinear).unwrap();
        assert_eq!(padded.to_packed(), tight.to_packed());
        assert_eq!(padded.timestamp(), Some(stamp));
        let yuv = flat(PixelFormat::I420, 4, 4, [1, 2, 3]).in_color_space(ColorSpace::BT709);
        assert_eq!(yuv.resized(3, 3, Filter::Nearest).unwrap().color_space(), ColorSpace::BT709);
        let same = tight.resized(4, 4, Filter::Lanczos3).unwrap();
        assert_eq!(same.planes()[0].data.as_ptr(), tight.planes()[0].data.as_ptr());
    }

    #[test]
    fn sizes_that_no_frame_has_are_typed_errors() {
        let frame = gray(2, 2, &[0; 4]);
        let error = |width, height| frame.resized(width, height, Filter::Bilinear).unwrap_err();
        assert_eq!(error(0, 2), ResizeError::Size(InvalidFrame::Empty { width: 0, height: 2 }));
        let too_large = InvalidFrame::TooLarge { width: 2, height: u32::MAX };
        assert_eq!(error(2, u32::MAX), ResizeError::Size(too_large));
    }
}
