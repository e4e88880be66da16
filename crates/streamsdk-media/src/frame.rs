//! The frame itself.

use std::fmt;

use bytes::Bytes;

use crate::{ColorSpace, InvalidFrame, PixelFormat, PlaneSize, Timestamp};

/// Largest width and height of a frame, in pixels.
pub const MAX_DIMENSION: u32 = 16_384;

/// One picture, perhaps with the time at which it belongs.
///
/// The pixels are shared: cloning a frame is cheap and copies none of them. They cannot be changed
/// in place either; whoever draws does it on a [`Canvas`](crate::draw::Canvas), or takes a copy with
/// [`Frame::into_packed`] and makes a new frame.
#[derive(Clone)]
pub struct Frame {
    format: PixelFormat,
    width: u32,
    height: u32,
    planes: [Plane; 3],
    color_space: ColorSpace,
    timestamp: Option<Timestamp>,
}

/// One plane of a frame: rows of bytes, perhaps with padding after each.
#[derive(Clone, Default)]
pub struct Plane {
    /// The rows. The last one may come without its padding.
    pub data: Bytes,
    /// Bytes from the start of one row to the start of the next.
    pub stride: usize,
}

impl Frame {
    /// Makes a frame of bytes that follow one another without padding: rows, and planes too.
    ///
    /// Takes a `Vec<u8>` or [`Bytes`] without copying.
    ///
    /// # Errors
    ///
    /// If the size is zero or beyond [`MAX_DIMENSION`], or if `data` is not exactly as long as a
    /// picture of that size.
    pub fn packed(
        format: PixelFormat,
        width: u32,
        height: u32,
        data: impl Into<Bytes>,
    ) -> Result<Self, InvalidFrame> {
        check_dimensions(width, height)?;
        let data = data.into();
        let expected = format.plane_sizes(width, height).map(PlaneSize::bytes).sum();
        if data.len() != expected {
            return Err(InvalidFrame::Length { plane: 0, expected, actual: data.len() });
        }
        Ok(Self::of_packed(format, width, height, data))
    }

    /// As [`Frame::packed`], of a picture that is known to be one.
    pub(crate) fn of_packed(format: PixelFormat, width: u32, height: u32, mut data: Bytes) -> Self {
        let mut planes = <[Plane; 3]>::default();
        for (plane, size) in planes.iter_mut().zip(format.plane_sizes(width, height)) {
            *plane = Plane { data: data.split_to(size.bytes()), stride: size.row_bytes };
        }
        Self::new(format, width, height, planes)
    }

    /// Makes a frame of planes whose rows may have padding.
    ///
    /// # Errors
    ///
    /// If the size is zero or beyond [`MAX_DIMENSION`], if there are not as many planes as the
    /// format has, or if one is too short for its rows.
    pub fn with_planes(
        format: PixelFormat,
        width: u32,
        height: u32,
        planes: &[Plane],
    ) -> Result<Self, InvalidFrame> {
        check_dimensions(width, height)?;
        if planes.len() != format.planes() {
            return Err(InvalidFrame::PlaneCount {
                format,
                expected: format.planes(),
                actual: planes.len(),
            });
        }
        let mut own = <[Plane; 3]>::default();
        for (index, size) in format.plane_sizes(width, height).enumerate() {
            planes[index].check(index, size)?;
            own[index] = planes[index].without_rest(size);
        }
        Ok(Self::new(format, width, height, own))
    }

    fn new(format: PixelFormat, width: u32, height: u32, planes: [Plane; 3]) -> Self {
        let color_space = ColorSpace::default();
        Self { format, width, height, planes, color_space, timestamp: None }
    }

    /// The same frame, belonging at that time.
    #[must_use]
    pub fn at(self, timestamp: impl Into<Option<Timestamp>>) -> Self {
        Self { timestamp: timestamp.into(), ..self }
    }

    /// The same samples, which stand for colours of that space. No pixel is touched:
    /// [`Frame::convert_to`] makes samples of another space. Default is [`ColorSpace::BT601`], whatever
    /// the size.
    ///
    /// What is made of a frame keeps its colour space where the pixels stay YUV.
    #[must_use]
    pub fn in_color_space(self, color_space: ColorSpace) -> Self {
        Self { color_space, ..self }
    }

    /// How the pixels are stored.
    pub fn format(&self) -> PixelFormat {
        self.format
    }

    /// Width in pixels.
    pub fn width(&self) -> u32 {
        self.width
    }

    /// Height in pixels.
    pub fn height(&self) -> u32 {
        self.height
    }

    /// Which colours the samples of a YUV format stand for. Means nothing for RGB and gray.
    pub fn color_space(&self) -> ColorSpace {
        self.color_space
    }

    /// When the frame belongs, if its producer said so.
    pub fn timestamp(&self) -> Option<Timestamp> {
        self.timestamp
    }

    /// The planes, as many as the format has.
    pub fn planes(&self) -> &[Plane] {
        &self.planes[..self.format.planes()]
    }

    /// The rows of one plane from top to bottom, without padding; none if there is no such plane.
    pub fn rows(&self, plane: usize) -> impl ExactSizeIterator<Item = &[u8]> + DoubleEndedIterator {
        let size = self
            .format
            .plane_size(self.width, self.height, plane)
            .unwrap_or(PlaneSize { row_bytes: 0, rows: 0 });
        let plane = self.planes.get(plane);
        (0..size.rows).map(move |row| {
            plane.map_or(&[][..], |plane| &plane.data[row * plane.stride..][..size.row_bytes])
        })
    }

    /// All pixels in one piece without padding, laid out as [`Frame::packed`] takes them.
    ///
    /// Copies nothing if there is one plane and its rows have no padding.
    pub fn to_packed(&self) -> Bytes {
        match self.tight_plane() {
            Some(data) => data,
            None => self.copy_packed().into(),
        }
    }

    /// All pixels in one piece without padding, to be changed.
    ///
    /// Copies nothing if there is one plane without padding that nobody else holds.
    pub fn into_packed(mut self) -> Vec<u8> {
        match self.tight_plane() {
            Some(data) => {
                self.planes = Default::default();
                data.into()
            }
            None => self.copy_packed(),
        }
    }

    fn tight_plane(&self) -> Option<Bytes> {
        let size = self.format.plane_size(self.width, self.height, 0)?;
        let plane = &self.planes[0];
        let tight = self.format.planes() == 1 && plane.stride == size.row_bytes;
        tight.then(|| plane.data.slice(..size.bytes()))
    }

    fn copy_packed(&self) -> Vec<u8> {
        let sizes = self.format.plane_sizes(self.width, self.height);
        let mut packed = Vec::with_capacity(sizes.map(PlaneSize::bytes).sum());
        for plane in 0..self.format.planes() {
            self.rows(plane).for_each(|row| packed.extend_from_slice(row));
        }
        packed
    }
}

impl Plane {
    /// Without what follows the last row: not all conversions leave it alone.
    fn without_rest(&self, size: PlaneSize) -> Self {
        let end = self.data.len().min(self.stride * size.rows);
        Self { data: self.data.slice(..end), stride: self.stride }
    }

    fn check(&self, index: usize, size: PlaneSize) -> Result<(), InvalidFrame> {
        if self.stride < size.row_bytes || self.stride > MAX_STRIDE {
            return Err(InvalidFrame::Stride {
                plane: index,
                row_bytes: size.row_bytes,
                actual: self.stride,
            });
        }
        let expected = self
            .stride
            .checked_mul(size.rows.saturating_sub(1))
            .and_then(|bytes| bytes.checked_add(size.row_bytes))
            .ok_or(InvalidFrame::Stride {
                plane: index,
                row_bytes: size.row_bytes,
                actual: self.stride,
            })?;
        if self.data.len() < expected {
            let actual = self.data.len();
            return Err(InvalidFrame::Length { plane: index, expected, actual });
        }
        Ok(())
    }
}

pub(crate) fn check_dimensions(width: u32, height: u32) -> Result<(), InvalidFrame> {
    match (width, height) {
        (0, _) | (_, 0) => Err(InvalidFrame::Empty { width, height }),
        _ if width > MAX_DIMENSION || height > MAX_DIMENSION => {
            Err(InvalidFrame::TooLarge { width, height })
        }
        _ => Ok(()),
    }
}

impl fmt::Debug for Frame {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Frame")
            .field("format", &self.format)
            .field("width", &self.width)
            .field("height", &self.height)
            .field("planes", &self.planes())
            .field("color_space", &self.color_space)
            .field("timestamp", &self.timestamp)
            .finish()
    }
}

impl fmt::Debug for Plane {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "Plane({} bytes, stride {})", self.data.len(), self.stride)
    }
}

/// Largest stride: the widest row, padded generously.
const MAX_STRIDE: usize = 1 << 20;

#[cfg(test)]
mod tests {
    use super::*;
    use crate::TimeBase;

    #[test]
    fn a_packed_frame_of_odd_size_has_chroma_that_rounds_up() {
        let frame = Frame::packed(PixelFormat::I420, 5, 3, vec![0; 15 + 6 + 6]).unwrap();
        let lengths: Vec<_> = frame.planes().iter().map(|plane| plane.data.len()).collect();
        assert_eq!(lengths, [15, 6, 6]);
        assert_eq!(frame.rows(1).len(), 2);
    }

    #[test]
    fn padding_is_left_out_of_rows_and_packed_bytes() {
        let data = Bytes::from_static(&[1, 2, 3, 0, 4, 5, 6]);
        let frame =
            Frame::with_planes(PixelFormat::Gray8, 3, 2, &[Plane { data, stride: 4 }]).unwrap();
        assert_eq!(frame.rows(0).collect::<Vec<_>>(), [[1, 2, 3], [4, 5, 6]]);
        assert_eq!(frame.to_packed()[..], [1, 2, 3, 4, 5, 6]);
        assert_eq!(frame.into_packed(), [1, 2, 3, 4, 5, 6]);
    }

    #[test]
    fn what_follows_the_last_row_is_no_part_of_the_frame() {
        for format in [PixelFormat::Yuyv, PixelFormat::Rgb24, PixelFormat::Gray8] {
            let stride = format.plane_size(4, 2, 0).unwrap().row_bytes + 3;
            let plane = Plane { data: vec![90; stride * 9].into(), stride };
            let frame = Frame::with_planes(format, 4, 2, &[plane]).unwrap();
            assert_eq!(frame.planes()[0].data.len(), stride * 2);
            frame.convert(PixelFormat::Bgr24).unwrap();
        }
    }

    #[test]
    fn pixels_of_a_tight_frame_are_shared_and_taken_without_a_copy() {
        let data = vec![7; 12];
        let address = data.as_ptr();
        let frame = Frame::packed(PixelFormat::Rgb24, 2, 2, data).unwrap();
        assert_eq!(frame.clone().to_packed().as_ptr(), address);
        let taken = frame.into_packed();
        assert_eq!(taken.as_ptr(), address);
    }

    #[test]
    fn sizes_that_do_not_fit_are_typed_errors() {
        let gray = |width, height, length| {
            Frame::packed(PixelFormat::Gray8, width, height, vec![0; length]).unwrap_err()
        };
        assert_eq!(gray(0, 1, 0), InvalidFrame::Empty { width: 0, height: 1 });
        assert_eq!(gray(16_385, 1, 1), InvalidFrame::TooLarge { width: 16_385, height: 1 });
        assert!(gray(u32::MAX, u32::MAX, 1).to_string().contains("larger than 16384"));
        assert_eq!(gray(2, 2, 3), InvalidFrame::Length { plane: 0, expected: 4, actual: 3 });
        assert_eq!(gray(2, 2, 5), InvalidFrame::Length { plane: 0, expected: 4, actual: 5 });
    }

    #[test]
    fn planes_that_do_not_fit_are_typed_errors() {
        let plane = |length, stride| Plane { data: vec![0; length].into(), stride };
        let nv12 = |planes: &[Plane]| {
            Frame::with_planes(PixelFormat::Nv12, 4, 4, planes).map(drop).unwrap_err()
        };
        assert!(matches!(nv12(&[plane(16, 4)]), InvalidFrame::PlaneCount { expected: 2, .. }));
        assert_eq!(
            nv12(&[plane(16, 4), plane(7, 4)]),
            InvalidFrame::Length { plane: 1, expected: 8, actual: 7 }
        );
        assert!(matches!(
            nv12(&[plane(16, 3), plane(8, 4)]),
            InvalidFrame::Stride { plane: 0, .. }
        ));
        assert!(matches!(
            nv12(&[plane(16, 4), plane(8, usize::MAX)]),
            InvalidFrame::Stride { plane: 1, .. }
        ));
    }

    #[test]
    fn a_timestamp_stays_with_the_clone_and_can_be_taken_away() {
        let stamp = Timestamp::new(5, TimeBase::MILLISECONDS);
        let frame = Frame::packed(PixelFormat::Gray8, 1, 1, vec![0]).unwrap().at(stamp);
        assert_eq!(frame.clone().timestamp(), Some(stamp));
        assert_eq!(frame.at(None).timestamp(), None);
    }
}
