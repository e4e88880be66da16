use std::process::ExitCode;

use streamsdk::{Error, ErrorKind, SourceError};
use thiserror::Error as ThisError;

/// What ends the program early.
#[derive(Debug, ThisError)]
pub(crate) enum Failure {
    #[error("{0}")]
    Usage(String),
    #[error(transparent)]
    Source(#[from] SourceError),
    #[error(transparent)]
    Session(#[from] Error),
    #[error("{0}")]
    Internal(String),
}

impl Failure {
    #[expect(clippy::print_stderr, reason = "this is the program's voice")]
    pub(crate) fn print(&self) {
        eprintln!("error: {self}");
    }

    pub(crate) fn exit_code(&self) -> ExitCode {
        ExitCode::from(match self {
            Self::Usage(_) => 2,
            Self::Source(_) => 3,
            Self::Internal(_) => 1,
            Self::Session(error) => match error.kind() {
                ErrorKind::Config => 2,
                ErrorKind::Source => 3,
                ErrorKind::Unreachable | ErrorKind::Ice | ErrorKind::Handshake => 4,
                ErrorKind::Rejected | ErrorKind::BadAnswer => 5,
                ErrorKind::Auth | ErrorKind::Quota => 6,
                ErrorKind::Timeout => 7,
                ErrorKind::ConnectionLost => 8,
                ErrorKind::Processing => 9,
                _ => 1,
            },
        })
    }
}

/// Interrupted by the user, as shells have it.
pub(crate) const INTERRUPTED: u8 = 130;
