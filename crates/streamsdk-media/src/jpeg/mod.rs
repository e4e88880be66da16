//! JPEG: decoding what a server sends, encoding what goes to one.
//!
//! JPEG is BT.601 in full range. Decoding gives RGB, BGR or gray without a detour; encoding takes
//! every [`PixelFormat`] and stores chroma at half the width and height (4:2:0).
//!
//! With the feature `turbojpeg` both go through libjpeg-turbo. The results differ by rounding.

mod decode;
mod encode;
mod header;
#[cfg(feature = "turbojpeg")]
mod turbo;

use thiserror::Error;

pub use self::decode::decode;
pub use self::encode::Encoder;
pub use self::header::{MAX_PIXELS, dimensions};
#[cfg(doc)]
use crate::PixelFormat;
use crate::{ConvertError, MAX_DIMENSION};

/// Why a picture cannot be decoded or encoded.
#[derive(Debug, Clone, PartialEq, Eq, Error)]
#[non_exhaustive]
pub enum JpegError {
    /// The bytes do not start as a JPEG does.
    #[error("{length} bytes that are not a JPEG")]
    NotJpeg {
        /// How many bytes were given.
        length: usize,
    },
    /// The bytes end before the picture does.
    #[error("the JPEG is cut off after {length} bytes")]
    Truncated {
        /// How many bytes were given.
        length: usize,
    },
    /// The header is against the rules, or of a kind of JPEG that is not supported.
    #[error("the JPEG's header is wrong: {reason}")]
    Header {
        /// What is wrong with it.
        reason: &'static str,
    },
    /// The picture is larger than [`MAX_DIMENSION`] or [`MAX_PIXELS`] allow.
    #[error(
        "a JPEG of {width}x{height} is larger than {MAX_DIMENSION} in one direction or \
         {MAX_PIXELS} pixels"
    )]
    TooLarge {
        /// Width that the header claims.
        width: u32,
        /// Height that the header claims.
        height: u32,
    },
    /// The header claims more pixels than so few bytes can hold.
    #[error("{length} bytes cannot hold a JPEG of {width}x{height}")]
    TooShort {
        /// Width that the header claims.
        width: u32,
        /// Height that the header claims.
        height: u32,
        /// How many bytes were given.
        length: usize,
    },
    /// The header is fine, but the picture is damaged or of a kind that is not supported.
    #[error("decoding a JPEG of {width}x{height} failed: {reason}")]
    Decode {
        /// Width of the picture.
        width: u32,
        /// Height of the picture.
        height: u32,
        /// What the decoder said.
        reason: String,
    },
    /// The encoder refused.
    #[error("encoding a frame of {width}x{height} as JPEG failed: {reason}")]
    Encode {
        /// Width of the frame.
        width: u32,
        /// Height of the frame.
        height: u32,
        /// What the encoder said.
        reason: String,
    },
    /// The pixels could not be brought into the form that was asked for.
    #[error(transparent)]
    Convert(#[from] ConvertError),
}

#[cfg(test)]
mod tests;
