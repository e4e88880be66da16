//! What can be seen of encoded data without decoding it. A decoder is only given what passed here.

mod h264;
mod vp8;

use super::{Codec, DecodeError};
use crate::MAX_DIMENSION;

/// What a piece of a stream is.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Content {
    /// A picture that refers to no other.
    KeyFrame,
    /// A picture that refers to others.
    OtherFrame,
    /// No picture, only headers.
    Headers,
}

/// Looks at what belongs to one frame.
///
/// # Errors
///
/// If the data is damaged where it was looked at, or describes pictures that are not decoded.
pub(super) fn look(codec: Codec, data: &[u8], max_pixels: u32) -> Result<Content, DecodeError> {
    if data.len() > MAX_FRAME_BYTES {
        let reason = format!("{} bytes for one frame", data.len());
        return Err(DecodeError::Corrupt { codec, reason });
    }
    let check = |width, height| check_size(codec, width, height, max_pixels);
    match codec {
        Codec::Vp8 => vp8::look(data, check),
        Codec::H264 => h264::look(data, check),
    }
}

fn check_size(codec: Codec, width: u32, height: u32, max_pixels: u32) -> Result<(), DecodeError> {
    let pixels = u64::from(width) * u64::from(height);
    match pixels {
        0 => Err(DecodeError::Corrupt { codec, reason: "a picture without pixels".to_owned() }),
        _ if pixels > max_pixels.into() || width.max(height) > MAX_DIMENSION => {
            Err(DecodeError::TooLarge { codec, width, height, max_pixels })
        }
        _ => Ok(()),
    }
}

/// More than any frame takes, and less than FFmpeg can take, in bytes.
const MAX_FRAME_BYTES: usize = 1 << 28;
