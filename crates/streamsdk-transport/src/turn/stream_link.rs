//! One TCP or TLS connection to a TURN server, and what the engine takes for packets on it.
//!
//! It is made when there is something to send, and made again when it breaks, each time after a longer pause. What
//! finds no room while it is slow, or not there, is dropped, as UDP would do. An allocation ends with the
//! connection on which it was made, and the engine never asks for another one: if nothing is heard from the peer by
//! another way then, the peer connection ends with [`EndReason::RelayLost`], long before it would be called silent.

use std::net::SocketAddr;
use std::sync::atomic::{AtomicU64, Ordering};
use std::sync::{Mutex, OnceLock, PoisonError};
use std::time::Duration;

use bytes::Bytes;
use tokio::sync::mpsc;
use tokio::sync::mpsc::error::TrySendError;
use tokio::time::{Instant, sleep};
use tracing::debug;

use super::carry::{Delivery, carry};
use super::dial::Dialer;
use super::inbox::{Datagram, Inbox};
use super::outcome::ServerFailure;
use crate::connection_state::ConnectionState;
use crate::{EndReason, IceTransportPolicy, PeerState};

/// Packets that may wait for the stream.
const MAX_WAITING: usize = 256;
const FIRST_PAUSE: Duration = Duration::from_millis(200);
const MAX_PAUSE: Duration = Duration::from_secs(5);
/// A peer that is reached by another way is heard in that time: it answers a check every 2 s.
const OTHER_WAY_LIMIT: Duration = Duration::from_millis(2500);

/// The end of it that a socket sees.
pub(super) struct StreamLink {
    packets: mpsc::Sender<Bytes>,
    dropped: AtomicU64,
    /// Which socket it belongs to: there is one allocation on a stream.
    owner: OnceLock<mpsc::Sender<Datagram>>,
    /// Until it is started.
    link: Mutex<Option<Link>>,
}

/// The end of it that has the stream.
struct Link {
    dialer: Dialer,
    relay_only: bool,
    connection_state: ConnectionState,
    packets: mpsc::Receiver<Bytes>,
}

impl StreamLink {
    pub(super) fn new(
        dialer: Dialer,
        policy: IceTransportPolicy,
        connection_state: ConnectionState,
    ) -> Self {
        let (packets_tx, packets) = mpsc::channel(MAX_WAITING);
        let relay_only = policy == IceTransportPolicy::Relay;
        let link = Link { dialer, relay_only, connection_state, packets };
        Self {
            packets: packets_tx,
            dropped: AtomicU64::new(0),
            owner: OnceLock::new(),
            link: Mutex::new(Some(link)),
        }
    }

    pub(super) fn dropped(&self) -> u64 {
        self.dropped.load(Ordering::Relaxed)
    }

    /// Sends a packet. The first one starts the connection, which lasts as long as the socket that `from` is of.
    ///
    /// Those of other sockets are lost: the engine asks each server from each of its sockets, and once is enough.
    pub(super) fn send(&self, from: &Inbox, to: SocketAddr, packet: &[u8]) {
        let owner = self.owner.get_or_init(|| {
            let link = self.link.lock().unwrap_or_else(PoisonError::into_inner).take();
            if let Some(link) = link {
                let delivery = Delivery { from: to, to: from.sender().clone() };
                tokio::spawn(link.run(delivery));
            }
            from.sender().clone()
        });
        if !owner.same_channel(from.sender()) {
            return;
        }
        if let Err(TrySendError::Full(_)) = self.packets.try_send(Bytes::copy_from_slice(packet)) {
            self.dropped.fetch_add(1, Ordering::Relaxed);
        }
    }
}

impl Link {
    async fn run(mut self, delivery: Delivery) {
        let mut pause = FIRST_PAUSE;
        loop {
            let dialed = tokio::select! {
                () = delivery.to.closed() => return,
                dialed = self.dialer.dial() => dialed,
            };
            match dialed {
                Ok(stream) => {
                    self.dialer.entry.connected();
                    let connected_at = Instant::now();
                    let Err(failure) = carry(stream, &mut self.packets, &delivery).await else {
                        return;
                    };
                    self.broke_off(failure);
                    if connected_at.elapsed() > MAX_PAUSE {
                        pause = FIRST_PAUSE;
                    }
                }
                Err(failure) => {
                    debug!(server = %self.dialer.url, %failure, "no stream to a server");
                    self.dialer.entry.fail(failure);
                }
            }
            tokio::select! {
                () = delivery.to.closed() => return,
                () = sleep(pause) => pause = (pause * 2).min(MAX_PAUSE),
            }
            // Nobody may want it any more. What waits is for the connection that broke.
            let wanted = async {
                while self.packets.try_recv().is_ok() {}
                self.packets.recv().await
            };
            let first = tokio::select! {
                () = delivery.to.closed() => return,
                first = wanted => first,
            };
            if first.is_none() {
                return;
            }
        }
    }

    fn broke_off(&self, failure: ServerFailure) {
        let Dialer { url, entry, .. } = &self.dialer;
        debug!(server = %url, %failure, "a stream to a server broke off");
        if !entry.broke_off(failure) {
            return;
        }
        let is_only_way = self.relay_only && !entry.others_answered();
        let other_way_limit = if is_only_way { Duration::ZERO } else { OTHER_WAY_LIMIT };
        tokio::spawn(end_without_other_way(self.connection_state.clone(), other_way_limit));
    }
}

/// Ends a connection that had a relay, unless its peer is heard by another way.
async fn end_without_other_way(connection_state: ConnectionState, limit: Duration) {
    let lost = Instant::now();
    tokio::select! {
        _ = connection_state.ended() => return,
        () = sleep(limit) => {}
    }
    let is_heard = connection_state.heard().get().is_some_and(|heard| heard > lost);
    let stands = matches!(connection_state.state(), PeerState::Connected | PeerState::Disconnected);
    if stands && !is_heard {
        connection_state.end(EndReason::RelayLost);
    }
}

#[cfg(test)]
mod tests;
