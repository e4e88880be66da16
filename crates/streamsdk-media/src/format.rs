//! The pixel formats, and how many bytes each takes.

use std::fmt;

/// How the pixels of a [`Frame`](crate::Frame) are stored.
///
/// Sizes may be odd: the chroma of the subsampled formats rounds up.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
#[non_exhaustive]
pub enum PixelFormat {
    /// One plane of blue, green, red, a byte each: what OpenCV calls BGR.
    Bgr24,
    /// One plane of red, green, blue, a byte each.
    Rgb24,
    /// Three planes: luma, and both chromas at half the width and height.
    I420,
    /// Two planes: luma, and both chromas interleaved at half the width and height.
    Nv12,
    /// One plane of `Y0 U Y1 V`, two pixels in four bytes: what most webcams send uncompressed.
    Yuyv,
    /// One plane of luma in full range.
    Gray8,
}

/// How large one plane of a picture is.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct PlaneSize {
    /// Bytes in a row, without padding.
    pub row_bytes: usize,
    /// Rows.
    pub rows: usize,
}

impl PlaneSize {
    /// Bytes in the plane when rows follow one another without padding.
    pub const fn bytes(self) -> usize {
        self.row_bytes * self.rows
    }
}

impl PixelFormat {
    /// Number of planes.
    pub const fn planes(self) -> usize {
        match self {
            Self::Bgr24 | Self::Rgb24 | Self::Yuyv | Self::Gray8 => 1,
            Self::Nv12 => 2,
            Self::I420 => 3,
        }
    }

    /// Size of one plane of a picture; `None` if the format has no such plane.
    ///
    /// ```
    /// use streamsdk_media::{PixelFormat, PlaneSize};
    ///
    /// let chroma = PixelFormat::I420.plane_size(161, 121, 1);
    /// assert_eq!(chroma, Some(PlaneSize { row_bytes: 81, rows: 61 }));
    /// ```
    pub const fn plane_size(self, width: u32, height: u32, plane: usize) -> Option<PlaneSize> {
        if plane >= self.planes() {
            return None;
        }
        let (width, height) = (width as usize, height as usize);
        let (half_width, half_height) = (width.div_ceil(2), height.div_ceil(2));
        let (row_bytes, rows) = match (self, plane) {
            (Self::Bgr24 | Self::Rgb24, _) => (width * 3, height),
            (Self::Yuyv, _) => (half_width * 4, height),
            (Self::Gray8, _) | (Self::I420 | Self::Nv12, 0) => (width, height),
            (Self::I420, _) => (half_width, half_height),
            (Self::Nv12, _) => (half_width * 2, half_height),
        };
        Some(PlaneSize { row_bytes, rows })
    }

    /// Sizes of all planes, in order.
    pub(crate) fn plane_sizes(self, width: u32, height: u32) -> impl Iterator<Item = PlaneSize> {
        (0..self.planes()).filter_map(move |plane| self.plane_size(width, height, plane))
    }

    pub(crate) const fn is_rgb(self) -> bool {
        matches!(self, Self::Bgr24 | Self::Rgb24)
    }

    pub(crate) const fn is_yuv(self) -> bool {
        matches!(self, Self::I420 | Self::Nv12 | Self::Yuyv)
    }
}

impl fmt::Display for PixelFormat {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            Self::Bgr24 => "BGR24",
            Self::Rgb24 => "RGB24",
            Self::I420 => "I420",
            Self::Nv12 => "NV12",
            Self::Yuyv => "YUYV",
            Self::Gray8 => "GRAY8",
        })
    }
}
