//! What is known about the frames of a video, told so that a lost packet holds up no other frame, and seldom its own.

use std::collections::VecDeque;
use std::time::Duration;

use streamsdk_transport::{ChannelSender, DeliveryOrder, Peer, SendError};
use tokio::time::{Instant, sleep_until};

/// Label of the channel, which is ours: the engine sends in order on channels of the peer's.
const LABEL: &str = "frames";
/// Late enough to go in another packet, and well before a browser shows the picture where packets are lost.
const REPEATED_AFTER: Duration = Duration::from_millis(20);
/// What takes more than a few packets is sent once.
const MAX_REPEATED_BYTES: usize = 4 << 10;

pub(crate) struct FrameChannel {
    sender: ChannelSender,
    /// With the time at which each is sent again, in order.
    repetitions: VecDeque<(Instant, String)>,
}

impl FrameChannel {
    pub(crate) async fn open(peer: &Peer) -> Result<Self, SendError> {
        let (sender, _nothing) = peer.open_channel(LABEL, DeliveryOrder::Unordered).await?.split();
        Ok(Self { sender, repetitions: VecDeque::new() })
    }

    pub(crate) async fn tell(&mut self, text: String) -> Result<(), SendError> {
        self.sender.send_text(&text).await?;
        if text.len() <= MAX_REPEATED_BYTES {
            self.repetitions.push_back((Instant::now() + REPEATED_AFTER, text));
        }
        Ok(())
    }

    /// Sends again what was told a moment ago, when it is time; never resolves where there is nothing. What is
    /// cancelled may be sent once more.
    pub(crate) async fn repeat(&mut self) -> Result<(), SendError> {
        let Some((due, text)) = self.repetitions.front() else {
            return std::future::pending().await;
        };
        sleep_until(*due).await;
        self.sender.send_text(text).await?;
        self.repetitions.pop_front();
        Ok(())
    }
}
