//! The controls of the runtime that one connection's engine sees.

use std::sync::Arc;
use std::sync::atomic::{AtomicBool, AtomicU64, AtomicUsize, Ordering};
use std::time::Duration;

use tokio::sync::Notify;
use tokio::sync::futures::Notified;

use super::association::Association;
use super::clock::EngineClock;
use super::close_notify::CloseNotify;
use super::cookie::Cookies;
use super::flight::Flights;
use super::handed_over::HandedOver;
use super::handshake::Handshake;
use super::network::Network;
use super::nomination::Nomination;
use super::path_mtu::PathMtu;
use super::read_gate::ReadGate;
use super::tasks::EngineTasks;
use super::unproven::UnprovenAddresses;
use crate::connection_state::LastHeard;
use crate::turn::Servers;
use crate::video::FastPath;

/// Where video has nothing that could leave together, data is not kept from it.
const GSO_LIMIT_BESIDE_SINGLE_PACKETS: usize = 4;

/// The controls of one connection's runtime.
#[derive(Debug, Default)]
pub(crate) struct RuntimeTuning {
    pub(crate) network: Network,
    pub(crate) clock: EngineClock,
    pub(crate) gate: ReadGate,
    pub(crate) heard: LastHeard,
    pub(crate) path: PathMtu,
    pub(crate) nomination: Nomination,
    pub(crate) cookies: Cookies,
    pub(crate) association: Arc<Association>,
    pub(crate) fast_path: Arc<FastPath>,
    pub(crate) handed_over: HandedOver,
    pub(crate) handshake: Handshake,
    pub(crate) flights: Flights,
    pub(crate) close_notify: CloseNotify,
    pub(crate) unproven: UnprovenAddresses,
    pub(crate) tasks: EngineTasks,
    /// `None` if there are none.
    pub(crate) servers: Option<Arc<Servers>>,
    /// The handshakes of ICE and DTLS are over.
    is_connected: AtomicBool,
    has_fast_timers: AtomicBool,
    /// Whether a round of the engine takes one packet, and whether this one has it.
    takes_one: AtomicBool,
    has_taken: AtomicBool,
    /// The engine has done a round of its work.
    end_of_round: Notify,
    /// Bytes a second that the peer takes at least; 0 for as many as arrive.
    peer_rate: AtomicU64,
    /// How many packets the last burst of video had; 0 before there was one.
    gso_hint: AtomicUsize,
}

impl RuntimeTuning {
    pub(crate) fn new(network: Network, heard: LastHeard, servers: Option<Arc<Servers>>) -> Self {
        Self { network, heard, servers, ..Self::default() }
    }

    /// Leaves what arrives in the kernel until [`RuntimeTuning::resume_reading`].
    pub(crate) fn pause_reading(&self) {
        self.gate.close();
    }

    pub(crate) fn resume_reading(&self) {
        self.gate.open();
    }

    /// The engine has a pair of addresses.
    pub(crate) fn pair_is_chosen(&self) {
        self.nomination.pair_is_chosen(&self.handed_over);
    }

    /// The handshakes of ICE and DTLS are over: of these nothing is to be made shorter any more.
    pub(crate) fn handshakes_are_over(&self) {
        self.is_connected.store(true, Ordering::Relaxed);
    }

    pub(super) fn is_connecting(&self) -> bool {
        !self.is_connected.load(Ordering::Relaxed) || self.association.is_watched()
    }

    /// Keeps the engine awake until the guard is dropped.
    pub(crate) fn fast_timers(self: &Arc<Self>) -> FastTimers {
        self.has_fast_timers.store(true, Ordering::Relaxed);
        FastTimers(Arc::clone(self))
    }

    /// Has each round of the engine take one packet from now on, so that it acknowledges every second one.
    ///
    /// It acknowledges once a round. By the book (RFC 4960, 7.2.1) a sender's window grows with every
    /// acknowledgement by a packet at most, however many it acknowledges: over a path with a round trip to speak of, a
    /// peer is slow for long whose bursts are acknowledged with one each.
    pub(crate) fn take_one_packet_a_round(&self) {
        self.takes_one.store(true, Ordering::Relaxed);
    }

    /// Notes that the engine is given a packet.
    pub(super) fn note_taken(&self) {
        self.has_taken.store(true, Ordering::Relaxed);
    }

    /// Whether each round of the engine takes one packet.
    pub(super) fn takes_one(&self) -> bool {
        self.takes_one.load(Ordering::Relaxed)
    }

    /// Whether the engine has a packet in this round.
    pub(super) fn has_taken(&self) -> bool {
        self.has_taken.load(Ordering::Relaxed)
    }

    pub(super) fn end_round(&self) {
        self.has_taken.store(false, Ordering::Relaxed);
        self.end_of_round.notify_waiters();
    }

    /// The peer loses packets when more than that many bytes a second arrive.
    pub(crate) fn set_peer_rate(&self, bytes: u64) {
        self.peer_rate.store(bytes, Ordering::Relaxed);
    }

    /// Most bytes that are to be under way to the peer, where a round trip takes so long.
    pub(crate) fn most_under_way(&self, round_trip: Duration) -> usize {
        match self.peer_rate.load(Ordering::Relaxed) {
            0 => usize::MAX,
            rate => (rate as f64 * round_trip.as_secs_f64()) as usize,
        }
    }

    /// Resolves at the end of the engine's round: only then there may be room for more to be sent.
    pub(crate) fn end_of_round(&self) -> Notified<'_> {
        self.end_of_round.notified()
    }

    /// Has so many packets, which are alike, leave with one system call.
    ///
    /// The engine uses GSO from sixteen on, or when they are as many as the socket takes. A frame of video seldom has
    /// sixteen, so the limit is what the frame has. Two packets that leave together cost six tenths of what they cost alone.
    pub(crate) fn set_gso_hint(&self, packets: usize) {
        self.gso_hint.store(packets, Ordering::Relaxed);
    }

    /// Whether the engine's timers are to fire early.
    pub(super) fn has_fast_timers(&self) -> bool {
        self.has_fast_timers.load(Ordering::Relaxed)
    }

    /// How many packets a socket says it takes at once, of the `most` that it can.
    pub(crate) fn gso_limit(&self, most: usize) -> usize {
        match self.gso_hint.load(Ordering::Relaxed) {
            0 => most,
            1 => most.min(GSO_LIMIT_BESIDE_SINGLE_PACKETS),
            packets => packets.min(most),
        }
    }
}

/// Has the engine's timers fire early until it is dropped.
#[derive(Debug)]
pub(crate) struct FastTimers(Arc<RuntimeTuning>);

impl Drop for FastTimers {
    fn drop(&mut self) {
        self.0.has_fast_timers.store(false, Ordering::Relaxed);
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_is_under_way_is_what_the_peer_takes_in_a_round_trip() {
        let tuning = RuntimeTuning::default();
        let round_trip = Duration::from_millis(20);
        assert_eq!(tuning.most_under_way(round_trip), usize::MAX, "nothing is known of it");
        tuning.set_peer_rate(1_000_000);
        assert_eq!(tuning.most_under_way(round_trip), 20_000);
        assert_eq!(tuning.most_under_way(Duration::ZERO), 0);
    }

    #[test]
    fn a_socket_takes_as_many_packets_as_the_last_burst_has_alike() {
        let tuning = RuntimeTuning::default();
        assert_eq!(tuning.gso_limit(64), 64);
        for (packets, limit) in [(9, 9), (2, 2), (1, GSO_LIMIT_BESIDE_SINGLE_PACKETS), (100, 64)] {
            tuning.set_gso_hint(packets);
            assert_eq!(tuning.gso_limit(64), limit);
        }
        assert_eq!(tuning.gso_limit(1), 1, "where the system cannot");
    }
}
