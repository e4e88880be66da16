//! Decoding.

use std::panic::{AssertUnwindSafe, catch_unwind};

use zune_jpeg::JpegDecoder;
use zune_jpeg::zune_core::bytestream::ZCursor;
use zune_jpeg::zune_core::colorspace::ColorSpace;
use zune_jpeg::zune_core::options::DecoderOptions;

use super::JpegError;
use super::header::Header;
use crate::convert::swap_channels;
use crate::{Frame, PixelFormat};

/// Decodes a picture.
///
/// Straight to [`Rgb24`](PixelFormat::Rgb24), [`Bgr24`](PixelFormat::Bgr24) and
/// [`Gray8`](PixelFormat::Gray8); to other formats by way of RGB. Bytes after the picture's end are
/// ignored.
///
/// # Errors
///
/// If the bytes are not a JPEG, are cut off or damaged, or claim a size that is out of bounds. No
/// memory is taken for pixels before the header has been checked.
pub fn decode(data: &[u8], format: PixelFormat) -> Result<Frame, JpegError> {
    let header = Header::read(data)?;
    header.check_end(data)?;
    let direct = match format {
        PixelFormat::Bgr24 | PixelFormat::Gray8 => format,
        _ => PixelFormat::Rgb24,
    };
    Ok(decode_direct(data, &header, direct)?.convert(format)?)
}

fn decode_direct(data: &[u8], header: &Header, format: PixelFormat) -> Result<Frame, JpegError> {
    // What libjpeg-turbo refuses may still be fine: it is stricter about damage that does not matter.
    #[cfg(feature = "turbojpeg")]
    if let Some(frame) = super::turbo::decode(data, header, format) {
        return Ok(frame);
    }
    decode_pure(data, header, format)
}

/// Decodes without C.
pub(super) fn decode_pure(
    data: &[u8],
    header: &Header,
    format: PixelFormat,
) -> Result<Frame, JpegError> {
    match format {
        PixelFormat::Gray8 if header.components == 1 => {
            let gray = decode_pixels(data, header, ColorSpace::Luma)?;
            frame(header, PixelFormat::Gray8, gray)
        }
        // The decoder's own way from colours to gray is wrong for some subsamplings.
        PixelFormat::Gray8 => {
            let rgb = decode_pixels(data, header, ColorSpace::RGB)?;
            Ok(frame(header, PixelFormat::Rgb24, rgb)?.convert(PixelFormat::Gray8)?)
        }
        // Swapping channels afterwards is faster than the decoder's own BGR, which has no vector code.
        PixelFormat::Bgr24 => {
            let mut pixels = decode_pixels(data, header, ColorSpace::RGB)?;
            swap_channels(&mut pixels, header.width)?;
            frame(header, PixelFormat::Bgr24, pixels)
        }
        _ => {
            let rgb = decode_pixels(data, header, ColorSpace::RGB)?;
            frame(header, PixelFormat::Rgb24, rgb)
        }
    }
}

fn decode_pixels(data: &[u8], header: &Header, colours: ColorSpace) -> Result<Vec<u8>, JpegError> {
    let (width, height) = (header.width as usize, header.height as usize);
    let mut pixels = vec![0; width * height * colours.num_components()];
    let options = DecoderOptions::default()
        .set_max_width(width)
        .set_max_height(height)
        .set_strict_mode(true)
        .jpeg_set_out_colorspace(colours);
    // The decoder has panicked on damaged pictures before, and a peer must not be able to cause that.
    let decoded = catch_unwind(AssertUnwindSafe(|| {
        JpegDecoder::new_with_options(ZCursor::new(data), options).decode_into(&mut pixels)
    }));
    match decoded {
        Ok(Ok(())) => Ok(pixels),
        Ok(Err(error)) => Err(failed(header, error)),
        Err(_) => Err(failed(header, "the decoder gave up")),
    }
}

fn frame(header: &Header, format: PixelFormat, pixels: Vec<u8>) -> Result<Frame, JpegError> {
    Frame::packed(format, header.width, header.height, pixels)
        .map_err(|error| failed(header, error))
}

fn failed(header: &Header, reason: impl ToString) -> JpegError {
    JpegError::Decode { width: header.width, height: header.height, reason: reason.to_string() }
}
