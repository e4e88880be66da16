//! H264 through FFmpeg.

mod decoding;
mod encoding;
pub(super) mod raw;

pub(super) use self::decoding::Decoding;
pub(super) use self::encoding::{Encoding, is_available};
