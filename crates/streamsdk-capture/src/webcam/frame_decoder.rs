//! From what lies in a buffer to a frame.

use bytes::Bytes;
use streamsdk_media::{
    ColorMatrix, ColorRange, ColorSpace, Frame, InvalidFrame, MAX_DIMENSION, PixelFormat, Plane,
    jpeg,
};

use super::WebcamFormat;
use super::v4l2::{PixelLayout, colors, encoding};

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
    fn new(format: PixelFormat, (width, height): (u32, u32), stride: u32) -> Option<Self> {
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
    fn bytes(&self) -> usize {
        self.bytes
    }

    /// The picture in so many bytes.
    fn frame(&self, picture: &Bytes) -> Result<Frame, InvalidFrame> {
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

/// The colour space of uncompressed pictures in YUV: by the rules of `linux/videodev2.h` where the driver says
/// little of it.
fn color_space(pixels: &PixelLayout) -> ColorSpace {
    let is_told = pixels.priv_ == colors::TOLD;
    let encoding = if is_told { encoding(pixels) } else { colors::ENCODING_DEFAULT };
    let range = match pixels.quantization {
        colors::FULL_RANGE if is_told => ColorRange::Full,
        colors::LIMITED_RANGE if is_told => ColorRange::Limited,
        _ if pixels.colorspace == colors::SPACE_JPEG => ColorRange::Full,
        _ => ColorRange::Limited,
    };
    ColorSpace::new(matrix(encoding, pixels.colorspace), range)
}

fn matrix(encoding: u32, colorspace: u32) -> ColorMatrix {
    match encoding {
        colors::ENCODING_DEFAULT => usual_matrix(colorspace),
        colors::ENCODING_709 | colors::ENCODING_XV709 => ColorMatrix::Bt709,
        colors::ENCODING_BT2020 | colors::ENCODING_BT2020_CONSTANT => ColorMatrix::Bt2020,
        colors::ENCODING_SMPTE240M => ColorMatrix::Smpte240m,
        _ => ColorMatrix::Bt601,
    }
}

fn usual_matrix(colorspace: u32) -> ColorMatrix {
    match colorspace {
        colors::SPACE_REC709 | colors::SPACE_DCI_P3 => ColorMatrix::Bt709,
        colors::SPACE_BT2020 => ColorMatrix::Bt2020,
        colors::SPACE_SMPTE240M => ColorMatrix::Smpte240m,
        _ => ColorMatrix::Bt601,
    }
}

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

    fn told(colorspace: u32, encoding: u32, quantization: u32) -> PixelLayout {
        let mut pixels = FormatRequest::new(0, 640, 480).pixels();
        (pixels.colorspace, pixels.priv_) = (colorspace, colors::TOLD);
        (pixels.__bindgen_anon_1.ycbcr_enc, pixels.quantization) = (encoding, quantization);
        pixels
    }

    #[test]
    fn a_driver_that_says_nothing_is_bt601_in_limited_range() {
        for srgb_or_unknown in [0, 8, 77] {
            assert_eq!(color_space(&told(srgb_or_unknown, 0, 0)), ColorSpace::BT601);
        }
    }

    #[test]
    fn the_usual_encoding_and_range_follow_from_the_colorspace() {
        assert_eq!(color_space(&told(colors::SPACE_REC709, 0, 0)), ColorSpace::BT709);
        assert_eq!(color_space(&told(colors::SPACE_JPEG, 0, 0)), ColorSpace::JPEG);
        let matrix = |colorspace| color_space(&told(colorspace, 0, 0)).matrix;
        assert_eq!(matrix(colors::SPACE_BT2020), ColorMatrix::Bt2020);
        assert_eq!(matrix(colors::SPACE_SMPTE240M), ColorMatrix::Smpte240m);
    }

    #[test]
    fn what_is_said_counts_and_only_if_it_was_filled() {
        let mut pixels = told(colors::SPACE_REC709, 1, colors::FULL_RANGE);
        assert_eq!(color_space(&pixels), ColorSpace::JPEG);
        pixels.priv_ = 0;
        assert_eq!(color_space(&pixels), ColorSpace::BT709);
        let pixels = told(colors::SPACE_JPEG, colors::ENCODING_709, colors::LIMITED_RANGE);
        assert_eq!(color_space(&pixels), ColorSpace::BT709);
    }
}
