use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};
use std::time::Duration;

use bytes::{Bytes, BytesMut};
use tokio::sync::Mutex;
use webrtc::data_channel::{DataChannel, DataChannelEvent};

use crate::error::EngineError;
use crate::life::Life;
use crate::{EndReason, SendError};

const END_LAG: Duration = Duration::from_millis(300);

/// One message from the peer.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Message {
    /// Bytes.
    Binary(Bytes),
    /// Text. What is not UTF-8 comes with replacement characters.
    Text(String),
}

/// A data channel: ordered and reliable.
///
/// Split it with [`Channel::split`] to send and receive in different tasks.
#[derive(Debug)]
pub struct Channel {
    sender: ChannelSender,
    receiver: ChannelReceiver,
}

impl Channel {
    pub(crate) fn new(
        label: String,
        engine: Arc<dyn DataChannel>,
        life: Life,
        traffic: Arc<Traffic>,
    ) -> Self {
        let shared = Arc::new(Shared { label, engine, life, traffic, reading: Mutex::new(()) });
        Self { sender: ChannelSender(Arc::clone(&shared)), receiver: ChannelReceiver(shared) }
    }

    /// The channel's label.
    pub fn label(&self) -> &str {
        self.sender.label()
    }

    /// See [`ChannelSender::send`].
    pub async fn send(&self, message: BytesMut) -> Result<(), SendError> {
        self.sender.send(message).await
    }

    /// See [`ChannelSender::send_text`].
    pub async fn send_text(&self, text: &str) -> Result<(), SendError> {
        self.sender.send_text(text).await
    }

    /// See [`ChannelReceiver::recv`].
    pub async fn recv(&mut self) -> Option<Message> {
        self.receiver.recv().await
    }

    /// The two directions by themselves.
    pub fn split(self) -> (ChannelSender, ChannelReceiver) {
        (self.sender, self.receiver)
    }

    /// The sending direction; clone it to send from elsewhere.
    pub fn sender(&self) -> &ChannelSender {
        &self.sender
    }

    /// Waits for the channel to open; `false` if it closed instead.
    pub(crate) async fn opened(&mut self) -> bool {
        loop {
            match self.receiver.0.engine.poll().await {
                Some(DataChannelEvent::OnOpen) => return true,
                Some(DataChannelEvent::OnClose) | None => return false,
                Some(_) => {}
            }
        }
    }
}

struct Shared {
    label: String,
    engine: Arc<dyn DataChannel>,
    life: Life,
    traffic: Arc<Traffic>,
    reading: Mutex<()>,
}

impl std::fmt::Debug for Shared {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("Channel").field("label", &self.label).finish_non_exhaustive()
    }
}

/// Bytes that went over a connection's channels.
#[derive(Debug, Default)]
pub(crate) struct Traffic {
    pub(crate) sent: AtomicU64,
    pub(crate) received: AtomicU64,
}

/// The sending direction of a [`Channel`]. Clones send on the same channel.
#[derive(Debug, Clone)]
pub struct ChannelSender(Arc<Shared>);

impl ChannelSender {
    /// The channel's label.
    pub fn label(&self) -> &str {
        &self.0.label
    }

    /// Sends bytes. Waits while the peer has not acknowledged
    /// [`PeerConfig::send_buffer`](crate::PeerConfig::send_buffer) bytes; ends at once when the
    /// connection ends.
    ///
    /// `Ok` means queued: [`ChannelSender::unacknowledged`] tells when it has arrived.
    pub async fn send(&self, message: BytesMut) -> Result<(), SendError> {
        let len = message.len();
        self.unless_ended(self.0.engine.send(message), len).await
    }

    /// Sends text, as [`ChannelSender::send`] sends bytes.
    pub async fn send_text(&self, text: &str) -> Result<(), SendError> {
        self.unless_ended(self.0.engine.send_text(text), text.len()).await
    }

    /// Bytes that were handed over and that the peer has not acknowledged.
    pub async fn unacknowledged(&self) -> usize {
        self.0.engine.outstanding_bytes().await.unwrap_or(0)
    }

    /// Closes the channel, in both directions.
    pub async fn close(&self) {
        // A channel that is closed already is what was asked for.
        let _ = self.0.engine.close().await;
    }

    async fn unless_ended(
        &self,
        sending: impl Future<Output = webrtc::error::Result<()>>,
        len: usize,
    ) -> Result<(), SendError> {
        if let Some(reason) = self.0.life.end_reason() {
            return Err(SendError::Ended(reason));
        }
        let sent = tokio::select! {
            sent = sending => sent,
            reason = self.0.life.ended() => return Err(SendError::Ended(reason)),
        };
        match sent {
            Ok(()) => {
                self.0.traffic.sent.fetch_add(len as u64, Ordering::Relaxed);
                Ok(())
            }
            Err(webrtc::error::Error::ErrDataChannelClosed) => {
                Err(self.0.life.end_reason().map_or(SendError::ChannelClosed, SendError::Ended))
            }
            Err(error) => Err(SendError::Engine(EngineError::from(error))),
        }
    }
}

/// The receiving direction of a [`Channel`].
#[derive(Debug)]
pub struct ChannelReceiver(Arc<Shared>);

impl ChannelReceiver {
    /// The channel's label.
    pub fn label(&self) -> &str {
        &self.0.label
    }

    /// The next message; `None` when the channel is closed or the connection is over, after what
    /// had arrived by then.
    ///
    /// Messages that are not taken fill the channel's queue (512 messages) and then hold the peer
    /// back; they also hold the connection's other channels back. Cancelling loses nothing.
    pub async fn recv(&mut self) -> Option<Message> {
        let shared = &self.0;
        let _one_at_a_time = shared.reading.lock().await;
        loop {
            let event = tokio::select! {
                biased;
                event = shared.engine.poll() => event,
                _ = shared.life.ended() => return None,
            };
            match event {
                Some(DataChannelEvent::OnMessage(message)) => {
                    shared.traffic.received.fetch_add(message.data.len() as u64, Ordering::Relaxed);
                    return Some(if message.is_string {
                        Message::Text(String::from_utf8_lossy(&message.data).into_owned())
                    } else {
                        Message::Binary(message.data.freeze())
                    });
                }
                Some(DataChannelEvent::OnClose) | None => {
                    // Channels close a moment before the connection that they close with: wait
                    // for it, so that `end_reason` is known when this returns.
                    let _ = tokio::time::timeout(END_LAG, shared.life.ended()).await;
                    return None;
                }
                Some(_) => {}
            }
        }
    }

    /// Why the connection is over, if it is. A channel can also be closed by itself.
    pub fn end_reason(&self) -> Option<EndReason> {
        self.0.life.end_reason()
    }
}
