//! The one place where the end of a connection is known, and where everybody who waits learns it.

use std::fmt;
use std::sync::Arc;

use tokio::sync::watch;

/// What a connection is doing.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
#[non_exhaustive]
pub enum PeerState {
    /// Waiting for the other side's description, or trying addresses.
    Connecting,
    /// Data can flow.
    Connected,
    /// Nothing has been heard for a while; it may come back.
    Disconnected,
    /// Over, for good.
    Ended(EndReason),
}

/// Why a connection is over.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
#[non_exhaustive]
pub enum EndReason {
    /// This side closed it.
    ClosedHere,
    /// The other side closed it.
    ClosedByPeer,
    /// No pair of addresses worked.
    NeverConnected,
    /// The other side went silent for [`PeerConfig::dead_after`](crate::PeerConfig::dead_after).
    PeerSilent,
}

impl fmt::Display for EndReason {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            Self::ClosedHere => "the connection was closed on this side",
            Self::ClosedByPeer => "the peer closed the connection",
            Self::NeverConnected => "no network path to the peer worked",
            Self::PeerSilent => "the peer went silent",
        })
    }
}

/// The state of one connection, shared by all that belongs to it. The first end is the one that
/// counts.
#[derive(Debug, Clone)]
pub(crate) struct Life {
    state: Arc<watch::Sender<PeerState>>,
}

impl Life {
    pub(crate) fn new() -> Self {
        Self { state: Arc::new(watch::Sender::new(PeerState::Connecting)) }
    }

    pub(crate) fn set(&self, next: PeerState) {
        self.state.send_if_modified(|state| {
            let changes = !matches!(state, PeerState::Ended(_)) && *state != next;
            if changes {
                *state = next;
            }
            changes
        });
    }

    pub(crate) fn end(&self, reason: EndReason) {
        self.set(PeerState::Ended(reason));
    }

    pub(crate) fn state(&self) -> PeerState {
        *self.state.borrow()
    }

    pub(crate) fn end_reason(&self) -> Option<EndReason> {
        match self.state() {
            PeerState::Ended(reason) => Some(reason),
            _ => None,
        }
    }

    pub(crate) fn watch(&self) -> watch::Receiver<PeerState> {
        self.state.subscribe()
    }

    /// Resolves when the connection is over.
    pub(crate) async fn ended(&self) -> EndReason {
        let mut watch = self.watch();
        let ended = watch.wait_for(|state| matches!(state, PeerState::Ended(_))).await;
        match ended.map(|state| *state) {
            Ok(PeerState::Ended(reason)) => reason,
            // The sender lives in `self`, so this cannot be reached; it is a fit answer anyway.
            Ok(_) | Err(_) => EndReason::ClosedHere,
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[tokio::test]
    async fn the_first_end_counts_and_nothing_comes_after_it() {
        let life = Life::new();
        life.set(PeerState::Connected);
        life.end(EndReason::PeerSilent);
        life.end(EndReason::ClosedHere);
        life.set(PeerState::Connected);
        assert_eq!(life.state(), PeerState::Ended(EndReason::PeerSilent));
        assert_eq!(life.ended().await, EndReason::PeerSilent);
    }
}
