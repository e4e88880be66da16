//! Pixels with a fourth byte, as windows and browsers have them: converted at the border.

use crate::{ConvertError, Frame, InvalidFrame, PixelFormat};

impl Frame {
    /// A frame in RGB of pixels of red, green, blue and alpha, row by row without padding. Alpha is left out.
    ///
    /// # Errors
    ///
    /// If the size is zero or beyond [`MAX_DIMENSION`](crate::MAX_DIMENSION), or if `pixels` is not exactly as
    /// long as a picture of that size.
    pub fn from_rgba(width: u32, height: u32, pixels: &[u8]) -> Result<Self, InvalidFrame> {
        Self::without_alpha(PixelFormat::Rgb24, width, height, pixels)
    }

    /// A frame in BGR of pixels of blue, green, red and alpha, row by row without padding. Alpha is left out.
    ///
    /// # Errors
    ///
    /// As [`Frame::from_rgba`].
    pub fn from_bgra(width: u32, height: u32, pixels: &[u8]) -> Result<Self, InvalidFrame> {
        Self::without_alpha(PixelFormat::Bgr24, width, height, pixels)
    }

    fn without_alpha(
        format: PixelFormat,
        width: u32,
        height: u32,
        pixels: &[u8],
    ) -> Result<Self, InvalidFrame> {
        crate::frame::check_dimensions(width, height)?;
        let (expected, actual) = (width as usize * height as usize * 4, pixels.len());
        if actual != expected {
            return Err(InvalidFrame::Length { plane: 0, expected, actual });
        }
        let (pixels, _) = pixels.as_chunks::<4>();
        let mut data = vec![0; pixels.len() * 3];
        for (target, [first, second, third, _]) in
            data.as_chunks_mut::<3>().0.iter_mut().zip(pixels)
        {
            *target = [*first, *second, *third];
        }
        Self::packed(format, width, height, data)
    }

    /// The pixels as red, green, blue and an alpha of 255, row by row without padding.
    ///
    /// # Errors
    ///
    /// As [`Frame::convert`].
    pub fn to_rgba(&self) -> Result<Vec<u8>, ConvertError> {
        self.with_alpha(PixelFormat::Rgb24)
    }

    /// The pixels as blue, green, red and an alpha of 255, row by row without padding.
    ///
    /// # Errors
    ///
    /// As [`Frame::convert`].
    pub fn to_bgra(&self) -> Result<Vec<u8>, ConvertError> {
        self.with_alpha(PixelFormat::Bgr24)
    }

    fn with_alpha(&self, format: PixelFormat) -> Result<Vec<u8>, ConvertError> {
        let pixels = self.convert(format)?.to_packed();
        let (pixels, _) = pixels.as_chunks::<3>();
        let mut data = vec![0; pixels.len() * 4];
        for (target, [first, second, third]) in data.as_chunks_mut::<4>().0.iter_mut().zip(pixels) {
            *target = [*first, *second, *third, u8::MAX];
        }
        Ok(data)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const RGBA: [u8; 8] = [1, 2, 3, 9, 4, 5, 6, 0];

    #[test]
    fn alpha_is_left_out_and_comes_back_opaque() {
        let rgb = Frame::from_rgba(2, 1, &RGBA).unwrap();
        assert_eq!(
            (rgb.format(), &rgb.to_packed()[..]),
            (PixelFormat::Rgb24, &[1, 2, 3, 4, 5, 6][..])
        );
        assert_eq!(rgb.to_rgba().unwrap(), [1, 2, 3, 255, 4, 5, 6, 255]);
        assert_eq!(rgb.to_bgra().unwrap(), [3, 2, 1, 255, 6, 5, 4, 255]);
        let bgr = Frame::from_bgra(1, 2, &RGBA).unwrap();
        assert_eq!((bgr.format(), bgr.height()), (PixelFormat::Bgr24, 2));
        assert_eq!(bgr.to_bgra().unwrap(), [1, 2, 3, 255, 4, 5, 6, 255]);
    }

    #[test]
    fn pixels_that_do_not_fit_are_typed_errors() {
        let error = |width, height| Frame::from_rgba(width, height, &RGBA).unwrap_err();
        assert_eq!(error(2, 2), InvalidFrame::Length { plane: 0, expected: 16, actual: 8 });
        assert_eq!(error(0, 2), InvalidFrame::Empty { width: 0, height: 2 });
        assert!(matches!(error(u32::MAX, u32::MAX), InvalidFrame::TooLarge { .. }));
    }
}
