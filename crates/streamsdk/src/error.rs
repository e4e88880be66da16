use std::fmt;
use std::sync::Arc;
use std::time::Duration;

use streamsdk_protocol::output::OutputError;
use streamsdk_protocol::rejection::{Rejection, RejectionReason};
use streamsdk_signaling::SignalingError;
use streamsdk_transport::{ConnectError, EndReason, OfferError};

use crate::frame::ImageError;
use crate::source::error::{FileError, FrameSendError, SourceError, UrlError};
use crate::stage::Stage;
use crate::steering::ControlError;

pub(crate) type Cause = Arc<dyn std::error::Error + Send + Sync>;

/// What went wrong with a client or a session.
///
/// `Display` says what was being done and what came back; [`Error::kind`] and the predicates let a
/// program decide. Cloning is cheap.
#[derive(Debug, Clone)]
pub struct Error(Box<ErrorInner>);

#[derive(Debug, Clone)]
struct ErrorInner {
    kind: ErrorKind,
    stage: Stage,
    waited: Option<Duration>,
    rejection: Option<Rejection>,
    gave_up: Option<GaveUp>,
    /// What its kind does not tell: it may be otherwise later.
    is_transient: bool,
    #[cfg(feature = "diagnose")]
    diagnosis: Option<Arc<streamsdk_diagnose::Diagnosis>>,
    cause: Cause,
}

/// What was tried before a session that lost its connection was given up.
#[derive(Debug, Clone, Copy)]
struct GaveUp {
    attempts: u32,
    after: Duration,
}

/// The kinds of error.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
#[non_exhaustive]
pub enum ErrorKind {
    /// A setting is wrong.
    Config,
    /// The source cannot be used: no such file, not to be downloaded, not readable, changed while it was sent, or without one frame.
    Source,
    /// The server cannot be reached by HTTP.
    Unreachable,
    /// The server refused the session.
    Rejected,
    /// The API key is missing, wrong, or not allowed to do this.
    Auth,
    /// A quota or the credits are used up.
    Quota,
    /// The server answered something that cannot be used.
    BadAnswer,
    /// No network path to the server worked.
    Ice,
    /// The server was reached, but no secure connection with it came about.
    Handshake,
    /// Something took longer than its limit.
    Timeout,
    /// The connection to the server was lost.
    ConnectionLost,
    /// The server could not process what it was sent and said so, or sent nothing that can be used.
    Processing,
    /// A result that came is not what it was read as: an image that cannot be decoded, an output of another shape.
    Result,
    /// A handler of the program's failed or panicked.
    Handler,
    /// The session is over.
    Closed,
    /// Something that should not happen on this machine.
    Internal,
}

impl Error {
    pub(crate) fn new(
        kind: ErrorKind,
        stage: Stage,
        cause: impl Into<Box<dyn std::error::Error + Send + Sync>>,
    ) -> Self {
        let cause = Arc::from(cause.into());
        Self(Box::new(ErrorInner {
            kind,
            stage,
            waited: None,
            rejection: None,
            gave_up: None,
            is_transient: false,
            #[cfg(feature = "diagnose")]
            diagnosis: None,
            cause,
        }))
    }

    /// The same in the course of something else, of which it is the cause.
    pub(crate) fn within<E: std::error::Error + Send + Sync + 'static>(
        mut self,
        stage: Stage,
        what: impl FnOnce(Cause) -> E,
    ) -> Self {
        self.0.stage = stage;
        self.0.cause = Arc::new(what(self.0.cause));
        self
    }

    /// The same, though its kind would last.
    pub(crate) fn transient(mut self) -> Self {
        self.0.is_transient = true;
        self
    }

    /// The same, after so many more attempts to connect.
    pub(crate) fn after_attempts(mut self, attempts: u32, after: Duration) -> Self {
        if attempts > 0 {
            self.0.gave_up = Some(GaveUp { attempts, after });
        }
        self
    }

    /// The same, with what was found out about it.
    #[cfg(feature = "diagnose")]
    pub(crate) fn diagnosed(mut self, diagnosis: streamsdk_diagnose::Diagnosis) -> Self {
        self.0.diagnosis = Some(Arc::new(diagnosis));
        self
    }

    pub(crate) fn timeout(stage: Stage, limit: Duration) -> Self {
        let what = match stage {
            Stage::Uploading => "the upload did not get on",
            Stage::FirstFrame => "the server sent no result",
            _ => "the server sent nothing more",
        };
        let cause = format!("{what} for {limit:?}");
        Self::new(ErrorKind::Timeout, stage, cause).waited_for(limit)
    }

    /// The server goes on sending, but nothing that can be read.
    pub(crate) fn nonsense(stage: Stage, limit: Duration) -> Self {
        let cause = format!("nothing that the server has sent for {limit:?} could be read");
        Self::new(ErrorKind::Processing, stage, cause).waited_for(limit)
    }

    /// The caller waits for so long, and no longer.
    pub(crate) fn nothing_within(stage: Stage, limit: Duration) -> Self {
        let cause = format!("not within the {limit:?} that the caller waits");
        Self::new(ErrorKind::Timeout, stage, cause).waited_for(limit)
    }

    /// Frames were sent for so long after the last result, over a connection that stands.
    pub(crate) fn stopped_answering(stage: Stage, before_the_end: Duration) -> Self {
        let seconds = before_the_end.as_secs_f64();
        let cause = format!(
            "the server stopped answering {seconds:.1} s before the last frame was sent; \
             the connection is broken in one direction"
        );
        Self::new(ErrorKind::ConnectionLost, stage, cause)
    }

    /// The last frames were sent, and for so long nothing shows that the server still gets what is sent.
    pub(crate) fn unconfirmed(stage: Stage, waited: Duration) -> Self {
        let seconds = waited.as_secs_f64();
        let unanswered = match stage {
            Stage::Publishing => "",
            _ => "did not answer the last frames, and ",
        };
        let cause = format!(
            "the server {unanswered}confirmed nothing for {seconds:.1} s; \
             the connection is broken in one direction"
        );
        Self::new(ErrorKind::ConnectionLost, stage, cause)
    }

    pub(crate) fn lost(stage: Stage, reason: Option<EndReason>) -> Self {
        let cause = reason.map_or_else(
            || "the server closed its channel before it had finished".to_owned(),
            |reason| reason.to_string(),
        );
        Self::new(ErrorKind::ConnectionLost, stage, cause)
    }

    fn waited_for(mut self, waited: Duration) -> Self {
        self.0.waited = Some(waited);
        self
    }

    /// The kind of error.
    pub fn kind(&self) -> ErrorKind {
        self.0.kind
    }

    /// What was being done.
    pub fn stage(&self) -> Stage {
        self.0.stage
    }

    /// How long was waited, where something took too long.
    pub fn waited(&self) -> Option<Duration> {
        self.0.waited
    }

    /// How often it was tried in vain to connect again, before the session was given up: 0 if not at all.
    pub fn attempts(&self) -> u32 {
        self.0.gave_up.map_or(0, |gave_up| gave_up.attempts)
    }

    /// What the server said when it refused.
    pub fn rejection(&self) -> Option<&Rejection> {
        self.0.rejection.as_ref()
    }

    /// What was found out when a session did not come about: what is wrong, in words, and what to try. `Display` leaves
    /// it out.
    ///
    /// `None` where nothing was looked at: the error says itself what is wrong, or is of something else than the first
    /// connection, or [`StreamConfig::diagnose_failures`](crate::StreamConfig::diagnose_failures) is off. That nothing
    /// wrong was found does not mean that all is well: the error stands.
    ///
    /// ```no_run
    /// # async fn example(stream: streamsdk::StreamBuilder) {
    /// if let Err(error) = stream.start().await {
    ///     eprintln!("{error}");
    ///     for finding in error.diagnosis().iter().flat_map(|diagnosis| diagnosis.wrong()) {
    ///         eprintln!("{finding}"); // such as: problem: The server refuses connections: … [connection-refused]
    ///     }
    /// }
    /// # }
    /// ```
    #[cfg(feature = "diagnose")]
    pub fn diagnosis(&self) -> Option<&streamsdk_diagnose::Diagnosis> {
        self.0.diagnosis.as_deref()
    }

    /// Whether something took longer than its limit.
    pub fn is_timeout(&self) -> bool {
        self.kind() == ErrorKind::Timeout
    }

    /// Whether the API key is missing, wrong, or not allowed to do this.
    pub fn is_auth(&self) -> bool {
        self.kind() == ErrorKind::Auth
    }

    /// Whether a quota or the credits are used up.
    pub fn is_quota(&self) -> bool {
        self.kind() == ErrorKind::Quota
    }

    /// Whether no network path to the server worked.
    pub fn is_ice(&self) -> bool {
        self.kind() == ErrorKind::Ice
    }

    /// Whether the same session may succeed later, with nothing changed.
    pub fn is_retryable(&self) -> bool {
        match self.kind() {
            ErrorKind::Unreachable
            | ErrorKind::Ice
            | ErrorKind::Handshake
            | ErrorKind::Timeout
            | ErrorKind::ConnectionLost => true,
            _ => self.0.is_transient || self.rejection().is_some_and(Rejection::is_transient),
        }
    }
}

impl fmt::Display for Error {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}: {}", self.0.stage, self.0.cause)?;
        match self.0.gave_up {
            Some(GaveUp { attempts: 1, after }) => {
                write!(f, " (given up after one more attempt in {:.1} s)", after.as_secs_f64())
            }
            Some(GaveUp { attempts, after }) => {
                let seconds = after.as_secs_f64();
                write!(f, " (given up after {attempts} more attempts in {seconds:.1} s)")
            }
            None => Ok(()),
        }
    }
}

impl std::error::Error for Error {
    fn source(&self) -> Option<&(dyn std::error::Error + 'static)> {
        // `Display` shows the cause itself, so the chain goes on behind it.
        self.0.cause.source()
    }
}

impl From<SourceError> for Error {
    fn from(error: SourceError) -> Self {
        let is_transient = error.is_transient();
        let this = Self::new(ErrorKind::Source, Stage::Preparing, error);
        if is_transient { this.transient() } else { this }
    }
}

#[cfg(feature = "url")]
impl From<streamsdk_download::DownloadError> for Error {
    fn from(error: streamsdk_download::DownloadError) -> Self {
        SourceError::from(error).into()
    }
}

impl From<FileError> for Error {
    fn from(error: FileError) -> Self {
        Self::new(ErrorKind::Source, Stage::Preparing, error)
    }
}

impl From<UrlError> for Error {
    fn from(error: UrlError) -> Self {
        Self::new(ErrorKind::Source, Stage::Preparing, error)
    }
}

impl From<FrameSendError> for Error {
    fn from(error: FrameSendError) -> Self {
        Self::new(ErrorKind::Source, Stage::Streaming, error)
    }
}

impl From<ImageError> for Error {
    fn from(error: ImageError) -> Self {
        Self::new(ErrorKind::Result, Stage::Streaming, error)
    }
}

impl From<OutputError> for Error {
    fn from(error: OutputError) -> Self {
        Self::new(ErrorKind::Result, Stage::Streaming, error)
    }
}

impl From<ControlError> for Error {
    fn from(error: ControlError) -> Self {
        let kind = match error {
            ControlError::Over => ErrorKind::Closed,
            ControlError::NoReturnedTrack | ControlError::NothingReturned => ErrorKind::Config,
        };
        Self::new(kind, Stage::Streaming, error)
    }
}

impl From<OfferError> for Error {
    fn from(error: OfferError) -> Self {
        let kind = match error {
            OfferError::GatheringTimeout { .. } => ErrorKind::Timeout,
            OfferError::NoRelay { .. } => ErrorKind::Ice,
            _ => ErrorKind::Internal,
        };
        Self::new(kind, Stage::Preparing, error)
    }
}

impl From<ConnectError> for Error {
    fn from(error: ConnectError) -> Self {
        let (kind, waited) = match &error {
            ConnectError::UnusableAnswer(_) => (ErrorKind::BadAnswer, None),
            ConnectError::NoPath { waited, .. } => (ErrorKind::Ice, Some(*waited)),
            ConnectError::PathTooNarrow { .. } => (ErrorKind::Ice, None),
            ConnectError::Handshake { waited, .. } => (ErrorKind::Handshake, Some(*waited)),
            ConnectError::ChannelNotOpen { waited, .. } => (ErrorKind::Timeout, Some(*waited)),
            _ => (ErrorKind::ConnectionLost, None),
        };
        let mut this = Self::new(kind, Stage::Connecting, error);
        this.0.waited = waited;
        this
    }
}

impl From<SignalingError> for Error {
    fn from(error: SignalingError) -> Self {
        let waited = match &error {
            SignalingError::Timeout { waited, .. } => Some(*waited),
            _ => None,
        };
        let rejection = error.rejection().cloned();
        let kind = match &rejection {
            Some(rejection) => match rejection.reason {
                RejectionReason::NotAuthorized => ErrorKind::Auth,
                RejectionReason::Quota | RejectionReason::Credits => ErrorKind::Quota,
                _ => ErrorKind::Rejected,
            },
            None if error.is_timeout() => ErrorKind::Timeout,
            None if error.is_connect() => ErrorKind::Unreachable,
            None => match &error {
                SignalingError::Transport { .. } => ErrorKind::Unreachable,
                _ => ErrorKind::BadAnswer,
            },
        };
        let mut this = Self::new(kind, Stage::Requesting, error);
        this.0.waited = waited;
        this.0.rejection = rejection;
        this
    }
}

#[cfg(test)]
mod tests {
    use std::error::Error as _;
    use std::sync::Arc;

    use streamsdk_protocol::output::OutputError;
    use streamsdk_transport::SendError;

    use super::*;
    use crate::frame::ImageError;

    #[test]
    fn no_error_says_what_its_source_says() {
        let io = || std::io::Error::other("disk on fire");
        let unreadable = FileError::Unreadable { path: "a.mp4".into(), error: io() };
        let image = ImageError::Encoding(Arc::new(OutputError::Base64 { len: 7 }));
        let errors = [
            (Error::from(SourceError::from(unreadable)), "a.mp4 cannot be read: disk on fire"),
            (SourceError::Send(SendError::ChannelClosed).into(), "the channel is closed"),
            (SourceError::Other(Box::new(image)).into(), "an image of 7 characters is not base64"),
        ];
        for (error, said) in errors {
            assert!(error.to_string().ends_with(said), "{error}");
            let causes = std::iter::successors(error.source(), |error| (*error).source());
            for cause in causes {
                assert!(!error.to_string().contains(&cause.to_string()), "{error}: {cause}");
            }
        }
    }
}
