use std::error::Error;
use std::io;
use std::time::Duration;

use streamsdk_protocol::rejection::{Rejection, RejectionReason};
use streamsdk_protocol::sdp::SdpError;
use thiserror::Error;

use crate::rejection_text::RejectionText;

/// A question that brought no usable answer.
///
/// Each variant has the URL that was asked, without its credentials.
#[derive(Debug, Error)]
#[non_exhaustive]
pub enum SignalingError {
    /// No connection to the server could be made: nobody listens, the name is unknown, TLS failed.
    #[error("cannot connect to {url}: {}", root_cause(cause.as_ref()))]
    Connect {
        /// The URL that was asked.
        url: String,
        /// What failed.
        cause: Box<dyn Error + Send + Sync>,
    },
    /// The answer was not complete in time.
    #[error("no answer from {url} within {:.1} s", waited.as_secs_f64())]
    Timeout {
        /// The URL that was asked.
        url: String,
        /// How long it was waited for.
        waited: Duration,
    },
    /// The request could not be sent, or the connection broke before the answer was complete.
    #[error("the exchange with {url} broke off: {}", root_cause(cause.as_ref()))]
    Transport {
        /// The URL that was asked.
        url: String,
        /// What failed.
        cause: Box<dyn Error + Send + Sync>,
    },
    /// The server refuses.
    #[error("{url} refused with {}", RejectionText(rejection, url))]
    Rejected {
        /// The URL that was asked.
        url: String,
        /// What the server says.
        rejection: Box<Rejection>,
    },
    /// The server, or something else at this URL, accepts with a body that is no answer to what was asked.
    #[error(
        "{url} answered with status {status} and {} instead of what was asked for: {start:?}",
        content_type.as_deref().unwrap_or("no content type")
    )]
    UnexpectedBody {
        /// The URL that was asked.
        url: String,
        /// The HTTP status, from 200 to 299.
        status: u16,
        /// The content type that the body claims.
        content_type: Option<String>,
        /// The first characters of the body, on one line.
        start: String,
    },
    /// The server accepts, and describes a connection that cannot come about.
    #[error("the answer of {url} cannot be used: {cause}")]
    UnusableAnswer {
        /// The URL that was asked.
        url: String,
        /// What is wrong with the description.
        cause: SdpError,
    },
    /// The server accepts with a body larger than any answer.
    #[error("the answer of {url} is over the limit of {limit} bytes")]
    BodyTooLarge {
        /// The URL that was asked.
        url: String,
        /// Most bytes that are read.
        limit: usize,
    },
}

impl SignalingError {
    /// Whether time ran out, while connecting or later.
    pub fn is_timeout(&self) -> bool {
        match self {
            Self::Timeout { .. } => true,
            Self::Connect { cause, .. } => chain(cause.as_ref()).any(says_timeout),
            _ => false,
        }
    }

    /// Whether no connection could be made.
    pub fn is_connect(&self) -> bool {
        matches!(self, Self::Connect { .. })
    }

    /// Whether the API key is missing, wrong, or not allowed to do this.
    pub fn is_auth(&self) -> bool {
        self.reason() == Some(RejectionReason::NotAuthorized)
    }

    /// Whether a quota or the credits of the workspace are used up.
    pub fn is_quota(&self) -> bool {
        matches!(self.reason(), Some(RejectionReason::Quota | RejectionReason::Credits))
    }

    /// Whether the same exchange may succeed when it is tried again later.
    ///
    /// A certificate that is not trusted, and a rejection for what the request says, stay as they are.
    pub fn is_retryable(&self) -> bool {
        match self {
            Self::Connect { cause, .. } => {
                !chain(cause.as_ref()).any(|cause| cause.is::<rustls::Error>())
            }
            Self::Timeout { .. } | Self::Transport { .. } => true,
            Self::Rejected { rejection, .. } => rejection.is_transient(),
            Self::UnexpectedBody { .. }
            | Self::UnusableAnswer { .. }
            | Self::BodyTooLarge { .. } => false,
        }
    }

    /// The HTTP status of the rejection or of the unexpected body.
    pub fn status(&self) -> Option<u16> {
        match self {
            Self::Rejected { rejection, .. } => Some(rejection.status),
            Self::UnexpectedBody { status, .. } => Some(*status),
            _ => None,
        }
    }

    /// What the server says, if it refused.
    pub fn rejection(&self) -> Option<&Rejection> {
        match self {
            Self::Rejected { rejection, .. } => Some(rejection),
            _ => None,
        }
    }

    fn reason(&self) -> Option<RejectionReason> {
        self.rejection().map(|rejection| rejection.reason)
    }

    pub(crate) fn unsendable(url: &str, error: serde_json::Error) -> Self {
        Self::Transport { url: url.to_owned(), cause: error.into() }
    }

    pub(crate) fn sending(url: &str, error: reqwest::Error) -> Self {
        if error.is_connect() {
            Self::Connect { url: url.to_owned(), cause: error.without_url().into() }
        } else {
            Self::reading(url, error)
        }
    }

    pub(crate) fn reading(url: &str, error: reqwest::Error) -> Self {
        Self::Transport { url: url.to_owned(), cause: error.without_url().into() }
    }
}

fn chain<'a>(error: &'a (dyn Error + 'static)) -> impl Iterator<Item = &'a (dyn Error + 'static)> {
    std::iter::successors(Some(error), |error| cause(*error))
}

fn cause<'a>(error: &'a (dyn Error + 'static)) -> Option<&'a (dyn Error + 'static)> {
    // An io::Error does not name the error inside it as its source.
    let inside = error.downcast_ref::<io::Error>().and_then(io::Error::get_ref);
    inside.map(|inside| inside as &(dyn Error + 'static)).or_else(|| error.source())
}

/// The deepest cause: above it, HTTP libraries only say that there is one.
fn root_cause(error: &(dyn Error + Send + Sync + 'static)) -> String {
    chain(error).last().map(ToString::to_string).unwrap_or_default()
}

fn says_timeout(error: &(dyn Error + 'static)) -> bool {
    error.downcast_ref::<reqwest::Error>().is_some_and(reqwest::Error::is_timeout)
}
