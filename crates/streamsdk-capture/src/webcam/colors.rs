//! What a driver says of the colours of YUV, by the rules of `linux/videodev2.h` where it says little.

use streamsdk_media::{ColorMatrix, ColorRange, ColorSpace};

use super::v4l2::{PixelLayout, colors, encoding};

/// The colour space of uncompressed pictures in YUV.
pub(super) fn color_space(pixels: &PixelLayout) -> ColorSpace {
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
