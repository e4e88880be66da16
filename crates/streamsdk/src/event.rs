use std::fmt;
use std::time::Duration;

use crate::error::Error;
use crate::frame::{FrameData, ReceivedFrame};
use crate::stats::{Summary, UploadProgress};

/// What happens in a session.
#[derive(Debug, Clone)]
#[non_exhaustive]
pub enum Event {
    /// The upload got on. Only the newest is kept for a caller that is late.
    Upload(UploadProgress),
    /// A frame came back, with its image and everything the server said about it.
    Frame(ReceivedFrame),
    /// The server said something about a frame, without an image.
    Data(FrameData),
    /// The connection was lost, or could not be made again, and will be made again.
    Reconnecting(Reconnecting),
    /// The session goes on over another connection.
    Reconnected(Reconnected),
    /// The session has ended, and something that was promised is missing, damaged or failed: the summary says
    /// what. The last event of such a session.
    Incomplete(Box<Summary>),
}

impl Event {
    /// It is not the session's any more.
    pub(crate) fn let_go(&mut self) {
        match self {
            Self::Frame(frame) => frame.let_go(),
            Self::Data(data) => data.let_go(),
            _ => {}
        }
    }
}

/// A connection that will be made again.
#[derive(Debug, Clone)]
#[non_exhaustive]
pub struct Reconnecting {
    /// Which attempt comes next, from 1, since a connection gave a result that was new.
    pub attempt: u32,
    /// Why there is no connection.
    pub cause: Error,
    /// How long is waited before the attempt.
    pub wait: Duration,
}

/// A connection that was made again.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
#[non_exhaustive]
pub struct Reconnected {
    /// Which connection of the session it is: 2 after the first loss.
    pub link: u32,
    /// Frames that were on the way when the connection before was lost, and will not be answered.
    pub lost: u64,
}

impl fmt::Display for Reconnecting {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let Self { attempt, cause, wait } = self;
        write!(f, "{cause}; connecting again in {:.1} s (attempt {attempt})", wait.as_secs_f64())
    }
}

impl fmt::Display for Reconnected {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "connected again; frames lost on the way: {}", self.lost)
    }
}
