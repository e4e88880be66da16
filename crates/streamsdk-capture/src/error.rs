//! What can go wrong between a producer and whoever takes its frames.

use std::time::Duration;

use thiserror::Error;

/// Why a producer cannot be opened, or gives no frame.
///
/// `origin` is what the frames come from: a device, a file, or an address without its credentials.
#[derive(Debug, Clone, PartialEq, Eq, Error)]
#[non_exhaustive]
pub enum CaptureError {
    /// No frame came in the time that the caller was ready to wait. The next call may give one.
    #[error("no frame came within {waited:?}")]
    TimedOut {
        /// How long the caller was ready to wait.
        waited: Duration,
    },
    /// [`StopHandle::stop`](crate::StopHandle::stop) was called.
    #[error("the producer was stopped")]
    Stopped,
    /// There are no more frames, as is to be expected of a file.
    #[error("there are no more frames")]
    EndOfStream,
    /// The source went away: a server closed the connection, a camera was unplugged.
    #[error("{origin} is gone: {reason}")]
    Disconnected {
        /// What the frames came from.
        origin: String,
        /// What was seen of it.
        reason: String,
    },
    /// The connection stands, but no video comes through it.
    #[error("{origin} sent no video for {waited:?}")]
    Silent {
        /// What the frames came from.
        origin: String,
        /// How long nothing came.
        waited: Duration,
    },
    /// Somebody else uses the device.
    #[error("{origin} is in use by another program")]
    Busy {
        /// The device.
        origin: String,
    },
    /// This user may not use the device.
    #[error("{origin} may not be used by this user, who may have to be in the group \"video\"")]
    PermissionDenied {
        /// The device.
        origin: String,
    },
    /// What was asked for may be any of several.
    #[error("which {wanted} is not clear; there are {candidates}")]
    Ambiguous {
        /// What was asked for.
        wanted: String,
        /// Those that it may be.
        candidates: String,
    },
    /// What was asked for cannot be had.
    #[error("{wanted} is not supported; there is {offered}")]
    Unsupported {
        /// What was asked for.
        wanted: String,
        /// What there is instead.
        offered: String,
    },
    /// The address cannot be one. It is not repeated here, since it may hold a password.
    #[error("the address is wrong: {reason}")]
    InvalidUrl {
        /// What is wrong with it.
        reason: &'static str,
    },
    /// Nothing listens at the address.
    #[error("{origin} refused the connection")]
    Refused {
        /// The address.
        origin: String,
    },
    /// The server wants a user and a password, or others than it was given.
    #[error("{origin} wants other credentials")]
    Unauthorized {
        /// The address.
        origin: String,
    },
    /// There is no way to the server, or it does not answer.
    #[error("{origin} cannot be reached: {reason}")]
    Unreachable {
        /// The address.
        origin: String,
        /// What stood in the way.
        reason: String,
    },
    /// The address is none that may be connected to, or its server names such a one
    /// (`NetworkStreamOptions::only_addresses`).
    #[error("{origin} is, or leads to, an address that is not allowed")]
    NotAllowed {
        /// The address.
        origin: String,
    },
    /// There is no such stream or device.
    #[error("there is no {origin}")]
    NotFound {
        /// What was asked for.
        origin: String,
    },
    /// The server answered that it will not give the stream.
    #[error("{origin} turned the request down: {reason}")]
    Rejected {
        /// The address.
        origin: String,
        /// What it said.
        reason: String,
    },
    /// What came is not a video, or has none in it.
    #[error("{origin} is not a video: {reason}")]
    NotVideo {
        /// What the frames should have come from.
        origin: String,
        /// What is wrong with it.
        reason: String,
    },
    /// Video came, but decoding it cannot go on.
    #[error("decoding the video of {origin} failed: {reason}")]
    Decode {
        /// What the frames came from.
        origin: String,
        /// What failed.
        reason: String,
    },
    /// Anything else.
    #[error("{origin} failed: {reason}")]
    Failed {
        /// What the frames come from.
        origin: String,
        /// What happened.
        reason: String,
    },
}

impl CaptureError {
    /// Whether merely no frame came yet: the same producer can be asked again.
    pub fn is_timeout(&self) -> bool {
        matches!(self, Self::TimedOut { .. })
    }

    /// Whether this is an end as it should be: no more frames, or stopped.
    pub fn is_end(&self) -> bool {
        matches!(self, Self::EndOfStream | Self::Stopped)
    }

    /// Whether the same may succeed later: asking again after a time-out, opening anew otherwise.
    pub fn is_retryable(&self) -> bool {
        matches!(
            self,
            Self::TimedOut { .. }
                | Self::Disconnected { .. }
                | Self::Silent { .. }
                | Self::Busy { .. }
                | Self::Refused { .. }
                | Self::Unreachable { .. }
        )
    }
}
