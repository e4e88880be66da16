//! The pixel formats of cameras that can be taken.

use std::fmt;

use streamsdk_media::PixelFormat;

/// How a camera sends its pictures.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
#[non_exhaustive]
pub enum WebcamFormat {
    /// Uncompressed, `YUYV`: becomes [`PixelFormat::Yuyv`].
    Yuyv,
    /// Uncompressed, `NV12`: becomes [`PixelFormat::Nv12`].
    Nv12,
    /// Uncompressed, `BGR3`: becomes [`PixelFormat::Bgr24`].
    Bgr24,
    /// Uncompressed, `RGB3`: becomes [`PixelFormat::Rgb24`].
    Rgb24,
    /// Uncompressed without colours, `GREY`: becomes [`PixelFormat::Gray8`].
    Gray8,
    /// A JPEG for every picture, `MJPG`: is decoded to [`PixelFormat::Rgb24`].
    Mjpeg,
}

impl WebcamFormat {
    /// From the one that costs the least to the one that loses the most.
    pub(super) const BY_PREFERENCE: [Self; 6] =
        [Self::Yuyv, Self::Nv12, Self::Bgr24, Self::Rgb24, Self::Mjpeg, Self::Gray8];

    /// The four letters by which drivers know it.
    pub fn fourcc(self) -> &'static str {
        match self {
            Self::Yuyv => "YUYV",
            Self::Nv12 => "NV12",
            Self::Bgr24 => "BGR3",
            Self::Rgb24 => "RGB3",
            Self::Gray8 => "GREY",
            Self::Mjpeg => "MJPG",
        }
    }

    /// How the pixels of its frames are stored.
    pub fn pixel_format(self) -> PixelFormat {
        match self {
            Self::Yuyv => PixelFormat::Yuyv,
            Self::Nv12 => PixelFormat::Nv12,
            Self::Bgr24 => PixelFormat::Bgr24,
            Self::Rgb24 | Self::Mjpeg => PixelFormat::Rgb24,
            Self::Gray8 => PixelFormat::Gray8,
        }
    }

    pub(super) fn code(self) -> u32 {
        self.fourcc().as_bytes().first_chunk().map_or(0, |letters| u32::from_le_bytes(*letters))
    }

    pub(super) fn of_code(code: u32) -> Option<Self> {
        Self::BY_PREFERENCE.into_iter().find(|format| format.code() == code)
    }
}

impl fmt::Display for WebcamFormat {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.fourcc())
    }
}

/// The letters of a format, whatever a driver puts there.
pub(super) fn letters(code: u32) -> String {
    let shown = |byte: u8| if byte.is_ascii_graphic() { char::from(byte) } else { '?' };
    // The highest bit says that the numbers are big-endian.
    let letters = (code & 0x7FFF_FFFF).to_le_bytes();
    letters.iter().filter(|&&byte| byte != b' ').map(|&byte| shown(byte)).collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn codes_are_told_apart_and_can_be_shown() {
        for format in WebcamFormat::BY_PREFERENCE {
            assert_eq!(WebcamFormat::of_code(format.code()), Some(format));
            assert_eq!(letters(format.code()), format.to_string());
        }
        assert_eq!(WebcamFormat::of_code(0), None);
        assert_eq!(letters(u32::from_le_bytes(*b"Y16 ")), "Y16");
        assert_eq!(letters(u32::from_le_bytes([b'X', 7, 0xFF, b'R'])), "X??R");
    }
}
