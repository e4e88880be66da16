//! From and to the buffers of the `image` crate.

use image::{DynamicImage, GrayImage, RgbImage, RgbaImage};

use crate::{ConvertError, Frame, InvalidFrame, PixelFormat};

/// Takes the pixels without copying them.
impl TryFrom<RgbImage> for Frame {
    type Error = InvalidFrame;

    fn try_from(image: RgbImage) -> Result<Self, InvalidFrame> {
        let (width, height) = image.dimensions();
        Self::packed(PixelFormat::Rgb24, width, height, image.into_raw())
    }
}

/// Takes the pixels without copying them.
impl TryFrom<GrayImage> for Frame {
    type Error = InvalidFrame;

    fn try_from(image: GrayImage) -> Result<Self, InvalidFrame> {
        let (width, height) = image.dimensions();
        Self::packed(PixelFormat::Gray8, width, height, image.into_raw())
    }
}

/// Leaves alpha out.
impl TryFrom<RgbaImage> for Frame {
    type Error = InvalidFrame;

    fn try_from(image: RgbaImage) -> Result<Self, InvalidFrame> {
        let (width, height) = image.dimensions();
        Self::from_rgba(width, height, &image)
    }
}

/// Gray of eight bits stays gray, and everything else becomes RGB of eight bits, without alpha. Takes the pixels
/// without copying them if there is nothing to convert.
impl TryFrom<DynamicImage> for Frame {
    type Error = InvalidFrame;

    fn try_from(image: DynamicImage) -> Result<Self, InvalidFrame> {
        match image {
            DynamicImage::ImageLuma8(gray) => gray.try_into(),
            DynamicImage::ImageRgba8(rgba) => rgba.try_into(),
            other => other.into_rgb8().try_into(),
        }
    }
}

/// Gray stays gray, and everything else becomes RGB.
impl TryFrom<Frame> for DynamicImage {
    type Error = ConvertError;

    fn try_from(frame: Frame) -> Result<Self, ConvertError> {
        match frame.format() {
            PixelFormat::Gray8 => GrayImage::try_from(frame).map(Self::ImageLuma8),
            _ => RgbImage::try_from(frame).map(Self::ImageRgb8),
        }
    }
}

/// With an alpha of 255.
impl TryFrom<Frame> for RgbaImage {
    type Error = ConvertError;

    fn try_from(frame: Frame) -> Result<Self, ConvertError> {
        Self::from_raw(frame.width(), frame.height(), frame.to_rgba()?)
            .ok_or_else(|| too_small(frame.format(), PixelFormat::Rgb24))
    }
}

/// Converts to RGB first where it is needed. Copies nothing if that is not the case and nobody else
/// holds the pixels.
impl TryFrom<Frame> for RgbImage {
    type Error = ConvertError;

    fn try_from(frame: Frame) -> Result<Self, ConvertError> {
        let (width, height) = (frame.width(), frame.height());
        let from = frame.format();
        let pixels = frame.into_format(PixelFormat::Rgb24)?.into_packed();
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
        let pixels = frame.into_format(PixelFormat::Gray8)?.into_packed();
        Self::from_raw(width, height, pixels).ok_or_else(|| too_small(from, PixelFormat::Gray8))
    }
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
    fn images_of_any_kind_become_frames_and_come_back() {
        let gray = DynamicImage::ImageLuma8(GrayImage::from_pixel(2, 1, image::Luma([7])));
        let rgba = RgbaImage::from_pixel(2, 1, image::Rgba([1, 2, 3, 4]));
        let deep = DynamicImage::ImageRgb8(RgbImage::from_pixel(2, 1, image::Rgb([9, 8, 7])));
        let deep = DynamicImage::ImageRgb16(deep.to_rgb16());
        for (image, format, first) in [
            (gray, PixelFormat::Gray8, vec![7, 7]),
            (DynamicImage::ImageRgba8(rgba), PixelFormat::Rgb24, vec![1, 2, 3, 1, 2, 3]),
            (deep, PixelFormat::Rgb24, vec![9, 8, 7, 9, 8, 7]),
        ] {
            let frame = Frame::try_from(image).unwrap();
            assert_eq!((frame.format(), frame.to_packed().to_vec()), (format, first.clone()));
            let opaque = RgbaImage::try_from(frame.clone()).unwrap();
            assert!(opaque.pixels().all(|pixel| pixel.0[3] == 255));
            let back = DynamicImage::try_from(frame.convert(PixelFormat::Nv12).unwrap()).unwrap();
            assert_eq!(back.color(), image::ColorType::Rgb8);
            assert_eq!(DynamicImage::try_from(frame).unwrap().into_bytes(), first);
        }
    }

    #[test]
    fn an_image_without_pixels_is_not_a_frame() {
        let error = Frame::try_from(GrayImage::new(0, 5)).unwrap_err();
        assert_eq!(error, InvalidFrame::Empty { width: 0, height: 5 });
    }
}
