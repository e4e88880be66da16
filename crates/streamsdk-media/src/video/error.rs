//! What can go wrong.

use streamsdk_codec::{BitstreamError, VideoCodec};
use thiserror::Error;

use crate::ConvertError;

/// Why there is no encoder or decoder.
#[derive(Debug, Clone, PartialEq, Eq, Error)]
#[non_exhaustive]
pub enum OpenError {
    /// The crate was built without the codec.
    #[error("{codec} was left out of this build: the feature \"{}\" is needed", feature(*codec))]
    NotBuilt {
        /// The codec that was asked for.
        codec: VideoCodec,
    },
    /// The system's FFmpeg has no encoder for the codec.
    #[error("this FFmpeg has no encoder for {codec}")]
    NoEncoder {
        /// The codec that was asked for.
        codec: VideoCodec,
    },
    /// The system's FFmpeg has no decoder for the codec, or cannot start it.
    #[error("no decoder for {codec}: {reason}")]
    NoDecoder {
        /// The codec that was asked for.
        codec: VideoCodec,
        /// What FFmpeg said.
        reason: String,
    },
}

/// Why a frame was not encoded.
#[derive(Debug, Clone, PartialEq, Eq, Error)]
#[non_exhaustive]
pub enum EncodeError {
    /// The frame does not say when it belongs.
    #[error("a frame without a timestamp cannot be sent as video")]
    NoTimestamp,
    /// The codec has no such size.
    #[error("a frame of {width}x{height} is too large for {codec}: {limit} in each direction")]
    TooLarge {
        /// The codec.
        codec: VideoCodec,
        /// Width of the frame.
        width: u32,
        /// Height of the frame.
        height: u32,
        /// Largest width and height.
        limit: u32,
    },
    /// The frame could not be brought to I420.
    #[error(transparent)]
    Convert(#[from] ConvertError),
    /// The encoder refused its settings or the frame.
    #[error("encoding {width}x{height} as {codec} failed: {reason}")]
    Encoder {
        /// The codec.
        codec: VideoCodec,
        /// Width of the frame.
        width: u32,
        /// Height of the frame.
        height: u32,
        /// What the encoder said.
        reason: String,
    },
}

/// Why there is no frame.
#[derive(Debug, Clone, PartialEq, Eq, Error)]
#[non_exhaustive]
pub enum DecodeError {
    /// The data depends on frames that the decoder does not have: the sender must be asked for a
    /// key frame.
    #[error("decoding {codec} can only begin with a key frame")]
    KeyFrameNeeded {
        /// The codec.
        codec: VideoCodec,
    },
    /// The stream says that its pictures are larger than allowed.
    #[error("{codec} pictures of {width}x{height} are larger than {max_pixels} pixels")]
    TooLarge {
        /// The codec.
        codec: VideoCodec,
        /// The width that it claims.
        width: u32,
        /// The height that it claims.
        height: u32,
        /// What is allowed.
        max_pixels: u32,
    },
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

/// The crate's feature for a codec.
fn feature(codec: VideoCodec) -> &'static str {
    match codec {
        VideoCodec::Vp8 => "vp8",
        VideoCodec::H264 => "h264",
    }
}

impl From<BitstreamError> for DecodeError {
    fn from(error: BitstreamError) -> Self {
        match error {
            BitstreamError::Unsupported { codec, what } => Self::Unsupported { codec, what },
            BitstreamError::Corrupt { codec, reason } => Self::Corrupt { codec, reason },
        }
    }
}

impl DecodeError {
    /// Whether the sender should be asked for a key frame: only that can help. Not so for a stream
    /// whose next key frame will be refused for the same reason.
    pub fn needs_key_frame(&self) -> bool {
        matches!(self, Self::KeyFrameNeeded { .. } | Self::Corrupt { .. })
    }
}
