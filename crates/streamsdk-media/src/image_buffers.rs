//! From and to the buffers of the `image` crate.

use image::{GrayImage, RgbImage};

use crate::{ConvertError, Frame, FrameError, PixelFormat};

/// Takes the pixels without copying them.
impl TryFrom<RgbImage> for Frame {
    type Error = FrameError;

    fn try_from(image: RgbImage) -> Result<Self, FrameError> {
        let (width, height) = image.dimensions();
        Self::packed(PixelFormat::Rgb24, width, height, image.into_raw())
    }
}

/// Takes the pixels without copying them.
impl TryFrom<GrayImage> for Frame {
    type Error = FrameError;

    fn try_from(image: GrayImage) -> Result<Self, FrameError> {
        let (width, height) = image.dimensions();
        Self::packed(PixelFormat::Gray8, width, height, image.into_raw())
    }
}

/// Converts to RGB first where it is needed. Copies nothing if that is not the case and nobody else
/// holds the pixels.
impl TryFrom<Frame> for RgbImage {
    type Error = ConvertError;

    fn try_from(frame: Frame) -> Result<Self, ConvertError> {
        let (width, height) = (frame.width(), frame.height());
        let from = frame.format();
        let pixels = converted(frame, PixelFormat::Rgb24)?.into_packed();
        Self::from_raw(width, height, pixels).ok_or_else(|| too_small(from, PixelFormat::Rgb24))
    }
}

/// Converts to gray first where it is needed. Copies nothing if that is not the case and nobody else
/// holds the pixels.
impl TryFrom<Frame> for GrayImage {
    type Error = ConvertError;

    fn try_from(frame: Frame) -> Result<Self, ConvertError> {
        let (width, height) = (frame.width(), frame.height());
        let from = frame.format();
        let pixels = converted(frame, PixelFormat::Gray8)?.into_packed();
        Self::from_raw(width, height, pixels).ok_or_else(|| too_small(from, PixelFormat::Gray8))
    }
}

/// Unlike [`Frame::convert`], leaves the caller's pixels unshared if there is nothing to do.
fn converted(frame: Frame, to: PixelFormat) -> Result<Frame, ConvertError> {
    if frame.format() == to { Ok(frame) } else { frame.convert(to) }
}

fn too_small(from: PixelFormat, to: PixelFormat) -> ConvertError {
    ConvertError::failed(from, to, "the image buffer refused the pixels")
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn pixels_go_there_and_back_without_a_copy() {
        let image = RgbImage::from_fn(3, 2, |x, y| image::Rgb([x as u8, y as u8, 9]));
        let address = image.as_ptr();
        let frame = Frame::try_from(image).unwrap();
        assert_eq!(frame.to_packed()[15..], [2, 1, 9]);
        let back = RgbImage::try_from(frame).unwrap();
        assert_eq!(back.as_ptr(), address);
        assert_eq!(back.get_pixel(2, 1).0, [2, 1, 9]);
    }

    #[test]
    fn other_formats_are_converted() {
        let frame = Frame::packed(PixelFormat::Bgr24, 1, 1, vec![1, 2, 3]).unwrap();
        assert_eq!(RgbImage::try_from(frame.clone()).unwrap().into_raw(), [3, 2, 1]);
        assert_eq!(GrayImage::try_from(frame).unwrap().dimensions(), (1, 1));
    }

    #[test]
    fn an_image_without_pixels_is_not_a_frame() {
        let error = Frame::try_from(GrayImage::new(0, 5)).unwrap_err();
        assert_eq!(error, FrameError::Empty { width: 0, height: 5 });
    }
}
