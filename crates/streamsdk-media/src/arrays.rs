//! From and to arrays of the `ndarray` crate: rows, columns, and red, green and blue.

use ndarray::{Array3, ArrayView3};

use crate::{ConvertError, Frame, InvalidFrame, PixelFormat};

/// Height by width by channels: three are red, green and blue, one is gray. Takes the pixels without copying
/// them if they lie in that order in memory.
impl TryFrom<Array3<u8>> for Frame {
    type Error = InvalidFrame;

    fn try_from(array: Array3<u8>) -> Result<Self, InvalidFrame> {
        let (width, height, format) = shape(array.dim())?;
        let array = if array.is_standard_layout() {
            array
        } else {
            array.as_standard_layout().into_owned()
        };
        let (pixels, start) = array.into_raw_vec_and_offset();
        let bytes = format.plane_size(width, height, 0).map_or(0, |size| size.bytes());
        let start = start.unwrap_or_default();
        let pixels = bytes::Bytes::from(pixels);
        let end = start.saturating_add(bytes).min(pixels.len());
        Self::packed(format, width, height, pixels.slice(start.min(end)..end))
    }
}

/// As an array: copies the pixels.
impl TryFrom<ArrayView3<'_, u8>> for Frame {
    type Error = InvalidFrame;

    fn try_from(view: ArrayView3<'_, u8>) -> Result<Self, InvalidFrame> {
        shape(view.dim())?;
        Self::try_from(view.as_standard_layout().into_owned())
    }
}

/// Height by width by three: red, green and blue, whatever the frame's format is. Copies nothing if that is RGB and
/// nobody else holds the pixels.
impl TryFrom<Frame> for Array3<u8> {
    type Error = ConvertError;

    fn try_from(frame: Frame) -> Result<Self, ConvertError> {
        let from = frame.format();
        let shape = (frame.height() as usize, frame.width() as usize, 3);
        let pixels = frame.into_format(PixelFormat::Rgb24)?.into_packed();
        Self::from_shape_vec(shape, pixels)
            .map_err(|error| ConvertError::failed(from, PixelFormat::Rgb24, error))
    }
}

/// Width, height and format.
fn shape(
    (height, width, channels): (usize, usize, usize),
) -> Result<(u32, u32, PixelFormat), InvalidFrame> {
    let format = match channels {
        3 => PixelFormat::Rgb24,
        1 => PixelFormat::Gray8,
        actual => return Err(InvalidFrame::Channels { actual }),
    };
    let side = |side| u32::try_from(side).unwrap_or(u32::MAX);
    let (width, height) = (side(width), side(height));
    crate::frame::check_dimensions(width, height)?;
    Ok((width, height, format))
}

#[cfg(test)]
mod tests {
    use ndarray::s;

    use super::*;

    /// Row, column and channel in one number.
    fn array() -> Array3<u8> {
        Array3::from_shape_fn((2, 4, 3), |(y, x, channel)| (y * 100 + x * 10 + channel) as u8)
    }

    #[test]
    fn pixels_go_there_and_back_without_a_copy() {
        let array = array();
        let address = array.as_ptr();
        let frame = Frame::try_from(array.clone()).unwrap();
        assert_eq!((frame.width(), frame.height(), frame.format()), (4, 2, PixelFormat::Rgb24));
        assert_eq!(frame.rows(0).nth(1).unwrap()[3..6], [110, 111, 112]);
        assert_eq!(Array3::try_from(frame).unwrap(), array);
        let back = Array3::try_from(Frame::try_from(array).unwrap()).unwrap();
        assert_eq!(back.as_ptr(), address);
    }

    #[test]
    fn arrays_in_another_order_and_parts_of_arrays_are_taken_by_their_axes() {
        let turned = array().permuted_axes([1, 0, 2]);
        let frame = Frame::try_from(turned).unwrap();
        assert_eq!((frame.width(), frame.height()), (2, 4));
        assert_eq!(frame.rows(0).nth(3).unwrap()[3..], [130, 131, 132]);

        let part = array().slice_move(s![1.., 1..3, ..]);
        let frame = Frame::try_from(part).unwrap();
        assert_eq!(frame.to_packed()[..], [110, 111, 112, 120, 121, 122]);
        let whole = array();
        let view = Frame::try_from(whole.slice(s![.., ..;2, ..])).unwrap();
        assert_eq!(view.to_packed()[..6], [0, 1, 2, 20, 21, 22]);
        let last_row = Frame::try_from(array().slice_move(s![1.., .., ..])).unwrap();
        assert_eq!(last_row.to_packed()[..3], [100, 101, 102]);
    }

    #[test]
    fn other_formats_become_rgb_and_one_channel_is_gray() {
        let bgr = Frame::packed(PixelFormat::Bgr24, 1, 1, vec![3, 2, 1]).unwrap();
        assert_eq!(Array3::try_from(bgr).unwrap().into_raw_vec_and_offset().0, [1, 2, 3]);
        let gray = Frame::try_from(Array3::from_elem((2, 3, 1), 7)).unwrap();
        assert_eq!((gray.width(), gray.format()), (3, PixelFormat::Gray8));
    }

    #[test]
    fn arrays_that_are_no_pictures_are_typed_errors() {
        let error = |shape: (usize, usize, usize)| {
            Frame::try_from(Array3::from_elem(shape, 0)).unwrap_err()
        };
        assert_eq!(error((2, 2, 4)), InvalidFrame::Channels { actual: 4 });
        assert_eq!(error((0, 2, 3)), InvalidFrame::Empty { width: 2, height: 0 });
        assert!(matches!(error((1, 20_000, 1)), InvalidFrame::TooLarge { .. }));
    }
}
