//! What can be seen of encoded data without decoding it.

use thiserror::Error;

use crate::{VideoCodec, h264, vp8};

/// What belongs to one frame, as far as it can be seen without decoding it.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct FrameInfo {
    /// What it is.
    pub content: FrameContent,
    /// Width and height in pixels that a decoder would make room for, in whole macroblocks of 16; `None`
    /// if the data does not say. If it says several, the largest of each.
    pub size: Option<(u32, u32)>,
}

/// What a piece of a stream is.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum FrameContent {
    /// A picture that refers to no other.
    KeyFrame,
    /// A picture that refers to others.
    OtherFrame,
    /// No picture, only headers.
    Headers,
}

/// Why nothing can be said about encoded data.
#[derive(Debug, Clone, PartialEq, Eq, Error)]
pub enum BitstreamError {
    /// The stream is of a kind that is not decoded here, such as interlaced.
    #[error("{codec} video that is {what} is not decoded")]
    Unsupported {
        /// The codec.
        codec: VideoCodec,
        /// What it is.
        what: String,
    },
    /// The data is damaged.
    #[error("the {codec} data is damaged: {reason}")]
    Corrupt {
        /// The codec.
        codec: VideoCodec,
        /// What was found.
        reason: String,
    },
}

/// Looks at what belongs to one frame: for H264 all NAL units, each behind a start code (Annex B).
///
/// # Errors
///
/// If the data is damaged where it was looked at, or describes pictures of a kind that is not decoded:
/// for H264 other than progressive 4:2:0 with 8 bits in Baseline, Main or High profile.
pub fn inspect(codec: VideoCodec, data: &[u8]) -> Result<FrameInfo, BitstreamError> {
    match codec {
        VideoCodec::Vp8 => vp8::inspect(data),
        VideoCodec::H264 => h264::inspect(data),
    }
}
