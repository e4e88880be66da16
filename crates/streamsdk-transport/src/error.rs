use std::time::Duration;

use thiserror::Error;

use crate::connection::PrepareError;
use crate::{CandidateCounts, EndReason, TriedCandidates, TriedServers};

/// What the WebRTC engine said, as text: its types stay inside this crate.
#[derive(Debug, Error)]
#[error("{0}")]
pub struct EngineError(String);

impl EngineError {
    pub(crate) fn from(error: webrtc::error::Error) -> Self {
        Self(error.to_string())
    }
}

/// An offer that could not be made.
#[derive(Debug, Error)]
#[non_exhaustive]
pub enum OfferError {
    /// The engine refused: no socket could be bound, or the settings are wrong.
    #[error("could not prepare a connection: {0}")]
    Engine(EngineError),
    /// The machine's addresses were not gathered in time.
    #[error("gathering network candidates took longer than {limit:?}")]
    GatheringTimeout {
        /// [`PeerConfig::gather_timeout`](crate::PeerConfig::gather_timeout).
        limit: Duration,
    },
    /// Packets may only go by way of a TURN server, and there is none that can be used.
    #[error("no TURN server can be used{}", of_which(servers))]
    NoRelay {
        /// What became of each.
        servers: TriedServers,
    },
}

impl From<PrepareError> for OfferError {
    fn from(error: PrepareError) -> Self {
        match error {
            PrepareError::Engine(error) => Self::Engine(error),
            PrepareError::Timeout { limit } => Self::GatheringTimeout { limit },
            PrepareError::NoRelay { servers } => Self::NoRelay { servers },
        }
    }
}

/// An offer from the peer that could not be answered.
#[derive(Debug, Error)]
#[non_exhaustive]
pub enum AnswerError {
    /// The offer is not one that this side can answer.
    #[error("the offer cannot be answered: {0}")]
    UnusableOffer(EngineError),
    /// The engine refused for reasons of its own.
    #[error("could not prepare a connection: {0}")]
    Engine(EngineError),
    /// The machine's addresses were not gathered in time.
    #[error("gathering network candidates took longer than {limit:?}")]
    GatheringTimeout {
        /// [`PeerConfig::gather_timeout`](crate::PeerConfig::gather_timeout).
        limit: Duration,
    },
    /// Packets may only go by way of a TURN server, and there is none that can be used.
    #[error("no TURN server can be used{}", of_which(servers))]
    NoRelay {
        /// What became of each.
        servers: TriedServers,
    },
}

impl From<PrepareError> for AnswerError {
    fn from(error: PrepareError) -> Self {
        match error {
            PrepareError::Engine(error) => Self::Engine(error),
            PrepareError::Timeout { limit } => Self::GatheringTimeout { limit },
            PrepareError::NoRelay { servers } => Self::NoRelay { servers },
        }
    }
}

/// A connection that did not come about.
#[derive(Debug, Error)]
#[non_exhaustive]
pub enum ConnectError {
    /// The answer is not one to this offer.
    #[error("the answer cannot be used: {0}")]
    UnusableAnswer(EngineError),
    /// No network path to the peer worked.
    #[error(
        "no network path to the peer worked within {waited:?} (tried here: {local}; there: {remote}){}{}",
        also(candidates),
        also(servers)
    )]
    NoPath {
        /// How long it was tried.
        waited: Duration,
        /// Candidates of this side.
        local: CandidateCounts,
        /// Candidates of the peer.
        remote: CandidateCounts,
        /// What was tried from each candidate of this side.
        candidates: TriedCandidates,
        /// What became of the STUN and TURN servers of this side.
        servers: TriedServers,
    },
    /// The peers reached each other, and could not agree on a secure connection.
    #[error(
        "the peer was reached, but no secure connection came about within {waited:?}: {reason}"
    )]
    Handshake {
        /// How long it was tried.
        waited: Duration,
        /// What went wrong.
        reason: HandshakeFailure,
    },
    /// The peers reached each other, but no channel could be opened.
    #[error("the channel \"{label}\" did not open within {waited:?}")]
    ChannelNotOpen {
        /// Label of the first channel.
        label: String,
        /// How long it was waited for.
        waited: Duration,
    },
    /// The peers reached each other, but full packets vanish on the way, and smaller ones do not.
    ///
    /// With [`PeerConfig::narrow_path`](crate::PeerConfig::narrow_path) another try can succeed.
    #[error("packets of {size} bytes do not get to the peer, though smaller ones do")]
    PathTooNarrow {
        /// What a full packet carries.
        size: usize,
    },
    /// The connection ended while it was being made.
    #[error("the connection ended while it was being made: {0}")]
    Ended(EndReason),
}

fn of_which(servers: &TriedServers) -> String {
    if servers.is_empty() { ", because none is given".to_owned() } else { format!(": {servers}") }
}

/// Behind what was said before, if there is anything.
fn also(tried: &impl std::fmt::Display) -> String {
    let tried = tried.to_string();
    if tried.is_empty() { tried } else { format!("; {tried}") }
}

/// Why no secure connection came about.
#[derive(Debug, Clone, PartialEq, Eq, Error)]
#[non_exhaustive]
pub enum HandshakeFailure {
    /// The peer's certificate is another than its description announced, by its fingerprint.
    #[error("the peer's certificate does not match the fingerprint in its description")]
    WrongFingerprint,
    /// This side gave up, for this reason.
    #[error("it was given up here ({0})")]
    GivenUpHere(String),
    /// The peer gave up, for this reason.
    #[error("the peer gave it up ({0})")]
    GivenUpByPeer(String),
    /// Neither side gave up, and it did not end.
    #[error("the handshake did not end")]
    Unfinished,
}

/// A message that was not sent.
#[derive(Debug, Error)]
#[non_exhaustive]
pub enum SendError {
    /// The connection is over.
    #[error("cannot send: {0}")]
    Ended(EndReason),
    /// The channel was closed, on this side or the other.
    #[error("cannot send: the channel is closed")]
    ChannelClosed,
    /// The message is larger than the peer accepts.
    #[error("cannot send: {0}")]
    Engine(EngineError),
}

#[cfg(test)]
mod tests {
    use std::error::Error;

    use super::*;

    #[test]
    fn no_error_says_what_its_source_says() {
        let engine = || EngineError("no sockets".to_owned());
        let errors: [Box<dyn Error>; 5] = [
            Box::new(OfferError::Engine(engine())),
            Box::new(AnswerError::UnusableOffer(engine())),
            Box::new(AnswerError::Engine(engine())),
            Box::new(ConnectError::UnusableAnswer(engine())),
            Box::new(SendError::Engine(engine())),
        ];
        for error in errors {
            assert!(error.to_string().contains("no sockets"), "{error}");
            assert!(error.source().is_none(), "{error}");
        }
    }
}
