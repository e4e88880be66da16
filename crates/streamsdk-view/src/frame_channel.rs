//! What is known about the frames of a video, told so that a lost packet holds up no other frame, and seldom its own.
//!
//! Nothing is sent again because it was lost: by the time that this is known the picture has been shown, and what waits for it
//! would make those behind it late as well. It is told several times instead.

use std::cmp::Reverse;
use std::collections::BinaryHeap;
use std::sync::Arc;
use std::time::Duration;

use streamsdk_transport::{ChannelSender, DeliveryMode, Peer, SendError};
use tokio::time::{Instant, sleep_until};

/// Label of the channel, which is ours: the engine sends in order on channels of the peer's.
const LABEL: &str = "frames";
/// The first is late enough to go in another packet, and before a browser shows the picture; the second is for where
/// several packets in a row are lost.
const REPEATED_AFTER: [Duration; 2] = [Duration::from_millis(4), Duration::from_millis(20)];
/// What takes more than a few packets would seldom come whole.
const MAX_BYTES: usize = 4 << 10;
/// How long a packet that was lost tells of others.
const CAREFUL: Duration = Duration::from_secs(10);

pub(crate) struct FrameChannel {
    sender: ChannelSender,
    /// With the time at which each is sent again.
    repetitions: BinaryHeap<Repetition>,
    path: Path,
}

/// What is known of the way to the viewer.
struct Path {
    lost_packets: u64,
    careful_until: Instant,
}

#[derive(PartialEq, Eq, PartialOrd, Ord)]
struct Repetition {
    due: Reverse<Instant>,
    text: Arc<str>,
}

impl FrameChannel {
    pub(crate) async fn open(peer: &Peer) -> Result<Self, SendError> {
        let (sender, _nothing) = peer.open_channel(LABEL, DeliveryMode::Unreliable).await?.split();
        Ok(Self { sender, repetitions: BinaryHeap::new(), path: Path::new() })
    }

    /// Whether it can be told here.
    pub(crate) fn takes(text: &str) -> bool {
        text.len() <= MAX_BYTES
    }

    /// Tells it, and again a moment later where packets were lost lately: `lost_packets` is how many the viewer has missed
    /// so far.
    pub(crate) async fn tell(&mut self, text: String, lost_packets: u64) -> Result<(), SendError> {
        self.sender.send_text(&text).await?;
        let now = Instant::now();
        if self.path.loses(lost_packets, now) {
            let text: Arc<str> = text.into();
            self.repetitions.extend(
                REPEATED_AFTER
                    .map(|after| Repetition { due: Reverse(now + after), text: Arc::clone(&text) }),
            );
        }
        Ok(())
    }

    /// Sends again what was told a moment ago, when it is time; never resolves where there is nothing. What is
    /// cancelled may be sent once more.
    pub(crate) async fn repeat(&mut self) -> Result<(), SendError> {
        let Some(next) = self.repetitions.peek() else {
            return std::future::pending().await;
        };
        sleep_until(next.due.0).await;
        self.sender.send_text(&next.text).await?;
        self.repetitions.pop();
        Ok(())
    }
}

impl Path {
    /// Nothing is known at first, and what is lost then should not cost anything.
    fn new() -> Self {
        Self { lost_packets: 0, careful_until: Instant::now() + CAREFUL }
    }

    fn loses(&mut self, lost_packets: u64, now: Instant) -> bool {
        if lost_packets > self.lost_packets {
            self.lost_packets = lost_packets;
            self.careful_until = now + CAREFUL;
        }
        now < self.careful_until
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn where_nothing_is_lost_nothing_is_repeated_for_long() {
        let mut path = Path::new();
        let start = Instant::now();
        let mut loses = |seconds, lost| path.loses(lost, start + Duration::from_secs(seconds));
        assert!(loses(1, 0));
        assert!(!loses(11, 0));
        assert!(loses(60, 1) && loses(69, 1));
        assert!(!loses(71, 1));
        assert!(loses(72, 9));
    }

    #[test]
    fn what_is_due_first_comes_first() {
        let now = Instant::now();
        let at = |millis| Repetition {
            due: Reverse(now + Duration::from_millis(millis)),
            text: millis.to_string().into(),
        };
        let mut all = BinaryHeap::from([at(20), at(4), at(37), at(24)]);
        let order: Vec<_> = std::iter::from_fn(|| all.pop()).map(|it| it.text).collect();
        assert_eq!(order.iter().map(|it| &**it).collect::<Vec<_>>(), ["4", "20", "24", "37"]);
    }
}
