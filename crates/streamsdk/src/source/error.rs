use std::path::PathBuf;

use streamsdk_capture::CaptureError;
use streamsdk_media::InvalidFrame;
use streamsdk_transport::SendError;
use streamsdk_video::SendFramesError;
use thiserror::Error;

/// A source that cannot be used, or that failed.
#[derive(Debug, Error)]
#[non_exhaustive]
pub enum SourceError {
    /// A file cannot be used, or changed while it was sent.
    #[error(transparent)]
    File(#[from] FileError),
    /// A URL is not of the kind that the source takes.
    #[error(transparent)]
    Url(#[from] UrlError),
    /// A file could not be downloaded.
    #[cfg(feature = "url")]
    #[error(transparent)]
    Download(#[from] streamsdk_download::DownloadError),
    /// A camera or a stream cannot be used.
    #[error(transparent)]
    Capture(#[from] CaptureError),
    /// Frames could not be made, encoded or sent.
    #[error(transparent)]
    Frames(#[from] SendFramesError),
    /// The connection took no more.
    #[error(transparent)]
    Send(#[from] SendError),
    /// The server takes no video.
    #[error("the server refused the video track")]
    NoVideo,
    /// The server returns nothing, and takes no more than a track.
    #[error(
        "the server takes video on a track and nothing else: a file that is uploaded, or a camera that the server \
         pulls, cannot be published. A `ProducerSource` can, which sends the frames of a file or a camera"
    )]
    NotPublishable,
    /// The caller stopped it.
    #[error("the upload was cancelled")]
    Cancelled,
    /// For sources outside this crate.
    #[error(transparent)]
    Other(Box<dyn std::error::Error + Send + Sync>),
}

impl SourceError {
    /// Whether it may be otherwise later, with nothing changed.
    pub(crate) fn is_transient(&self) -> bool {
        #[cfg(feature = "url")]
        if let Self::Download(error) = self {
            return error.is_retryable();
        }
        false
    }
}

/// A file that cannot be uploaded.
#[derive(Debug, Error)]
#[non_exhaustive]
pub enum FileError {
    /// There is no such file.
    #[error("there is no file {}", path.display())]
    NotFound {
        /// The file.
        path: PathBuf,
    },
    /// It is a directory or another thing that is no file.
    #[error("{} is not a file", path.display())]
    NotAFile {
        /// The path.
        path: PathBuf,
    },
    /// The file has no bytes; a server would wait for them for ever.
    #[error("{} is empty", path.display())]
    Empty {
        /// The file.
        path: PathBuf,
    },
    /// The file has more bytes than the upload format can count.
    #[error("{} is too large to be uploaded ({bytes} bytes)", path.display())]
    TooLarge {
        /// The file.
        path: PathBuf,
        /// Its size in bytes.
        bytes: u64,
    },
    /// The file cannot be opened or read.
    #[error("{} cannot be read: {error}", path.display())]
    Unreadable {
        /// The file.
        path: PathBuf,
        /// What the system says.
        error: std::io::Error,
    },
    /// The file lost bytes while it was uploaded.
    #[error("{} shrank while it was uploaded: of {expected} bytes only {found} are left", path.display())]
    Shrank {
        /// The file.
        path: PathBuf,
        /// Its size in bytes when it was opened.
        expected: u64,
        /// Bytes that could be read.
        found: u64,
    },
    /// The file got more bytes while it was uploaded.
    #[error("{} grew while it was uploaded: it had {expected} bytes", path.display())]
    Grew {
        /// The file.
        path: PathBuf,
        /// Its size in bytes when it was opened.
        expected: u64,
    },
}

/// A URL with another scheme than a source takes.
#[derive(Debug, Clone, PartialEq, Eq, Error)]
#[error("the URL must begin with {expected}, not with {found:?}")]
#[non_exhaustive]
pub struct UrlError {
    /// What it may begin with.
    pub expected: &'static str,
    /// The scheme that was given; empty if there was none.
    pub found: String,
}

/// A frame that was not sent.
#[derive(Debug, Clone, PartialEq, Eq, Error)]
#[non_exhaustive]
pub enum FrameSendError {
    /// What was sent is no frame, and none can be made of it.
    #[error("what was sent is no frame: {0}")]
    NoFrame(InvalidFrame),
    /// The session did not come up in time.
    #[error("the session is not up yet")]
    NotReady,
    /// The frames or the session have ended.
    #[error("the frames or the session have ended")]
    Ended,
    /// Frames come faster than they are encoded. The frame was left out.
    #[error("the queue of frames is full")]
    Full,
}
