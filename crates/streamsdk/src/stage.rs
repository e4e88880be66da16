use std::fmt;

/// What was being done.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
#[non_exhaustive]
pub enum Stage {
    /// Reading settings or opening the source.
    Preparing,
    /// Asking the server for a session.
    Requesting,
    /// Connecting to the server's peer.
    Connecting,
    /// Uploading a file.
    Uploading,
    /// Waiting for the first result.
    FirstFrame,
    /// Receiving results.
    Streaming,
    /// Sending video to a server that returns nothing.
    Publishing,
}

impl fmt::Display for Stage {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            Self::Preparing => "preparing the session",
            Self::Requesting => "asking the server for a session",
            Self::Connecting => "connecting to the server",
            Self::Uploading => "uploading",
            Self::FirstFrame => "waiting for the first result",
            Self::Streaming => "receiving results",
            Self::Publishing => "publishing",
        })
    }
}
