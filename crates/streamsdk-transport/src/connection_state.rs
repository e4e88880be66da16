//! The one place where the end of a connection is known, and where everybody who waits learns it.

use std::fmt;
use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};
use std::time::Duration;

use tokio::sync::watch;
use tokio::time::Instant;

/// What a connection is doing.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
#[non_exhaustive]
pub enum PeerState {
    /// Waiting for the peer's description, or trying addresses.
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
    /// The peer closed it.
    ClosedByPeer,
    /// No pair of addresses worked.
    NeverConnected,
    /// A pair of addresses worked, but no secure connection came about.
    HandshakeFailed,
    /// The peer's host says that nobody has the peer's port any more: its process has ended.
    PeerGone,
    /// The TURN server that packets went through is gone, and there is no other way to the peer.
    RelayLost,
    /// The peer went silent for [`PeerConfig::dead_after`](crate::PeerConfig::dead_after).
    PeerSilent,
}

impl fmt::Display for EndReason {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            Self::ClosedHere => "the connection was closed on this side",
            Self::ClosedByPeer => "the peer closed the connection",
            Self::NeverConnected => "no network path to the peer worked",
            Self::HandshakeFailed => "no secure connection with the peer came about",
            Self::PeerGone => "the peer is gone without a word: nobody has its port any more",
            Self::RelayLost => "the connection to the TURN server broke off",
            Self::PeerSilent => "the peer went silent",
        })
    }
}

/// The state of one connection, shared by all that belongs to it. The first end is the one that
/// counts.
#[derive(Debug, Clone)]
pub(crate) struct ConnectionState {
    state: Arc<watch::Sender<PeerState>>,
    heard: LastHeard,
}

/// When anything last came from the network. Clones share it.
#[derive(Debug, Clone)]
pub(crate) struct LastHeard {
    started: Instant,
    /// Milliseconds after the start, and one more; 0 before anything came.
    at: Arc<AtomicU64>,
}

impl Default for LastHeard {
    fn default() -> Self {
        Self { started: Instant::now(), at: Arc::default() }
    }
}

impl LastHeard {
    pub(crate) fn note(&self) {
        let millis = u64::try_from(self.started.elapsed().as_millis()).unwrap_or(u64::MAX);
        self.at.store(millis.saturating_add(1), Ordering::Relaxed);
    }

    pub(crate) fn get(&self) -> Option<Instant> {
        let millis = self.at.load(Ordering::Relaxed).checked_sub(1)?;
        self.started.checked_add(Duration::from_millis(millis))
    }
}

impl ConnectionState {
    pub(crate) fn new() -> Self {
        let state = Arc::new(watch::Sender::new(PeerState::Connecting));
        Self { state, heard: LastHeard::default() }
    }

    pub(crate) fn heard(&self) -> &LastHeard {
        &self.heard
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

    /// Resolves when the connection stands, or is over.
    pub(crate) async fn decided(&self) {
        // The sender lives in `self`.
        let _ = self.watch().wait_for(|state| *state != PeerState::Connecting).await;
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
        let connection_state = ConnectionState::new();
        connection_state.set(PeerState::Connected);
        connection_state.end(EndReason::PeerSilent);
        connection_state.end(EndReason::ClosedHere);
        connection_state.set(PeerState::Connected);
        assert_eq!(connection_state.state(), PeerState::Ended(EndReason::PeerSilent));
        assert_eq!(connection_state.ended().await, EndReason::PeerSilent);
    }

    #[tokio::test(start_paused = true)]
    async fn the_last_sign_of_life_is_the_newest() {
        let heard = LastHeard::default();
        assert_eq!(heard.get(), None);
        for _ in 0..2 {
            tokio::time::advance(Duration::from_secs(1)).await;
            heard.note();
        }
        tokio::time::advance(Duration::from_secs(1)).await;
        assert_eq!(heard.get().unwrap().elapsed(), Duration::from_secs(1));
    }
}
