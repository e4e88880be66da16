//! Encoding.

use super::JpegError;
use crate::{ColorSpace, ConvertError, Frame, PixelFormat};

/// Turns frames into JPEG files.
///
/// ```
/// use streamsdk_media::{Frame, PixelFormat, jpeg};
///
/// let frame = Frame::packed(PixelFormat::Rgb24, 8, 8, vec![200; 8 * 8 * 3])?;
/// let file = jpeg::Encoder::new(90).encode(&frame)?;
/// assert_eq!(jpeg::dimensions(&file)?, (8, 8));
/// # Ok::<(), Box<dyn std::error::Error>>(())
/// ```
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Encoder {
    quality: u8,
}

impl Default for Encoder {
    fn default() -> Self {
        Self { quality: 80 }
    }
}

impl Encoder {
    /// An encoder of that quality, from 1 to 100; what lies outside is taken as the nearest of them.
    /// Default is 80.
    pub fn new(quality: u8) -> Self {
        Self { quality: quality.clamp(1, 100) }
    }

    /// The quality.
    pub fn quality(self) -> u8 {
        self.quality
    }

    /// Encodes a frame of any format: gray as gray, the others with chroma at half the width and
    /// height.
    ///
    /// # Errors
    ///
    /// None is known for a frame that could be made; the encoder can report some.
    pub fn encode(&self, frame: &Frame) -> Result<Vec<u8>, JpegError> {
        let planes = planes(frame)?;
        #[cfg(feature = "turbojpeg")]
        let encoded = super::turbo::encode(&planes, self.quality);
        #[cfg(not(feature = "turbojpeg"))]
        let encoded = pure::encode(&planes, self.quality);
        encoded.map_err(|reason| JpegError::Encode {
            width: frame.width(),
            height: frame.height(),
            reason,
        })
    }
}

/// The frame as a JPEG holds it: gray, or I420.
fn planes(frame: &Frame) -> Result<Frame, ConvertError> {
    match frame.format() {
        PixelFormat::Gray8 => Ok(frame.clone()),
        _ => frame.convert_to(PixelFormat::I420, ColorSpace::JPEG),
    }
}

#[cfg(not(feature = "turbojpeg"))]
mod pure {
    //! The encoder that needs no C.

    use jpeg_encoder::{ImageBuffer, JpegColorType, SamplingFactor};

    use crate::{Frame, PixelFormat};

    pub(super) fn encode(frame: &Frame, quality: u8) -> Result<Vec<u8>, String> {
        let pixels = frame.width() as usize * frame.height() as usize;
        let mut file = Vec::with_capacity(pixels / 8 + HEADER_BYTES);
        let mut encoder = jpeg_encoder::Encoder::new(&mut file, quality);
        encoder.set_sampling_factor(SamplingFactor::F_2_2);
        encoder.encode_image(Rows(frame)).map_err(|error| error.to_string())?;
        Ok(file)
    }

    /// Hands the planes to the encoder, which wants all of them at full size and then takes every
    /// second sample of every second row of the chroma.
    struct Rows<'a>(&'a Frame);

    impl ImageBuffer for Rows<'_> {
        fn get_jpeg_color_type(&self) -> JpegColorType {
            match self.0.format() {
                PixelFormat::Gray8 => JpegColorType::Luma,
                _ => JpegColorType::Ycbcr,
            }
        }

        fn width(&self) -> u16 {
            self.0.width() as u16
        }

        fn height(&self) -> u16 {
            self.0.height() as u16
        }

        fn fill_buffers(&self, y: u16, buffers: &mut [Vec<u8>; 4]) {
            let width = self.0.width() as usize;
            buffers[0].extend_from_slice(self.row(0, usize::from(y), width));
            // The last row stands for all that are missing below it.
            let is_sampled = y.is_multiple_of(2) || y + 1 == self.height();
            for (plane, buffer) in
                buffers.iter_mut().enumerate().take(self.0.planes().len()).skip(1)
            {
                let start = buffer.len();
                buffer.resize(start + width, 0);
                if is_sampled {
                    let samples = self.row(plane, usize::from(y / 2), width.div_ceil(2));
                    for (pair, &sample) in buffer[start..].chunks_mut(2).zip(samples) {
                        pair.fill(sample);
                    }
                }
            }
        }
    }

    impl Rows<'_> {
        fn row(&self, plane: usize, row: usize, length: usize) -> &[u8] {
            let plane = &self.0.planes()[plane];
            &plane.data[row * plane.stride..][..length]
        }
    }

    const HEADER_BYTES: usize = 1024;
}
