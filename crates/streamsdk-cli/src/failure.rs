use std::io;
use std::process::ExitCode;

use streamsdk::{Diagnosis, Error, ErrorKind, Finding, SourceError};
use streamsdk_fleet::{OpenSourceError, StreamError};
use thiserror::Error as ThisError;

use crate::secrets;

/// What ends the program early.
#[derive(Debug, ThisError)]
pub(crate) enum Failure {
    #[error("{0}")]
    Usage(String),
    /// A command line that cannot be understood, in the words of its parser.
    #[error("{0}")]
    CommandLine(String),
    #[error(transparent)]
    Source(#[from] SourceError),
    #[error(transparent)]
    Session(#[from] Error),
    /// Results could not be written down.
    #[error("{0}")]
    Output(String),
    /// Whoever read the results went away, which they may.
    #[error("nobody reads the output")]
    ReaderGone,
    #[error("{0}")]
    Internal(String),
}

impl Failure {
    /// An output that could not be written; `what` says which and how far it got.
    pub(crate) fn writing(what: &str, error: io::Error) -> Self {
        match error.kind() {
            io::ErrorKind::BrokenPipe => Self::ReaderGone,
            _ => Self::Output(format!("{what}: {error}")),
        }
    }

    /// Something on the command line that cannot be.
    pub(crate) fn usage(error: impl std::error::Error) -> Self {
        Self::Usage(error.to_string())
    }

    /// Something that this program could not have.
    #[cfg(feature = "fleet")]
    pub(crate) fn internal(error: impl std::error::Error) -> Self {
        Self::Internal(with_causes(&error))
    }

    /// What people are told, if anything; `colored` is whether they see colours.
    pub(crate) fn text(&self, colored: bool) -> Option<String> {
        let text = match self {
            Self::ReaderGone => return None,
            Self::CommandLine(text) => text.trim_end().to_owned(),
            _ if colored => format!("\x1b[1;31merror:\x1b[0m {}", with_causes(self)),
            _ => format!("error: {}", with_causes(self)),
        };
        let found = self.found().map(|finding| format!("\n{finding}"));
        Some(secrets::hide(&found.fold(text, |text, finding| text + &finding)))
    }

    /// What was found to be wrong, where no session came about.
    fn found(&self) -> impl Iterator<Item = &Finding> {
        let diagnosis = match self {
            Self::Session(error) => error.diagnosis(),
            _ => None,
        };
        diagnosis.into_iter().flat_map(Diagnosis::wrong)
    }

    pub(crate) fn exit_code(&self) -> ExitCode {
        ExitCode::from(match self {
            Self::Usage(_) | Self::CommandLine(_) => 2,
            Self::Source(_) => 3,
            Self::Output(_) | Self::Internal(_) => 1,
            Self::ReaderGone => READER_GONE,
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

impl From<StreamError> for Failure {
    fn from(error: StreamError) -> Self {
        match error {
            StreamError::Source(OpenSourceError::Source(error)) => Self::Source(error),
            StreamError::Session(error) => Self::Session(error),
            error => Self::usage(error),
        }
    }
}

/// An error and what it came of. None says what the next one says.
pub(crate) fn with_causes(error: &dyn std::error::Error) -> String {
    let causes = std::iter::successors(error.source(), |error| (*error).source());
    causes.fold(error.to_string(), |said, cause| format!("{said}: {cause}"))
}

/// Something that was promised is missing, damaged or failed.
pub(crate) const INCOMPLETE: u8 = 10;
/// `doctor` found something that is wrong.
pub(crate) const UNWELL: u8 = 11;
/// Interrupted by the user, as shells have it.
pub(crate) const INTERRUPTED: u8 = 130;
/// As shells have it for a program that SIGPIPE ended.
const READER_GONE: u8 = 141;

#[cfg(test)]
mod tests {
    use streamsdk::FileError;

    use super::*;

    #[test]
    fn no_error_says_what_its_source_says() {
        let unreadable = || FileError::Unreadable {
            path: "a.mp4".into(),
            error: io::Error::other("disk on fire"),
        };
        let failures = [
            Failure::from(SourceError::from(unreadable())),
            Failure::from(Error::from(unreadable())),
            Failure::writing("out.mp4", io::Error::other("disk on fire")),
        ];
        for failure in failures {
            let said = with_causes(&failure);
            assert_eq!(said.matches("disk on fire").count(), 1, "{said}");
        }
    }
}
