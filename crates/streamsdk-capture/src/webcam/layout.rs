//! Where the planes of an uncompressed picture lie in a buffer.

use bytes::Bytes;
use streamsdk_media::{Frame, FrameError, MAX_DIMENSION, PixelFormat, Plane};

/// A picture whose rows are all the same distance apart, and whose planes follow one another.
#[derive(Debug, Clone, Copy)]
pub(super) struct PlaneLayout {
    format: PixelFormat,
    width: u32,
    height: u32,
    stride: usize,
    bytes: usize,
}

impl PlaneLayout {
    /// `None` if what the driver says cannot be. A stride of zero means that there is no padding.
    pub(super) fn new(
        format: PixelFormat,
        (width, height): (u32, u32),
        stride: u32,
    ) -> Option<Self> {
        let sizes = 1..=MAX_DIMENSION;
        if !sizes.contains(&width) || !sizes.contains(&height) {
            return None;
        }
        let row_bytes = format.plane_size(width, height, 0)?.row_bytes;
        let stride = match usize::try_from(stride).ok()? {
            0 => row_bytes,
            stride => stride,
        };
        let layout = Self { format, width, height, stride, bytes: 0 };
        let (start, length) = layout.plane(format.planes().checked_sub(1)?)?;
        Some(Self { bytes: start.checked_add(length)?, ..layout })
    }

    /// How many bytes a picture takes at least: the last row may come without its padding.
    pub(super) fn bytes(&self) -> usize {
        self.bytes
    }

    /// The picture in so many bytes.
    pub(super) fn frame(&self, picture: &Bytes) -> Result<Frame, FrameError> {
        let planes: Vec<_> = (0..self.format.planes())
            .map(|index| Plane { data: self.part(picture, index), stride: self.stride })
            .collect();
        Frame::with_planes(self.format, self.width, self.height, &planes)
    }

    /// Empty if it is not there.
    fn part(&self, picture: &Bytes, index: usize) -> Bytes {
        let range =
            self.plane(index).and_then(|(start, length)| Some(start..start.checked_add(length)?));
        match range {
            Some(range) if range.end <= picture.len() => picture.slice(range),
            _ => Bytes::new(),
        }
    }

    /// Where a plane begins, and how long it is.
    fn plane(&self, index: usize) -> Option<(usize, usize)> {
        let size = self.format.plane_size(self.width, self.height, index)?;
        let rows_before: usize = (0..index)
            .filter_map(|plane| self.format.plane_size(self.width, self.height, plane))
            .map(|plane| plane.rows)
            .sum();
        let whole_rows = self.stride.checked_mul(size.rows.checked_sub(1)?)?;
        let is_wide_enough = self.stride >= size.row_bytes;
        let length = whole_rows.checked_add(size.row_bytes).filter(|_| is_wide_enough)?;
        Some((self.stride.checked_mul(rows_before)?, length))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn rows_keep_the_distance_that_the_driver_gave_them() {
        let layout = PlaneLayout::new(PixelFormat::Gray8, (3, 2), 5).unwrap();
        assert_eq!(layout.bytes(), 8);
        let frame = layout.frame(&Bytes::from_static(&[1, 2, 3, 0, 0, 4, 5, 6])).unwrap();
        assert_eq!(frame.to_packed()[..], [1, 2, 3, 4, 5, 6]);
        assert_eq!(frame.planes()[0].stride, 5);
    }

    #[test]
    fn chroma_follows_luma() {
        let layout = PlaneLayout::new(PixelFormat::Nv12, (2, 2), 4).unwrap();
        assert_eq!(layout.bytes(), 10);
        let bytes = Bytes::from_static(&[1, 2, 0, 0, 3, 4, 0, 0, 5, 6]);
        let frame = layout.frame(&bytes).unwrap();
        assert_eq!(frame.to_packed()[..], [1, 2, 3, 4, 5, 6]);
        assert!(layout.frame(&bytes.slice(..9)).is_err());
    }

    #[test]
    fn without_a_stride_there_is_no_padding() {
        let layout = PlaneLayout::new(PixelFormat::Yuyv, (2, 2), 0).unwrap();
        assert_eq!((layout.stride, layout.bytes()), (4, 8));
    }

    #[test]
    fn what_cannot_be_is_refused() {
        for (format, size, stride) in [
            (PixelFormat::Yuyv, (0, 2), 4),
            (PixelFormat::Yuyv, (2, 0), 4),
            (PixelFormat::Yuyv, (u32::MAX, u32::MAX), u32::MAX),
            (PixelFormat::Yuyv, (640, 480), 1279),
            // The chroma of an odd width takes a byte more than the luma.
            (PixelFormat::Nv12, (3, 2), 3),
        ] {
            assert!(PlaneLayout::new(format, size, stride).is_none(), "{format} {size:?} {stride}");
        }
        let far_apart = PlaneLayout::new(PixelFormat::Bgr24, (640, 480), u32::MAX).unwrap();
        assert!(far_apart.bytes() > 1 << 40);
    }
}
