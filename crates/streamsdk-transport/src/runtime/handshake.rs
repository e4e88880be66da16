//! What the handshake of DTLS says of itself on the way through the sockets.
//!
//! The engine tells nobody that a handshake has failed.

use std::sync::OnceLock;

use tokio::sync::Notify;

use super::alert::Alert;
use crate::{EndReason, HandshakeFailure};

#[derive(Debug, Default)]
pub(crate) struct Handshake {
    /// The first alert counts: the answer to it says nothing new.
    failure: OnceLock<HandshakeFailure>,
    failed: Notify,
}

impl Handshake {
    pub(crate) fn on_send(&self, packet: &[u8]) {
        if let Some(alert) = Alert::of(packet) {
            self.fail(match alert {
                Alert::BAD_CERTIFICATE => HandshakeFailure::WrongFingerprint,
                alert => HandshakeFailure::GivenUpHere(alert.to_string()),
            });
        }
    }

    pub(crate) fn on_receive(&self, packet: &[u8]) {
        if let Some(alert) = Alert::of(packet) {
            self.fail(HandshakeFailure::GivenUpByPeer(alert.to_string()));
        }
    }

    fn fail(&self, failure: HandshakeFailure) {
        if self.failure.set(failure).is_ok() {
            self.failed.notify_one();
        }
    }

    /// Why it has failed, or not ended.
    pub(crate) fn failure(&self) -> HandshakeFailure {
        self.failure.get().cloned().unwrap_or(HandshakeFailure::Unfinished)
    }

    /// Why a connection ends whose transport is closed: a handshake that fails closes it as well, even if the
    /// engine took the connection for made a moment before.
    pub(crate) fn why_closed(&self) -> EndReason {
        if self.has_failed() { EndReason::HandshakeFailed } else { EndReason::ClosedByPeer }
    }

    fn has_failed(&self) -> bool {
        self.failure.get().is_some()
    }

    /// Resolves when a side has given it up. For one task.
    pub(crate) async fn failed(&self) {
        while !self.has_failed() {
            self.failed.notified().await;
        }
    }
}
