//! Why there is no frame.

use std::convert::Infallible;

use thiserror::Error;

use crate::{MAX_DIMENSION, PixelFormat};

/// Why a frame cannot be made.
#[derive(Debug, Clone, PartialEq, Eq, Error)]
#[non_exhaustive]
pub enum InvalidFrame {
    /// Width or height is zero.
    #[error("a frame of {width}x{height} has no pixels")]
    Empty {
        /// The width that was asked for.
        width: u32,
        /// The height that was asked for.
        height: u32,
    },
    /// Width or height is beyond [`MAX_DIMENSION`].
    #[error("a frame of {width}x{height} is larger than {MAX_DIMENSION} in one direction")]
    TooLarge {
        /// The width that was asked for.
        width: u32,
        /// The height that was asked for.
        height: u32,
    },
    /// A part reaches beyond its picture.
    #[error(
        "{width}x{height} pixels from {left}, {top} on are not within a frame of {of_width}x{of_height}"
    )]
    Outside {
        /// Pixels from the left edge of the picture to the part.
        left: u32,
        /// Pixels from the top edge of the picture to the part.
        top: u32,
        /// Width of the part.
        width: u32,
        /// Height of the part.
        height: u32,
        /// Width of the picture.
        of_width: u32,
        /// Height of the picture.
        of_height: u32,
    },
    /// An array has neither three channels, for RGB, nor one, for gray.
    #[error("an array of {actual} channels is no picture: a picture has 3 (RGB) or 1 (gray)")]
    Channels {
        /// How many it has.
        actual: usize,
    },
    /// There are more or fewer planes than the format has.
    #[error("{format} has {expected} planes, not {actual}")]
    PlaneCount {
        /// The format.
        format: PixelFormat,
        /// How many planes it has.
        expected: usize,
        /// How many were given.
        actual: usize,
    },
    /// The rows of a plane would overlap, or lie absurdly far apart.
    #[error("plane {plane} has a stride of {actual} bytes for rows of {row_bytes}")]
    Stride {
        /// Which plane.
        plane: usize,
        /// Bytes in one of its rows.
        row_bytes: usize,
        /// The stride that was given.
        actual: usize,
    },
    /// There are not as many bytes as the picture takes.
    #[error("plane {plane} has {actual} bytes, expected {expected}")]
    Length {
        /// Which plane; the first for a packed frame.
        plane: usize,
        /// How many bytes the picture takes: exactly for a packed frame, at least for a plane.
        expected: usize,
        /// How many were given.
        actual: usize,
    },
}

/// A frame can be made of a frame. So whoever takes frames can take everything that one can be made of.
impl From<Infallible> for InvalidFrame {
    fn from(never: Infallible) -> Self {
        match never {}
    }
}
