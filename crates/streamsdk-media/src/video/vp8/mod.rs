//! VP8 through libvpx.

mod decoding;
mod encoding;
mod libvpx;

pub(super) use self::decoding::Vp8Decoding;
pub(super) use self::encoding::Vp8Encoding;
