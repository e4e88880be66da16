use std::sync::atomic::Ordering;
use std::sync::{Arc, Mutex, PoisonError, Weak};
use std::time::Duration;

use rtc::peer_connection::transport::RTCDtlsTransportState;
use tokio::sync::watch;
use tokio::time::{Instant, timeout, timeout_at};
use webrtc::peer_connection::PeerConnection;

use crate::channel::{ChannelSender, Traffic};
use crate::life::Life;
use crate::seam::Hurry;
use crate::{EndReason, PeerState};

/// How long the engine may take to stop once everything is drained.
const STOP_LIMIT: Duration = Duration::from_secs(1);
const FAREWELL_POLL: Duration = Duration::from_millis(100);
const DRAIN_POLL: Duration = Duration::from_millis(5);

/// A connection. Cloning gives another handle to the same one.
///
/// When the last handle is dropped without [`Peer::close`], the connection is closed in the
/// background without draining.
#[derive(Clone)]
pub struct Peer {
    inner: Arc<Inner>,
}

struct Inner {
    engine: Arc<dyn PeerConnection>,
    life: Life,
    traffic: Arc<Traffic>,
    channels: Mutex<Vec<ChannelSender>>,
    hurry: Mutex<Option<Hurry>>,
    drain_timeout: Duration,
    closing: tokio::sync::Mutex<bool>,
}

/// What went over a connection so far.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
#[non_exhaustive]
pub struct TransportStats {
    /// Bytes sent on data channels.
    pub bytes_sent: u64,
    /// Bytes received on data channels.
    pub bytes_received: u64,
    /// Messages that arrived on data channels that nobody reads, and were discarded.
    pub messages_discarded: u64,
}

impl Peer {
    pub(crate) fn new(
        engine: Arc<dyn PeerConnection>,
        life: Life,
        traffic: Arc<Traffic>,
        hurry: Option<Hurry>,
        drain_timeout: Duration,
    ) -> Self {
        tokio::spawn(watch_for_farewell(Arc::downgrade(&engine), life.clone()));
        Self {
            inner: Arc::new(Inner {
                engine,
                life,
                traffic,
                channels: Mutex::default(),
                hurry: Mutex::new(hurry),
                drain_timeout,
                closing: tokio::sync::Mutex::new(false),
            }),
        }
    }

    /// What the connection is doing.
    pub fn state(&self) -> PeerState {
        self.inner.life.state()
    }

    /// Follows [`Peer::state`].
    pub fn watch(&self) -> watch::Receiver<PeerState> {
        self.inner.life.watch()
    }

    /// Resolves when the connection is over.
    pub async fn ended(&self) -> EndReason {
        self.inner.life.ended().await
    }

    /// When anything last came from the network for this connection; `None` before anything has.
    ///
    /// A living peer answers a check every 2 s, or more often where
    /// [`PeerConfig::dead_after`](crate::PeerConfig::dead_after) is short.
    pub fn last_heard(&self) -> Option<Instant> {
        self.inner.life.heard().get()
    }

    /// What went over the connection so far.
    pub fn stats(&self) -> TransportStats {
        let Traffic { bytes_sent, bytes_received, messages_discarded } = &*self.inner.traffic;
        TransportStats {
            bytes_sent: bytes_sent.load(Ordering::Relaxed),
            bytes_received: bytes_received.load(Ordering::Relaxed),
            messages_discarded: messages_discarded.load(Ordering::Relaxed),
        }
    }

    /// Closes the connection: waits until what was sent has arrived, at most
    /// [`PeerConfig::drain_timeout`](crate::PeerConfig::drain_timeout), then tells the peer and stops.
    ///
    /// Can be called from anywhere, any number of times, and returns within the drain time-out and
    /// about a second. A connection that is over already is not drained.
    pub async fn close(&self) {
        let mut closed = self.inner.closing.lock().await;
        if std::mem::replace(&mut *closed, true) {
            return;
        }
        self.drain().await;
        self.stop().await;
    }

    /// Closes the connection at once, without waiting for what was sent to arrive.
    pub async fn abort(&self) {
        let mut closed = self.inner.closing.lock().await;
        if std::mem::replace(&mut *closed, true) {
            return;
        }
        self.stop().await;
    }

    pub(crate) fn life(&self) -> &Life {
        &self.inner.life
    }

    pub(crate) fn adopt(&self, channel: ChannelSender) {
        self.inner.channels.lock().unwrap_or_else(PoisonError::into_inner).push(channel);
    }

    /// The connection stands: the engine may sleep again.
    pub(crate) fn settle(&self) {
        self.inner.hurry.lock().unwrap_or_else(PoisonError::into_inner).take();
    }

    async fn drain(&self) {
        let deadline = Instant::now() + self.inner.drain_timeout;
        let channels = self.inner.channels.lock().unwrap_or_else(PoisonError::into_inner).clone();
        let drained = async {
            for channel in channels {
                while channel.unacknowledged().await > 0 {
                    tokio::time::sleep(DRAIN_POLL).await;
                }
            }
        };
        tokio::select! {
            _ = timeout_at(deadline, drained) => {}
            _ = self.ended() => {}
        }
    }

    async fn stop(&self) {
        self.inner.life.end(EndReason::ClosedHere);
        self.settle();
        if !matches!(timeout(STOP_LIMIT, self.inner.engine.close()).await, Ok(Ok(()))) {
            tracing::warn!("the connection did not stop cleanly");
        }
    }
}

/// Ends `life` when the peer has said goodbye.
///
/// The engine reports that to nobody: by the book a connection whose DTLS transport was closed by
/// the other side stays "connected".
async fn watch_for_farewell(engine: Weak<dyn PeerConnection>, life: Life) {
    loop {
        tokio::select! {
            _ = life.ended() => return,
            () = tokio::time::sleep(FAREWELL_POLL) => {}
        }
        let Some(engine) = engine.upgrade() else { return };
        if let Some(sctp) = engine.sctp().await
            && let Ok(RTCDtlsTransportState::Closed) = sctp.transport().state().await
        {
            life.end(EndReason::ClosedByPeer);
        }
    }
}

impl std::fmt::Debug for Peer {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("Peer").field("state", &self.state()).finish_non_exhaustive()
    }
}

impl Drop for Inner {
    fn drop(&mut self) {
        let was_closed = *self.closing.get_mut();
        let runtime = tokio::runtime::Handle::try_current();
        if let (false, Ok(runtime)) = (was_closed, runtime) {
            self.life.end(EndReason::ClosedHere);
            let engine = Arc::clone(&self.engine);
            runtime.spawn(async move { timeout(STOP_LIMIT, engine.close()).await });
        }
    }
}
