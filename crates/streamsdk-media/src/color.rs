//! What the samples of a YUV format mean.

/// Which colours the samples of a picture in a YUV format stand for.
///
/// A [`Frame`](crate::Frame) carries it, and conversions go by it. It says nothing about RGB, and of gray
/// nothing but where it came from.
///
/// Default is [`ColorSpace::BT601`].
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, Default)]
pub struct ColorSpace {
    /// How luma and chroma are made of red, green and blue.
    pub matrix: ColorMatrix,
    /// Which numbers stand for black and white.
    pub range: ColorRange,
}

/// How luma and chroma are made of red, green and blue.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, Default)]
#[non_exhaustive]
pub enum ColorMatrix {
    /// BT.601: webcams, VP8, JPEG, and video of less than 720 lines.
    #[default]
    Bt601,
    /// BT.709: video of 720 lines and more.
    Bt709,
    /// BT.2020 with luma that is not constant: video of 2160 lines and more, where it says so.
    Bt2020,
    /// SMPTE 240M: early high definition.
    Smpte240m,
}

/// Which numbers stand for black and white.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, Default)]
pub enum ColorRange {
    /// Luma from 16 to 235 and chroma from 16 to 240: nearly all video.
    #[default]
    Limited,
    /// From 0 to 255: JPEG, and some cameras.
    Full,
}

impl ColorSpace {
    /// BT.601 in limited range.
    pub const BT601: Self = Self::new(ColorMatrix::Bt601, ColorRange::Limited);
    /// BT.709 in limited range.
    pub const BT709: Self = Self::new(ColorMatrix::Bt709, ColorRange::Limited);
    /// BT.601 in full range.
    pub const JPEG: Self = Self::new(ColorMatrix::Bt601, ColorRange::Full);

    /// A matrix and a range.
    pub const fn new(matrix: ColorMatrix, range: ColorRange) -> Self {
        Self { matrix, range }
    }
}

impl ColorMatrix {
    /// The matrix of video that does not say it, by its number of lines as stored. Players take BT.709
    /// from 720 lines up and BT.601 below.
    pub const fn untagged(lines: u32) -> Self {
        if lines >= HD_LINES { Self::Bt709 } else { Self::Bt601 }
    }

    /// The matrix of that number in ITU-T H.273, which H264's headers, MP4 and FFmpeg use; `None` if it
    /// is unspecified (2) or not known here.
    pub const fn from_cicp(matrix_coefficients: u32) -> Option<Self> {
        match matrix_coefficients {
            1 => Some(Self::Bt709),
            // The first, FCC's, differs from the others by less than can be seen.
            4..=6 => Some(Self::Bt601),
            7 => Some(Self::Smpte240m),
            9 | 10 => Some(Self::Bt2020),
            _ => None,
        }
    }
}

const HD_LINES: u32 = 720;

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn untagged_video_is_bt709_from_720_lines_up() {
        let matrices = [1, 480, 576, 719, 720, 1080, 4320].map(ColorMatrix::untagged);
        let (sd, hd) = (ColorMatrix::Bt601, ColorMatrix::Bt709);
        assert_eq!(matrices, [sd, sd, sd, sd, hd, hd, hd]);
    }

    #[test]
    fn numbers_that_mean_nothing_here_are_no_matrix() {
        assert_eq!(ColorMatrix::from_cicp(1), Some(ColorMatrix::Bt709));
        for unknown in [0, 2, 3, 8, 11, 77, u32::MAX] {
            assert_eq!(ColorMatrix::from_cicp(unknown), None);
        }
    }
}
