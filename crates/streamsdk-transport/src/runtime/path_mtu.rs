//! The way that a connection's packets take, and whether full ones get to its end.
//!
//! A packet that is larger than a link of the path carries is cut up by the kernel, once it knows of
//! that link; a router tells it. Some routers do not, or are not heard, and packets then vanish. So
//! full packets are tried out while the connection is being made: [`PathMtu::probe_for`] sends probes of
//! both sizes and compares. When only the small ones are answered, routers are allowed to cut packets
//! up; when that does not help, nothing does but smaller packets.

use std::collections::HashMap;
use std::net::{IpAddr, SocketAddr};
use std::sync::atomic::{AtomicBool, AtomicU64, AtomicUsize, Ordering};
use std::sync::{Arc, Mutex, MutexGuard, OnceLock, PoisonError, Weak};
use std::time::Duration;

use tokio::sync::{Notify, watch};
use tokio::time::Instant;
use tracing::{debug, info};
use webrtc::runtime::{RecvMeta, Transmit};

use super::fragments::Fragments;
use super::narrow_peers;
use super::packet_size::FullPackets;
use super::packet_size::Route;
use super::probe::{Check, IceCredentials, ProbeId, answered_probe};
use super::raw_udp_socket::RawUdpSocket;
use crate::EndReason;
use crate::connection_state::ConnectionState;

/// Full packets in a row that must vanish, while small ones pass, to be called lost to their size.
const MIN_LOST_PROBES: usize = 3;
/// After a small probe was answered, a full one may take so much longer, and as long again.
const FULL_PROBE_GRACE: Duration = Duration::from_millis(30);
/// The first wait for an answer. Doubled when there is none, and then known from the round trip.
const FIRST_PROBE_TIMEOUT: Duration = Duration::from_millis(100);
const MAX_PROBE_TIMEOUT: Duration = Duration::from_secs(1);
/// Tries without any answer before the peer is taken to answer none.
const MAX_UNANSWERED_PROBES: usize = 5;

/// What became of full packets.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum ProbeOutcome {
    /// They arrive, perhaps cut up.
    Arrives,
    /// They do not, and smaller ones do.
    Vanishes,
    /// The peer answers no probes, or it is behind a relay: all that could help is done.
    Unknown,
}

/// The way of one connection.
#[derive(Debug)]
pub(crate) struct PathMtu {
    sockets: Mutex<Vec<Weak<RawUdpSocket>>>,
    /// The socket and the address that the handshake uses.
    way: OnceLock<(Weak<RawUdpSocket>, SocketAddr)>,
    /// Says that there is a way.
    destination_found: Notify,
    probes: Mutex<HashMap<ProbeId, SentProbe>>,
    answers: Notify,
    probing: AtomicBool,
    /// The shortest of those that were measured.
    round_trip: watch::Sender<Option<Duration>>,
    /// Larger payloads may have been cut up.
    max_unfragmented: AtomicUsize,
    fragmented: AtomicU64,
}

#[derive(Debug)]
struct SentProbe {
    sent: Instant,
    answered: Option<Instant>,
}

impl Default for PathMtu {
    fn default() -> Self {
        Self {
            sockets: Mutex::default(),
            way: OnceLock::new(),
            destination_found: Notify::new(),
            probes: Mutex::default(),
            answers: Notify::new(),
            probing: AtomicBool::new(false),
            round_trip: watch::Sender::default(),
            max_unfragmented: AtomicUsize::new(usize::MAX),
            fragmented: AtomicU64::new(0),
        }
    }
}

impl PathMtu {
    /// A socket that belongs to the connection.
    pub(crate) fn add(&self, socket: &Arc<RawUdpSocket>) {
        lock(&self.sockets).push(Arc::downgrade(socket));
    }

    /// Looks at what leaves by `socket`.
    pub(crate) fn on_send(&self, socket: &Arc<RawUdpSocket>, transmit: &Transmit<'_>) {
        let largest = transmit.segment_size.unwrap_or(transmit.contents.len());
        if largest > self.max_unfragmented.load(Ordering::Relaxed) {
            let packets = transmit.contents.len().div_ceil(largest) as u64;
            self.fragmented.fetch_add(packets, Ordering::Relaxed);
        }
        if self.way.get().is_none() && is_dtls(transmit.contents) {
            let way = (Arc::downgrade(socket), transmit.destination);
            if self.way.set(way).is_ok() {
                self.destination_found.notify_one();
            }
        }
    }

    /// Looks at what has arrived; whether it was for this and nobody else.
    pub(crate) fn on_receive(&self, packets: &[u8], meta: &RecvMeta) -> bool {
        if !self.probing.load(Ordering::Relaxed) {
            return false;
        }
        let mut taken = 0;
        for id in packets.chunks(meta.stride.max(1)).filter_map(answered_probe) {
            if let Some(probe) = lock(&self.probes).get_mut(&id) {
                let answered = *probe.answered.get_or_insert_with(Instant::now);
                self.note_round_trip(answered - probe.sent);
                taken += 1;
                self.answers.notify_one();
            }
        }
        // GRO may have put it together with packets of the same size that are for the engine.
        taken > 0 && packets.len() <= meta.stride
    }

    /// The shortest time in which the peer answered a probe; `None` if it answered none.
    pub(crate) fn round_trip(&self) -> Option<Duration> {
        *self.round_trip.borrow()
    }

    /// Resolves when there is a round trip, which the first answer to a probe tells.
    pub(crate) async fn measured(&self) -> Option<Duration> {
        let mut measured = self.round_trip.subscribe();
        // The sender lives in `self`.
        measured.wait_for(Option::is_some).await.ok().and_then(|measured| *measured)
    }

    /// Packets that were larger than what is known to arrive in one piece.
    pub(crate) fn fragmented(&self) -> u64 {
        self.fragmented.load(Ordering::Relaxed)
    }

    /// Where the peer is; `None` as long as no handshake with it has begun, and behind a relay.
    pub(crate) fn peer(&self) -> Option<IpAddr> {
        self.way.get().map(|(_, to)| to.ip())
    }

    /// Asks the peer for a sign of life, which is for nobody else. Says from where to where, `None` where that
    /// cannot be. Until [`PathMtu::end_check`] each packet that arrives is looked at for the answer.
    pub(crate) fn send_check(&self, credentials: &IceCredentials) -> Option<(IpAddr, SocketAddr)> {
        let (socket, to) = self.way.get()?;
        let local = socket.upgrade()?.local_addr().ok()?.ip();
        self.probing.store(true, Ordering::Relaxed);
        lock(&self.probes).clear();
        self.send(socket, *to, credentials, 0)?;
        Some((local, *to))
    }

    pub(crate) fn end_check(&self) {
        self.probing.store(false, Ordering::Relaxed);
        lock(&self.probes).clear();
    }

    /// Why a connection ends that was never made: it is by this way that the handshake goes.
    pub(crate) fn why_not_connected(&self) -> EndReason {
        match self.way.get() {
            Some(_) => EndReason::HandshakeFailed,
            None => EndReason::NeverConnected,
        }
    }

    /// Lets routers cut packets up, where it is not known whether that is needed.
    pub(crate) fn allow_fragments(&self) {
        self.allow(Fragments::Anywhere);
    }

    fn note_round_trip(&self, measured: Duration) {
        self.round_trip.send_modify(|shortest| {
            *shortest = Some(shortest.map_or(measured, |known| known.min(measured)));
        });
    }

    fn allow(&self, fragments: Fragments) {
        for socket in lock(&self.sockets).iter().filter_map(Weak::upgrade) {
            if let Err(error) = socket.allow(fragments) {
                debug!(%error, ?fragments, "could not change how packets are cut up");
            }
        }
    }

    /// Tries out full packets of the connection that `connection_state` is of. Resolves when that is decided.
    pub(crate) async fn probe_for(
        &self,
        connection_state: &ConnectionState,
        credentials: Option<IceCredentials>,
        full: FullPackets,
    ) -> ProbeOutcome {
        let can_probe = || credentials.is_some() && self.peer().is_some();
        let proof = async {
            match &credentials {
                Some(credentials) => self.probe(credentials, full.payload).await,
                None => std::future::pending().await,
            }
        };
        let unprobed = async {
            connection_state.decided().await;
            if can_probe() {
                connection_state.ended().await;
            }
        };
        let proof = tokio::select! {
            biased;
            proof = proof => proof,
            () = unprobed => {
                self.allow_fragments();
                ProbeOutcome::Unknown
            }
        };
        match proof {
            // Nothing is left to be tried.
            ProbeOutcome::Vanishes if full.are_smallest => ProbeOutcome::Unknown,
            proof => proof,
        }
    }

    /// Tries out payloads of `full` bytes, from the first packet of the handshake on.
    async fn probe(&self, credentials: &IceCredentials, full: usize) -> ProbeOutcome {
        let (socket, to) = loop {
            match self.way.get() {
                Some(way) => break way,
                None => self.destination_found.notified().await,
            }
        };
        self.probing.store(true, Ordering::Relaxed);
        let proof = self.compare(socket, *to, credentials, full).await;
        self.probing.store(false, Ordering::Relaxed);
        lock(&self.probes).clear();
        proof
    }

    async fn compare(
        &self,
        socket: &Weak<RawUdpSocket>,
        to: SocketAddr,
        credentials: &IceCredentials,
        full: usize,
    ) -> ProbeOutcome {
        for fragments in [Fragments::Here, Fragments::Anywhere] {
            if fragments == Fragments::Anywhere {
                info!(%to, full, "full packets vanish on the way: letting routers cut them up");
                self.allow(fragments);
                narrow_peers::remember(to.ip());
            }
            match self.try_out(socket, to, credentials, full).await {
                ProbeOutcome::Arrives => {
                    narrow_peers::forget(to.ip());
                    self.note_max_unfragmented(socket, to, full, fragments);
                    return ProbeOutcome::Arrives;
                }
                ProbeOutcome::Vanishes => {}
                ProbeOutcome::Unknown => {
                    debug!(%to, "the peer answers no probes");
                    self.allow_fragments();
                    return ProbeOutcome::Unknown;
                }
            }
        }
        info!(%to, full, "full packets vanish on the way, cut up or not");
        ProbeOutcome::Vanishes
    }

    async fn try_out(
        &self,
        socket: &Weak<RawUdpSocket>,
        to: SocketAddr,
        credentials: &IceCredentials,
        full: usize,
    ) -> ProbeOutcome {
        let (mut vanished, mut unanswered) = (0, 0);
        let mut wait = FIRST_PROBE_TIMEOUT;
        let mut fulls = Vec::new();
        while vanished < MIN_LOST_PROBES && unanswered < MAX_UNANSWERED_PROBES {
            let small = self.send(socket, to, credentials, 0);
            fulls.extend(self.send(socket, to, credentials, full));
            let sent = Instant::now();
            let Some(small) = small else { return ProbeOutcome::Unknown };
            let round_trip = self.small_is_answered(small, &fulls, sent + wait).await;
            if let Some(round_trip) = round_trip {
                wait = (round_trip * 2 + FULL_PROBE_GRACE).min(MAX_PROBE_TIMEOUT);
                let until = Instant::now() + round_trip + FULL_PROBE_GRACE;
                while !self.any_answered(&fulls) && self.answer_before(until).await {}
            }
            if self.any_answered(&fulls) {
                return ProbeOutcome::Arrives;
            }
            match round_trip {
                Some(_) => vanished += 1,
                None => {
                    unanswered += 1;
                    wait = (wait * 2).min(MAX_PROBE_TIMEOUT);
                }
            }
        }
        if vanished == 0 { ProbeOutcome::Unknown } else { ProbeOutcome::Vanishes }
    }

    /// How long it took; `None` if it was not answered until then, or if a full one was.
    async fn small_is_answered(
        &self,
        small: ProbeId,
        fulls: &[ProbeId],
        until: Instant,
    ) -> Option<Duration> {
        let sent = Instant::now();
        loop {
            if let Some(at) = self.answered(small) {
                return Some(at.duration_since(sent));
            }
            if self.any_answered(fulls) || !self.answer_before(until).await {
                return None;
            }
        }
    }

    async fn answer_before(&self, until: Instant) -> bool {
        tokio::time::timeout_at(until, self.answers.notified()).await.is_ok()
    }

    fn answered(&self, id: ProbeId) -> Option<Instant> {
        lock(&self.probes).get(&id).and_then(|probe| probe.answered)
    }

    fn any_answered(&self, ids: &[ProbeId]) -> bool {
        ids.iter().any(|id| self.answered(*id).is_some())
    }

    /// Sends a probe; `None` if there is none to be sent. What the kernel does with it is what is asked.
    fn send(
        &self,
        socket: &Weak<RawUdpSocket>,
        to: SocketAddr,
        credentials: &IceCredentials,
        size: usize,
    ) -> Option<ProbeId> {
        let socket = socket.upgrade()?;
        let Check { id, packet } = Check::of_size(credentials, size)?;
        lock(&self.probes).insert(id, SentProbe { sent: Instant::now(), answered: None });
        if let Err(error) = socket.send_packet(to, &packet) {
            debug!(%error, size, "a probe was not sent");
        }
        Some(id)
    }

    /// Full packets arrive: notes from which size on they do so in pieces.
    fn note_max_unfragmented(
        &self,
        socket: &Weak<RawUdpSocket>,
        to: SocketAddr,
        full: usize,
        fragments: Fragments,
    ) {
        let known = socket.upgrade().and_then(|socket| socket.known_route(to));
        let known = known.map_or(usize::MAX, |route| route.payload() as usize);
        let whole = match fragments {
            Fragments::Here => known,
            // Where they are cut up is not known: at the narrowest link there is, perhaps.
            Fragments::Anywhere => known.min(Route::narrowest(to.ip()).payload() as usize),
        };
        if whole < full {
            info!(%to, full, whole, "full packets are cut up on the way");
            self.max_unfragmented.store(whole, Ordering::Relaxed);
        }
    }
}

/// Records of DTLS, as against STUN, TURN and media on the same socket (RFC 7983).
pub(super) fn is_dtls(packet: &[u8]) -> bool {
    matches!(packet, [20..=63, 0xfe, ..])
}

fn lock<T>(mutex: &Mutex<T>) -> MutexGuard<'_, T> {
    mutex.lock().unwrap_or_else(PoisonError::into_inner)
}

#[cfg(test)]
mod tests {
    use std::net::UdpSocket;

    use webrtc::runtime::{AsyncUdpSocket, Runtime};

    use super::*;
    use crate::PeerConfig;
    use crate::runtime::EngineRuntime;
    use crate::runtime::interfaces::OwnAddresses;
    use crate::runtime::probe::tests::{answer, credentials};
    use crate::runtime::tuning::RuntimeTuning;

    const FULL: usize = 1437;

    /// A side whose handshake has begun, and the socket of the other.
    struct ProbeBed {
        tuning: Arc<RuntimeTuning>,
        socket: Arc<dyn AsyncUdpSocket>,
        other: UdpSocket,
    }

    impl ProbeBed {
        async fn new() -> Self {
            let tuning = Arc::new(RuntimeTuning::default());
            let runtime =
                EngineRuntime::new(&tuning, &PeerConfig::default(), &OwnAddresses::default());
            let socket = runtime.wrap_udp_socket(UdpSocket::bind("127.0.0.1:0").unwrap()).unwrap();
            let other = UdpSocket::bind("127.0.0.1:0").unwrap();
            let hello = [22, 0xfe, 0xff, 0];
            socket.send_to(&hello, other.local_addr().unwrap()).await.unwrap();
            Self { tuning, socket, other }
        }

        async fn probe(&self) -> ProbeOutcome {
            self.tuning.path.probe(&credentials(), FULL).await
        }

        /// Answers probes of up to `largest` bytes, as often as one comes.
        fn answer_up_to(&self, largest: usize) {
            let other = self.other.try_clone().unwrap();
            std::thread::spawn(move || {
                let mut buf = [0; 2000];
                while let Ok((len, from)) = other.recv_from(&mut buf) {
                    if len > 20 && len <= largest {
                        other.send_to(&answer(&buf[..len]), from).unwrap();
                    }
                }
            });
        }

        /// Reads as the engine does; ends when something is for it.
        fn read(&self) -> tokio::task::JoinHandle<()> {
            let socket = Arc::clone(&self.socket);
            tokio::spawn(async move { drop(socket.recv_from(&mut [0; 2000]).await) })
        }
    }

    #[tokio::test]
    async fn full_packets_that_are_answered_arrive() {
        let bed = ProbeBed::new().await;
        bed.answer_up_to(FULL + 8);
        let reading = bed.read();
        assert_eq!(bed.probe().await, ProbeOutcome::Arrives);
        assert!(!reading.is_finished());
        assert_eq!(bed.tuning.path.fragmented(), 0);
    }

    #[tokio::test]
    async fn full_packets_vanish_when_only_small_ones_are_answered() {
        let bed = ProbeBed::new().await;
        bed.answer_up_to(1200);
        let reading = bed.read();
        assert_eq!(bed.probe().await, ProbeOutcome::Vanishes);
        assert!(!reading.is_finished());
    }

    #[tokio::test(start_paused = true)]
    async fn nothing_is_known_of_a_peer_that_answers_no_probes() {
        let bed = ProbeBed::new().await;
        let start = Instant::now();
        assert_eq!(bed.probe().await, ProbeOutcome::Unknown);
        assert!(start.elapsed() < Duration::from_secs(4), "{:?}", start.elapsed());
    }
}
