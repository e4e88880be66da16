//! VP8 through libvpx.

mod decoding;
mod encoding;
mod libvpx;

pub(super) use self::decoding::Decoding;
pub(super) use self::encoding::Encoding;
