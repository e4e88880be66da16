//! The first bytes of a VP8 frame (RFC 6386, section 9.1).

use super::Content;
use crate::video::{Codec, DecodeError};

/// Tells key frames from others, and hands the size in a key frame to `check`.
pub(super) fn look(
    data: &[u8],
    check: impl Fn(u32, u32) -> Result<(), DecodeError>,
) -> Result<Content, DecodeError> {
    match *data {
        [tag, _, _, ..] if tag & 1 != 0 => Ok(Content::OtherFrame),
        [_, _, _, 0x9d, 0x01, 0x2a, w0, w1, h0, h1, ..] => {
            // The upper two bits ask for scaling, which receivers may ignore.
            let side = |low, high| u32::from(u16::from_le_bytes([low, high]) & 0x3fff);
            let whole = |side: u32| side.next_multiple_of(16);
            let (width, height) = (side(w0, w1), side(h0, h1));
            check(whole(width), whole(height))?;
            Ok(Content::KeyFrame)
        }
        _ => Err(DecodeError::Corrupt {
            codec: Codec::Vp8,
            reason: format!("no frame header in {} bytes", data.len()),
        }),
    }
}
