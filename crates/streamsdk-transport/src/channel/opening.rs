//! What opening a channel does to the engine's count of what is outstanding.

use std::sync::atomic::{AtomicBool, AtomicUsize, Ordering};

/// A DATA_CHANNEL_OPEN without its label, and without a protocol, which we never name (RFC 8832, 5.1).
const OPEN_HEADER: usize = 12;
/// A DATA_CHANNEL_ACK (RFC 8832, 5.2).
const ACK: usize = 1;

/// The engine does not count the message that opens a channel, or confirms it, as outstanding, but takes its
/// bytes away when they are acknowledged. So what is sent before that seems acknowledged too early, by that much.
#[derive(Debug)]
pub(crate) struct Opening {
    bytes: usize,
    is_acknowledged: AtomicBool,
    /// By the application.
    sent: AtomicUsize,
}

impl Opening {
    /// Of a channel that this side makes.
    pub(crate) fn asked_for(label: &str) -> Self {
        Self::of(OPEN_HEADER + label.len())
    }

    /// Of a channel that the peer makes.
    pub(crate) fn confirmed() -> Self {
        Self::of(ACK)
    }

    fn of(bytes: usize) -> Self {
        Self { bytes, is_acknowledged: AtomicBool::new(false), sent: AtomicUsize::new(0) }
    }

    pub(super) fn count_sent(&self, bytes: usize) {
        if !self.is_acknowledged.load(Ordering::Relaxed) {
            self.sent.fetch_add(bytes, Ordering::Relaxed);
        }
    }

    /// SCTP had nothing outstanding: what opened the channel has arrived, and the engine's count is right from now on,
    /// unless a message was on its way to SCTP just then (docs/upstream.md).
    pub(super) fn all_is_acknowledged(&self) {
        self.is_acknowledged.store(true, Ordering::Relaxed);
    }

    /// What may be outstanding at most, when the engine counts so much.
    pub(super) fn correct(&self, counted: usize) -> usize {
        if self.is_acknowledged.load(Ordering::Relaxed) {
            counted
        } else {
            counted.saturating_add(self.bytes).min(self.sent.load(Ordering::Relaxed))
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_is_sent_before_the_opening_is_acknowledged_is_not_forgotten_with_it() {
        let opening = Opening::asked_for("results");
        assert_eq!(opening.correct(0), 0, "nothing was sent");
        opening.count_sent(8);
        assert_eq!(opening.correct(8), 8, "no more than was sent");
        assert_eq!(opening.correct(0), 8, "the opening alone was acknowledged");
        opening.count_sent(100);
        assert_eq!(opening.correct(89), 108);
        opening.all_is_acknowledged();
        opening.count_sent(5);
        assert_eq!(opening.correct(5), 5);
    }
}
