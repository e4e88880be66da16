//! H264 through FFmpeg.

mod decoding;
mod encoding;
pub(super) mod raw;

pub(super) use self::decoding::H264Decoding;
pub(super) use self::encoding::{H264Encoding, is_available};
