//! From what lies in a buffer to a frame.

use bytes::Bytes;
use streamsdk_media::{ColorSpace, Frame, PixelFormat, jpeg};

use super::WebcamFormat;
use super::colors::color_space;
use super::layout::PlaneLayout;
use super::v4l2::PixelLayout;

/// Makes frames of a camera's pictures.
#[derive(Debug, Clone, Copy)]
pub(super) enum FrameDecoder {
    Raw(PlaneLayout, ColorSpace),
    /// JPEGs up to a size in pixels.
    Jpeg(u32, u32),
}

impl FrameDecoder {
    /// `None` if what the driver says cannot be.
    pub(super) fn new(format: WebcamFormat, pixels: &PixelLayout) -> Option<Self> {
        let size = (pixels.width, pixels.height);
        match format {
            WebcamFormat::Mjpeg => {
                let round_up = |side: u32| side.checked_next_multiple_of(JPEG_BLOCK);
                Some(Self::Jpeg(round_up(size.0)?, round_up(size.1)?))
            }
            format => PlaneLayout::new(format.pixel_format(), size, pixels.bytesperline)
                .map(|layout| Self::Raw(layout, color_space(pixels))),
        }
    }

    /// How many bytes a buffer with a picture has at least.
    pub(super) fn least_bytes(&self) -> usize {
        match self {
            Self::Raw(layout, _) => layout.bytes(),
            Self::Jpeg(..) => 1,
        }
    }

    /// How many of the bytes in a buffer belong to the picture.
    pub(super) fn useful_bytes(&self, filled: usize) -> usize {
        match self {
            Self::Raw(layout, _) => layout.bytes(),
            Self::Jpeg(..) => filled,
        }
    }

    /// Says what is wrong with the picture otherwise.
    pub(super) fn frame(&self, bytes: Vec<u8>) -> Result<Frame, String> {
        match *self {
            Self::Raw(layout, color_space) => layout
                .frame(&Bytes::from(bytes))
                .map(|frame| frame.in_color_space(color_space))
                .map_err(|error| error.to_string()),
            Self::Jpeg(width, height) => decode(&bytes, width, height),
        }
    }
}

/// A camera that suddenly sent larger pictures would choose how much memory they take.
fn decode(bytes: &[u8], max_width: u32, max_height: u32) -> Result<Frame, String> {
    let (width, height) = jpeg::dimensions(bytes).map_err(|error| error.to_string())?;
    if width > max_width || height > max_height {
        return Err(format!("a JPEG of {width}x{height} is larger than what was agreed on"));
    }
    jpeg::decode(bytes, PixelFormat::Rgb24).map_err(|error| error.to_string())
}

/// Some cameras do not cut the last blocks of a JPEG to the size that they tell.
const JPEG_BLOCK: u32 = 16;

#[cfg(test)]
mod tests {
    use super::*;
    use crate::webcam::v4l2::FormatRequest;

    fn pictures(format: WebcamFormat, width: u32, height: u32) -> Option<FrameDecoder> {
        let request = FormatRequest::new(format.code(), width, height);
        FrameDecoder::new(format, &request.pixels())
    }

    fn jpeg_of(width: u32, height: u32) -> Vec<u8> {
        let gray = vec![128; (width * height) as usize];
        let frame = Frame::packed(PixelFormat::Gray8, width, height, gray).unwrap();
        jpeg::Encoder::default().encode(&frame).unwrap()
    }

    #[test]
    fn garbage_after_a_jpeg_does_not_matter() {
        let mut bytes = jpeg_of(64, 36);
        bytes.extend_from_slice(&[0, 1, 2, 0xFF]);
        let frame = pictures(WebcamFormat::Mjpeg, 64, 36).unwrap().frame(bytes).unwrap();
        assert_eq!((frame.width(), frame.height()), (64, 36));
        assert_eq!(frame.format(), PixelFormat::Rgb24);
    }

    #[test]
    fn a_jpeg_is_as_large_as_agreed_or_a_little_larger() {
        let agreed = pictures(WebcamFormat::Mjpeg, 64, 36).unwrap();
        assert!(agreed.frame(jpeg_of(64, 48)).is_ok());
        assert!(agreed.frame(jpeg_of(64, 49)).is_err());
        assert!(agreed.frame(jpeg_of(65, 36)).is_err());
        assert!(agreed.frame(b"no JPEG".to_vec()).is_err());
        assert!(agreed.frame(Vec::new()).is_err());
        assert!(pictures(WebcamFormat::Mjpeg, u32::MAX, 1).is_none());
    }

    #[test]
    fn what_is_cut_off_is_no_picture() {
        let agreed = pictures(WebcamFormat::Rgb24, 2, 2).unwrap();
        assert_eq!((agreed.least_bytes(), agreed.useful_bytes(100)), (12, 12));
        assert!(agreed.frame(vec![0; 12]).is_ok());
        assert!(agreed.frame(vec![0; 11]).is_err());
    }
}
