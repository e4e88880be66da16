//! What can go wrong.

use std::path::{Path, PathBuf};

use thiserror::Error;

use crate::CaptureError;

/// Why a video file cannot be opened or read.
#[derive(Debug, Clone, PartialEq, Eq, Error)]
#[non_exhaustive]
pub enum VideoFileError {
    /// There is no such file.
    #[error("there is no file {}", path.display())]
    NotFound {
        /// The path.
        path: PathBuf,
    },
    /// The file is not one that can be read as a video.
    #[error("opening the video {} failed: {reason}", path.display())]
    Open {
        /// The path.
        path: PathBuf,
        /// What is wrong with it.
        reason: String,
    },
    /// The file has no video stream; it may have sound, or a cover picture.
    #[error("{} has no video stream", path.display())]
    NoVideoStream {
        /// The path.
        path: PathBuf,
    },
    /// FFmpeg has no decoder for the video.
    #[error("the video {} is in a codec that this FFmpeg cannot decode: {codec}", path.display())]
    UnknownCodec {
        /// The path.
        path: PathBuf,
        /// FFmpeg's name for the codec.
        codec: String,
    },
    /// The file came to its end without a single frame.
    #[error(
        "nothing in the video {} could be decoded ({skipped_packets} damaged packets)",
        path.display()
    )]
    NothingDecoded {
        /// The path.
        path: PathBuf,
        /// How many packets were damaged.
        skipped_packets: u64,
    },
    /// Decoding cannot go on.
    #[error("decoding the video {} failed: {reason}", path.display())]
    Decode {
        /// The path.
        path: PathBuf,
        /// What failed.
        reason: String,
    },
}

impl VideoFileError {
    /// The same of a file that is called otherwise than by its path, as one that was stored under another
    /// name.
    pub fn about(self, origin: impl ToString) -> CaptureError {
        let origin = origin.to_string();
        let reason = match self {
            Self::NotFound { .. } => return CaptureError::NotFound { origin },
            Self::Decode { reason, .. } => return CaptureError::Decode { origin, reason },
            Self::Open { reason, .. } => reason,
            Self::NoVideoStream { .. } => "it has no video stream".to_owned(),
            Self::UnknownCodec { codec, .. } => {
                format!("it is in a codec that this FFmpeg cannot decode: {codec}")
            }
            Self::NothingDecoded { skipped_packets, .. } => {
                format!("nothing in it could be decoded ({skipped_packets} damaged packets)")
            }
        };
        CaptureError::NotVideo { origin, reason }
    }

    pub(super) fn open(path: &Path, reason: impl ToString) -> Self {
        Self::Open { path: path.to_owned(), reason: reason.to_string() }
    }
}
