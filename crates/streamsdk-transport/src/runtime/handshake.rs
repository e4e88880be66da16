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

#[cfg(test)]
mod tests {
    use super::*;

    fn fatal(description: u8) -> [u8; 15] {
        [21, 0xfe, 0xfd, 0, 0, 0, 0, 0, 0, 0, 0, 0, 2, 2, description]
    }

    #[test]
    fn what_the_peer_gives_it_up_for_is_told() {
        for (description, said) in [
            (40, "no common parameters"),
            (42, "bad certificate"),
            (70, "unsupported version"),
            (80, "internal error"),
            (99, "alert 99"),
        ] {
            let handshake = Handshake::default();
            handshake.on_receive(&fatal(description));
            assert_eq!(handshake.failure(), HandshakeFailure::GivenUpByPeer(said.to_owned()));
            assert!(handshake.failure().to_string().contains(said), "{}", handshake.failure());
            assert_eq!(handshake.why_closed(), EndReason::HandshakeFailed);
        }
    }

    #[test]
    fn what_this_side_gives_it_up_for_is_told() {
        let handshake = Handshake::default();
        handshake.on_send(&fatal(40));
        let said = "no common parameters".to_owned();
        assert_eq!(handshake.failure(), HandshakeFailure::GivenUpHere(said));
        let handshake = Handshake::default();
        handshake.on_send(&fatal(42));
        assert_eq!(handshake.failure(), HandshakeFailure::WrongFingerprint);
    }

    #[test]
    fn the_answer_to_an_alert_says_nothing_new() {
        let handshake = Handshake::default();
        handshake.on_send(&fatal(42));
        handshake.on_receive(&fatal(80));
        assert_eq!(handshake.failure(), HandshakeFailure::WrongFingerprint);
    }

    #[tokio::test]
    async fn packets_that_are_no_alert_fail_nothing() {
        let handshake = Handshake::default();
        let (mut encrypted, mut hello) = (fatal(40), fatal(40));
        encrypted[4] = 1;
        hello[0] = 22;
        for packet in [&encrypted[..], &hello, &[]] {
            handshake.on_receive(packet);
            handshake.on_send(packet);
        }
        assert_eq!(handshake.failure(), HandshakeFailure::Unfinished);
        assert_eq!(handshake.why_closed(), EndReason::ClosedByPeer);
        handshake.on_receive(&fatal(40));
        handshake.failed().await;
    }
}
