use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError, Weak};
use std::time::Duration;

use serde::Serialize;

use rtc::peer_connection::transport::{RTCDtlsTransportState, RTCSctpTransportState};
use tokio::runtime::Handle;
use tokio::sync::watch;
use tokio::time::{Instant, timeout};
use webrtc::peer_connection::PeerConnection;
use webrtc::peer_connection::transport::DtlsTransport;

use crate::channel::{
    Channel, ChannelCounters, ChannelLimits, ChannelSender, DeliveryMode, Opening,
};
use crate::connection_state::ConnectionState;
use crate::error::EngineError;
use crate::runtime::network::Moment;
use crate::runtime::tuning::{FastTimers, RuntimeTuning};
use crate::{EndReason, PeerState, SendError};

/// How long the engine may take to stop once everything is drained.
const MAX_STOP_TIME: Duration = Duration::from_secs(1);
const ASSOCIATION_POLL: Duration = Duration::from_millis(1);
const CLOSE_POLL: Duration = Duration::from_millis(100);
const DRAIN_POLL: Duration = Duration::from_millis(5);
/// Time for what the peer says to the last that it was sent, such as an acknowledgement.
const LAST_REPLY_TIME: Duration = Duration::from_millis(200);

/// A connection. Cloning gives another handle to the same one.
///
/// When the last handle is dropped without [`Peer::close`], the connection is closed in the
/// background without draining, wherever that is.
#[derive(Clone)]
pub struct Peer {
    inner: Arc<PeerInner>,
}

/// A [`Peer`] as far as there is one: it does not keep the connection.
pub(crate) struct WeakPeer {
    inner: Weak<PeerInner>,
}

/// What a peer is made of.
pub(crate) struct PeerParts {
    pub(crate) engine: Arc<dyn PeerConnection>,
    pub(crate) connection_state: ConnectionState,
    pub(crate) tuning: Arc<RuntimeTuning>,
    pub(crate) counters: Arc<ChannelCounters>,
    pub(crate) limits: ChannelLimits,
    pub(crate) close_timeout: Duration,
}

struct PeerInner {
    engine: Arc<dyn PeerConnection>,
    connection_state: ConnectionState,
    tuning: Arc<RuntimeTuning>,
    counters: Arc<ChannelCounters>,
    limits: ChannelLimits,
    /// The one that the connection runs on; the last handle may be dropped outside of it.
    runtime: Handle,
    channels: Mutex<Vec<ChannelSender>>,
    fast_timers: Mutex<Option<FastTimers>>,
    close_timeout: Duration,
    closing: AtomicBool,
    closed: watch::Sender<Option<Closed>>,
}

/// How a connection was closed.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
#[non_exhaustive]
pub struct Closed {
    /// Bytes that were handed over on data channels and that the peer had not acknowledged when it was
    /// no longer waited for.
    ///
    /// 0 means that everything has arrived. A peer that closes the connection itself may have received
    /// what it did not acknowledge any more.
    pub unacknowledged: usize,
}

/// What went over a connection so far.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, Serialize)]
#[non_exhaustive]
pub struct TransportStats {
    /// Bytes sent on data channels.
    pub bytes_sent: u64,
    /// Bytes received on data channels.
    pub bytes_received: u64,
    /// Messages that arrived on data channels that nobody reads, and were discarded.
    pub messages_discarded: u64,
    /// Packets sent that were larger than what is known to get to the peer in one piece, and that were
    /// cut up on the way.
    pub packets_fragmented: u64,
    /// Packets that were to go to a TURN server over TCP or TLS, and that were dropped because the stream was slow or
    /// not there.
    pub relay_packets_dropped: u64,
}

impl Peer {
    pub(crate) fn new(parts: PeerParts) -> Self {
        let PeerParts { engine, connection_state, tuning, counters, limits, close_timeout } = parts;
        let watch = watch_for_close_notify(
            Arc::downgrade(&engine),
            connection_state.clone(),
            Arc::clone(&tuning),
        );
        tokio::spawn(watch);
        Self {
            inner: Arc::new(PeerInner {
                engine,
                connection_state,
                tuning,
                counters,
                limits,
                runtime: Handle::current(),
                channels: Mutex::default(),
                fast_timers: Mutex::default(),
                close_timeout,
                closing: AtomicBool::new(false),
                closed: watch::Sender::new(None),
            }),
        }
    }

    /// What the connection is doing.
    pub fn state(&self) -> PeerState {
        self.inner.connection_state.state()
    }

    /// Follows [`Peer::state`].
    pub fn watch(&self) -> watch::Receiver<PeerState> {
        self.inner.connection_state.watch()
    }

    /// Resolves when the connection is over.
    pub async fn ended(&self) -> EndReason {
        self.inner.connection_state.ended().await
    }

    /// Opens another channel, once the connection stands, and waits for that as long as it is not over. The channel can
    /// be sent on at once then: whether the peer takes it is not waited for.
    ///
    /// # Errors
    ///
    /// When the connection is over.
    pub async fn open_channel(
        &self,
        label: &str,
        mode: DeliveryMode,
    ) -> Result<Channel, SendError> {
        // What opens a channel is forgotten while the association is being made.
        if self.inner.engine.sctp().await.is_some() {
            tokio::select! {
                biased;
                () = self.associated(|| true) => {}
                reason = self.ended() => return Err(SendError::Ended(reason)),
            }
        }
        self.make_channel(label, mode).await.map_err(|error| {
            match self.inner.connection_state.end_reason() {
                Some(reason) => SendError::Ended(reason),
                None => SendError::Engine(error),
            }
        })
    }

    /// Waits until the association of SCTP stands, while that `is_of_use`. The engine tells nobody.
    pub(crate) async fn associated(&self, is_of_use: impl Fn() -> bool) {
        let PeerInner { engine, tuning, .. } = &*self.inner;
        while is_of_use() {
            // Whatever makes it stand happens within a round of the engine's.
            let round = tuning.end_of_round();
            if let Some(sctp) = engine.sctp().await
                && let Ok(RTCSctpTransportState::Connected) = sctp.state().await
            {
                return;
            }
            let _ = timeout(ASSOCIATION_POLL, round).await;
        }
    }

    pub(crate) async fn make_channel(
        &self,
        label: &str,
        mode: DeliveryMode,
    ) -> Result<Channel, EngineError> {
        let PeerInner { engine, connection_state, counters, limits, tuning, .. } = &*self.inner;
        let channel = engine.create_data_channel(label, Some(mode.init())).await;
        let channel = channel.map_err(EngineError::from)?;
        let channel = Channel::new(
            label.to_owned(),
            Opening::asked_for(label),
            channel,
            connection_state.clone(),
            Arc::clone(counters),
            *limits,
            tuning,
        );
        self.register_channel(channel.sender().clone());
        Ok(channel)
    }

    /// When anything last came from the network for this connection; `None` before anything has.
    ///
    /// A living peer answers a check every 2 s, or more often where
    /// [`PeerConfig::dead_after`](crate::PeerConfig::dead_after) is short.
    pub fn last_heard(&self) -> Option<Instant> {
        self.inner.connection_state.heard().get()
    }

    /// What went over the connection so far.
    pub fn stats(&self) -> TransportStats {
        let ChannelCounters { bytes_sent, bytes_received, messages_discarded } =
            &*self.inner.counters;
        let servers = self.inner.tuning.servers.as_ref();
        TransportStats {
            bytes_sent: bytes_sent.load(Ordering::Relaxed),
            bytes_received: bytes_received.load(Ordering::Relaxed),
            messages_discarded: messages_discarded.load(Ordering::Relaxed),
            packets_fragmented: self.inner.tuning.path.fragmented(),
            relay_packets_dropped: servers.map_or(0, |servers| servers.packets_dropped()),
        }
    }

    /// Closes the connection: waits until what was sent has been acknowledged, at most
    /// [`PeerConfig::close_timeout`](crate::PeerConfig::close_timeout), then tells the peer and stops.
    ///
    /// It is done even if nobody waits for it. Can be called from anywhere, any number of times: all
    /// calls give what the first one found. A connection that is over already is not waited for.
    pub async fn close(&self) -> Closed {
        if !self.inner.closing.swap(true, Ordering::Relaxed) {
            let peer = self.clone();
            self.inner.runtime.spawn(async move {
                let closed = peer.drain().await;
                peer.inner.tuning.network.hold_up(Moment::Drained).await;
                peer.stop().await;
                peer.inner.closed.send_replace(Some(closed));
            });
        }
        let mut closed = self.inner.closed.subscribe();
        let closed = closed.wait_for(Option::is_some).await.ok().and_then(|closed| *closed);
        // There is always one, since the sender lives in `self`.
        closed.unwrap_or_default()
    }

    /// Closes the channels, once what was sent on them has been acknowledged or
    /// [`PeerConfig::close_timeout`](crate::PeerConfig::close_timeout) is over, and leaves the connection to
    /// the peer to close.
    ///
    /// A browser whose channels end with their connection calls that an error, and an end only if
    /// they were closed before it.
    pub async fn close_channels(&self) {
        self.drain().await;
        // The engine does not read what comes on a channel that was closed here, and never confirms the
        // closing of a channel that has something unread.
        if timeout(LAST_REPLY_TIME, self.ended()).await.is_ok() {
            return;
        }
        for channel in self.channels() {
            channel.close().await;
        }
    }

    /// Closes the connection at once, without waiting for what was sent to be acknowledged. Cuts a
    /// [`Peer::close`] short that is under way.
    pub async fn abort(&self) -> Closed {
        self.inner.connection_state.end(EndReason::ClosedHere);
        self.close().await
    }

    pub(crate) fn connection_state(&self) -> &ConnectionState {
        &self.inner.connection_state
    }

    pub(crate) fn register_channel(&self, channel: ChannelSender) {
        self.inner.channels.lock().unwrap_or_else(PoisonError::into_inner).push(channel);
    }

    /// Keeps the engine awake until the connection stands.
    pub(crate) fn hurry(&self, fast_timers: FastTimers) {
        *self.inner.fast_timers() = Some(fast_timers);
    }

    /// The connection stands: the engine may sleep again.
    pub(crate) fn handshake_done(&self) {
        self.inner.fast_timers().take();
    }

    pub(crate) fn downgrade(&self) -> WeakPeer {
        WeakPeer { inner: Arc::downgrade(&self.inner) }
    }

    fn channels(&self) -> Vec<ChannelSender> {
        self.inner.channels.lock().unwrap_or_else(PoisonError::into_inner).clone()
    }

    async fn drain(&self) -> Closed {
        let channels = self.channels();
        let drained = async {
            while unacknowledged(&channels).await > 0 {
                tokio::time::sleep(DRAIN_POLL).await;
            }
        };
        tokio::select! {
            biased;
            _ = timeout(self.inner.close_timeout, drained) => {}
            _ = self.ended() => {}
        }
        Closed { unacknowledged: unacknowledged(&channels).await }
    }

    async fn stop(&self) {
        self.inner.connection_state.end(EndReason::ClosedHere);
        self.handshake_done();
        if !stop_engine(&*self.inner.engine, &self.inner.tuning).await {
            tracing::warn!("the connection did not stop cleanly");
        }
        repeat_close_notify(&self.inner.tuning);
    }
}

impl WeakPeer {
    /// `None` when the connection has no handle any more, and is closed.
    pub(crate) fn upgrade(&self) -> Option<Peer> {
        self.inner.upgrade().map(|inner| Peer { inner })
    }
}

impl PeerInner {
    fn fast_timers(&self) -> MutexGuard<'_, Option<FastTimers>> {
        self.fast_timers.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

/// Whether the engine stopped by itself. Its tasks are over in any case.
async fn stop_engine(engine: &dyn PeerConnection, tuning: &RuntimeTuning) -> bool {
    let stopped = timeout(MAX_STOP_TIME, engine.close()).await;
    tuning.tasks.end();
    matches!(stopped, Ok(Ok(())))
}

async fn unacknowledged(channels: &[ChannelSender]) -> usize {
    let mut bytes = 0;
    for channel in channels {
        bytes += channel.unacknowledged().await;
    }
    bytes
}

fn repeat_close_notify(tuning: &Arc<RuntimeTuning>) {
    let tuning = Arc::clone(tuning);
    tokio::spawn(async move { tuning.close_notify.repeat().await });
}

/// Ends `connection_state` when the peer has sent a close_notify.
///
/// The engine reports that to nobody: by the book a connection whose DTLS transport was closed by
/// the peer stays "connected". A handshake that fails closes the transport as well.
async fn watch_for_close_notify(
    engine: Weak<dyn PeerConnection>,
    connection_state: ConnectionState,
    tuning: Arc<RuntimeTuning>,
) {
    loop {
        tokio::select! {
            biased;
            _ = connection_state.ended() => return,
            () = tokio::time::sleep(CLOSE_POLL) => {}
        }
        let Some(engine) = engine.upgrade() else { return };
        if let Some(dtls) = dtls_transport(&*engine).await
            && let Ok(RTCDtlsTransportState::Closed) = dtls.state().await
        {
            connection_state.end(tuning.handshake.why_closed());
        }
    }
}

/// What carries everything of the connection; `None` before it is known what that is.
async fn dtls_transport(engine: &dyn PeerConnection) -> Option<Arc<dyn DtlsTransport>> {
    if let Some(sctp) = engine.sctp().await {
        return Some(sctp.transport());
    }
    if let Some(sender) = engine.get_senders().await.first() {
        return sender.transport().await.ok().flatten();
    }
    engine.get_receivers().await.first()?.transport().await.ok().flatten()
}

impl std::fmt::Debug for Peer {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("Peer").field("state", &self.state()).finish_non_exhaustive()
    }
}

impl Drop for PeerInner {
    fn drop(&mut self) {
        if *self.closing.get_mut() {
            return;
        }
        self.connection_state.end(EndReason::ClosedHere);
        let (engine, tuning) = (Arc::clone(&self.engine), Arc::clone(&self.tuning));
        self.runtime.spawn(async move {
            // Nobody is left to be told.
            let _ = stop_engine(&*engine, &tuning).await;
            tuning.close_notify.repeat().await;
        });
    }
}
