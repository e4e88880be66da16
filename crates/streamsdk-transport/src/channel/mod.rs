mod delivery_mode;
mod inbound_queue;
mod opening;
mod send_window;

use std::pin::pin;
use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};
use std::time::Duration;

use bytes::{Bytes, BytesMut};
use tracing::warn;
use webrtc::data_channel::{DataChannel, DataChannelEvent, RTCDataChannelMessage};

pub use self::delivery_mode::DeliveryMode;
pub(crate) use self::inbound_queue::InboundLimits;
use self::inbound_queue::{Delivery, InboundQueue, Next};
pub(crate) use self::opening::Opening;
pub(crate) use self::send_window::FIRST_SEND_WINDOW;
use self::send_window::SendWindow;
use crate::connection_state::ConnectionState;
use crate::error::EngineError;
use crate::runtime::tuning::RuntimeTuning;
use crate::{EndReason, SendError};

const MAX_END_LAG: Duration = Duration::from_millis(300);
const OPENING_POLL: Duration = Duration::from_millis(1);

/// One message from the peer.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Message {
    /// Bytes.
    Binary(Bytes),
    /// Text. What is not UTF-8 comes with replacement characters.
    Text(String),
}

impl Message {
    fn len(&self) -> usize {
        match self {
            Self::Binary(bytes) => bytes.len(),
            Self::Text(text) => text.len(),
        }
    }
}

impl From<RTCDataChannelMessage> for Message {
    fn from(message: RTCDataChannelMessage) -> Self {
        if message.is_string {
            Self::Text(String::from_utf8_lossy(&message.data).into_owned())
        } else {
            Self::Binary(message.data.freeze())
        }
    }
}

/// A data channel: reliable, and ordered unless it was [opened](crate::Peer::open_channel) otherwise.
///
/// Split it with [`Channel::split`] to send and receive in different tasks. What arrives on a channel
/// waits for its reader, within bounds: see [`ChannelReceiver`].
#[derive(Debug)]
pub struct Channel {
    sender: ChannelSender,
    receiver: ChannelReceiver,
}

impl Channel {
    pub(crate) fn new(
        label: String,
        opening: Opening,
        engine: Arc<dyn DataChannel>,
        connection_state: ConnectionState,
        counters: Arc<ChannelCounters>,
        limits: ChannelLimits,
        tuning: &Arc<RuntimeTuning>,
    ) -> Self {
        let ChannelLimits { inbound, send_buffer } = limits;
        let shared = Arc::new(ChannelShared {
            label,
            opening,
            engine,
            connection_state,
            counters,
            inbound: InboundQueue::new(inbound),
            send_window: SendWindow::new(tuning, send_buffer),
        });
        tokio::spawn(receive(Arc::clone(&shared)));
        Self { sender: ChannelSender(Arc::clone(&shared)), receiver: ChannelReceiver(shared) }
    }

    /// The channel's label.
    pub fn label(&self) -> &str {
        self.sender.label()
    }

    /// See [`ChannelSender::send`].
    ///
    /// # Errors
    ///
    /// When the channel or the connection is over.
    pub async fn send(&self, message: BytesMut) -> Result<(), SendError> {
        self.sender.send(message).await
    }

    /// See [`ChannelSender::send_text`].
    ///
    /// # Errors
    ///
    /// When the channel or the connection is over.
    pub async fn send_text(&self, text: &str) -> Result<(), SendError> {
        self.sender.send_text(text).await
    }

    /// See [`ChannelReceiver::recv`].
    pub async fn recv(&mut self) -> Option<Message> {
        self.receiver.recv().await
    }

    /// See [`ChannelReceiver::hold_peer_back_without_limit`].
    pub fn hold_peer_back_without_limit(&mut self) {
        self.receiver.hold_peer_back_without_limit();
    }

    /// Whether the peer has not confirmed it yet.
    pub(crate) fn is_opening(&self) -> bool {
        self.sender.0.inbound.is_opening()
    }

    /// The two directions by themselves.
    pub fn split(self) -> (ChannelSender, ChannelReceiver) {
        (self.sender, self.receiver)
    }

    /// The sending direction; clone it to send from elsewhere.
    pub fn sender(&self) -> &ChannelSender {
        &self.sender
    }
}

/// How much a channel holds, in either direction.
#[derive(Debug, Clone, Copy)]
pub(crate) struct ChannelLimits {
    pub(crate) inbound: InboundLimits,
    /// Most bytes that the peer has not acknowledged.
    pub(crate) send_buffer: usize,
}

struct ChannelShared {
    label: String,
    opening: Opening,
    engine: Arc<dyn DataChannel>,
    connection_state: ConnectionState,
    counters: Arc<ChannelCounters>,
    inbound: InboundQueue,
    send_window: SendWindow,
}

impl std::fmt::Debug for ChannelShared {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("Channel").field("label", &self.label).finish_non_exhaustive()
    }
}

/// What went over a connection's channels.
#[derive(Debug, Default)]
pub(crate) struct ChannelCounters {
    pub(crate) bytes_sent: AtomicU64,
    pub(crate) bytes_received: AtomicU64,
    pub(crate) messages_discarded: AtomicU64,
}

/// Takes what the engine has for a channel until the connection is over: even a closed channel that nobody
/// reads from would stop the others.
async fn receive(channel: Arc<ChannelShared>) {
    let mut ended = pin!(channel.connection_state.ended());
    loop {
        let event = tokio::select! {
            biased;
            event = channel.engine.poll() => event,
            _ = &mut ended => break,
        };
        match event {
            Some(DataChannelEvent::OnOpen) => channel.inbound.open(),
            Some(DataChannelEvent::OnMessage(message)) => {
                let mut delivery = pin!(channel.deliver(message.into()));
                tokio::select! {
                    biased;
                    () = &mut delivery => {}
                    _ = &mut ended => {
                        channel.inbound.lift_bounds();
                        delivery.await;
                        break;
                    }
                }
            }
            // Its threshold is zero.
            Some(DataChannelEvent::OnBufferedAmountLow) => channel.opening.all_is_acknowledged(),
            Some(DataChannelEvent::OnClose) => channel.inbound.close(),
            Some(_) => {}
            None => break,
        }
    }
    if channel.connection_state.end_reason() == Some(EndReason::ClosedByPeer) {
        channel.drain_engine().await;
    }
    channel.inbound.close();
}

impl ChannelShared {
    /// What the peer sent before its close_notify, and the engine still has.
    async fn drain_engine(&self) {
        self.inbound.lift_bounds();
        while let Ok(Some(event)) = tokio::time::timeout(MAX_END_LAG, self.engine.poll()).await {
            match event {
                DataChannelEvent::OnMessage(message) => self.deliver(message.into()).await,
                DataChannelEvent::OnClose => return,
                _ => {}
            }
        }
    }

    async fn deliver(&self, message: Message) {
        let received = &self.counters.bytes_received;
        received.fetch_add(message.len() as u64, Ordering::Relaxed);
        let delivery = self.inbound.deliver(message).await;
        if delivery == Delivery::ReaderTooSlow {
            // The peer is not told: the engine stops all channels of a connection when it closes one
            // on which data is under way.
            let label = &self.label;
            warn!(label, "a channel's reader is given up: it took nothing from its full buffer");
        }
        if delivery != Delivery::Queued {
            self.counters.messages_discarded.fetch_add(1, Ordering::Relaxed);
        }
    }
}

/// The sending direction of a [`Channel`]. Clones send on the same channel.
#[derive(Debug, Clone)]
pub struct ChannelSender(Arc<ChannelShared>);

impl ChannelSender {
    /// The channel's label.
    pub fn label(&self) -> &str {
        &self.0.label
    }

    /// Sends bytes. Waits while the peer has not acknowledged as much as the path carries in a few round trips, which
    /// is [`PeerConfig::send_buffer`](crate::PeerConfig::send_buffer) bytes at most; ends at once when the connection
    /// ends.
    ///
    /// `Ok` means queued: [`ChannelSender::unacknowledged`] tells when it has arrived.
    ///
    /// # Errors
    ///
    /// When the channel or the connection is over.
    pub async fn send(&self, message: BytesMut) -> Result<(), SendError> {
        let (len, engine) = (message.len(), &self.0.engine);
        let sending = async {
            self.room().await?;
            match self.0.inbound.is_opening() {
                true => self.once_it_can(|| engine.send(message.clone())).await,
                false => engine.send(message).await,
            }
        };
        self.unless_ended(sending, len).await
    }

    /// Sends text, as [`ChannelSender::send`] sends bytes.
    ///
    /// # Errors
    ///
    /// When the channel or the connection is over.
    pub async fn send_text(&self, text: &str) -> Result<(), SendError> {
        let sending = async {
            self.room().await?;
            self.once_it_can(|| self.0.engine.send_text(text)).await
        };
        self.unless_ended(sending, text.len()).await
    }

    /// Waits until the window has room.
    async fn room(&self) -> webrtc::error::Result<()> {
        self.0.send_window.room(&*self.0.engine).await
    }

    /// Sends as soon as the engine does: it opens its channels a moment after the association stands.
    async fn once_it_can<T>(&self, send: impl Fn() -> T) -> webrtc::error::Result<()>
    where
        T: Future<Output = webrtc::error::Result<()>>,
    {
        loop {
            match send().await {
                Err(webrtc::error::Error::ErrDataChannelNotOpen) => {
                    tokio::time::sleep(OPENING_POLL).await;
                }
                sent => return sent,
            }
        }
    }

    /// Bytes that were handed over and that the peer has not acknowledged.
    pub async fn unacknowledged(&self) -> usize {
        // A channel that is closed has nothing outstanding.
        let counted = self.0.engine.outstanding_bytes().await;
        counted.map_or(0, |counted| self.0.opening.correct(counted))
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
        if let Some(reason) = self.0.connection_state.end_reason() {
            return Err(SendError::Ended(reason));
        }
        let sent = tokio::select! {
            biased;
            sent = sending => sent,
            reason = self.0.connection_state.ended() => return Err(SendError::Ended(reason)),
        };
        match sent {
            Ok(()) => {
                self.0.opening.count_sent(len);
                self.0.send_window.count_sent(len);
                self.0.counters.bytes_sent.fetch_add(len as u64, Ordering::Relaxed);
                Ok(())
            }
            Err(webrtc::error::Error::ErrDataChannelClosed) => Err(self
                .0
                .connection_state
                .end_reason()
                .map_or(SendError::ChannelClosed, SendError::Ended)),
            Err(error) => Err(SendError::Engine(EngineError::from(error))),
        }
    }
}

/// The receiving direction of a [`Channel`].
///
/// What arrives waits here, up to [`PeerConfig::receive_buffer`](crate::PeerConfig::receive_buffer)
/// bytes. SCTP has one window for all channels of a connection, so who does not read can hurt others,
/// and this is what becomes of an unread channel:
///
/// * Once the receiver is **dropped**, what arrives is discarded and counted
///   ([`TransportStats::messages_discarded`](crate::TransportStats::messages_discarded)). Nobody else
///   notices.
/// * While the buffer of a **slow** receiver is full, the peer is held back on all channels. They go at
///   the pace of this one.
/// * A receiver that takes **nothing** from its full buffer for
///   [`PeerConfig::reader_timeout`](crate::PeerConfig::reader_timeout) is given up: what arrives from then
///   on is discarded and counted, and the other channels go on. What had arrived before can still be
///   taken, and then [`ChannelReceiver::was_too_slow`] says why there is no more.
#[derive(Debug)]
pub struct ChannelReceiver(Arc<ChannelShared>);

impl ChannelReceiver {
    /// The channel's label.
    pub fn label(&self) -> &str {
        &self.0.label
    }

    /// The next message; `None` when the channel is closed or the connection is over, after what
    /// had arrived by then. Cancelling loses nothing.
    pub async fn recv(&mut self) -> Option<Message> {
        loop {
            match self.0.inbound.take() {
                Next::Message(message) => return Some(message),
                Next::Ended => {
                    // Channels close a moment before the connection that they close with: wait for it, so
                    // that `end_reason` is known when this returns.
                    let _ =
                        tokio::time::timeout(MAX_END_LAG, self.0.connection_state.ended()).await;
                    return None;
                }
                Next::Pending => self.0.inbound.changed().await,
            }
        }
    }

    /// Lets this receiver leave its buffer full for as long as it likes, instead of
    /// [`PeerConfig::reader_timeout`](crate::PeerConfig::reader_timeout).
    ///
    /// For a channel on which nothing may be lost however long its reader pauses, and which matters more
    /// than the others: they wait with it.
    pub fn hold_peer_back_without_limit(&mut self) {
        self.0.inbound.lift_reader_timeout();
    }

    /// Whether this receiver was given up because it took nothing from its full buffer.
    pub fn was_too_slow(&self) -> bool {
        self.0.inbound.reader_was_too_slow()
    }

    /// Why the connection is over, if it is. A channel can also be closed by itself.
    pub fn end_reason(&self) -> Option<EndReason> {
        self.0.connection_state.end_reason()
    }
}

impl Drop for ChannelReceiver {
    fn drop(&mut self) {
        self.0.inbound.reader_is_gone();
    }
}
