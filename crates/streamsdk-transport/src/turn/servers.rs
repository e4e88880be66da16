//! The servers of one connection.

use std::collections::HashMap;
use std::fmt;
use std::io::{self, ErrorKind};
use std::net::SocketAddr;
use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::Duration;

use tokio::time::{Instant, timeout_at};
use tracing::{debug, warn};
use webrtc::peer_connection::RTCIceServer;

use super::alias;
use super::allocation::{Answer, SignedRequests};
use super::board::{Board, Progress, Step};
use super::dial::Dialer;
use super::inbox::Inbox;
use super::kept_back::KeptBack;
use super::lookup::{Lookup, look_up};
use super::outcome::{TriedServer, TriedServers};
use super::plan::{LeftOut, plan};
use super::silent;
use super::stale_nonce::StaleNonces;
use super::stream_link::StreamLink;
use super::url::{ServerUrl, Service};
use crate::PeerConfig;
use crate::connection_state::{ConnectionState, LastHeard};

/// The engine waits for this, and everything else for the engine.
const LOOKUP_LIMIT: Duration = Duration::from_secs(1);

/// After so long without a relayed packet, packets are taken to go another way.
const RELAYING_FOR: Duration = Duration::from_secs(5);

/// The servers of one connection, and what becomes of each.
pub(crate) struct Servers {
    list: Vec<Server>,
    pub(super) board: Board,
    pub(super) started: Instant,
    signed: SignedRequests,
    stale_nonces: StaleNonces,
    /// Which servers over UDP have an address.
    by_address: Mutex<HashMap<SocketAddr, Vec<usize>>>,
    /// Something may still come of a server.
    is_undecided: AtomicBool,
    /// Allocations, until it is known which the engine is to prefer.
    pub(super) kept_back: KeptBack,
    /// When anything last went to a peer by way of a server, or came from one.
    relayed: LastHeard,
}

/// One of them.
pub(super) struct Server {
    shown: String,
    /// `None` if it is of no use.
    usable: Option<Usable>,
}

struct Usable {
    url: ServerUrl,
    username: String,
    credential: String,
    reached: Reached,
}

/// How packets get there.
enum Reached {
    /// By the kernel, to addresses that are being looked up.
    Udp(Lookup),
    Stream(StreamLink),
}

impl Servers {
    /// Those of the configuration; `None` if there are none. They are looked up from now on.
    pub(crate) fn new(
        config: &PeerConfig,
        connection_state: &ConnectionState,
    ) -> Option<Arc<Self>> {
        let given = config.ice_servers.iter();
        let given: Vec<_> =
            given.flat_map(|server| server.urls().iter().map(move |url| (server, url))).collect();
        if given.is_empty() {
            return None;
        }
        let plans: Vec<_> = given.iter().map(|(server, url)| plan(server, url)).collect();
        let progress = plans.iter().map(|plan| match plan {
            Ok(_) => Progress::Pending(Step::Lookup),
            Err(left_out) => Progress::Failed(left_out.failure.clone()),
        });
        let board = Board::new(progress.collect());
        let tls = Arc::default();
        let servers = given.iter().zip(plans).zip(0..);
        let list = servers.map(|(((server, _), plan), index)| {
            let url = match plan {
                Ok(url) => url,
                Err(LeftOut { shown, failure }) => {
                    warn!(server = shown, %failure, "a server is left out");
                    return Server { shown, usable: None };
                }
            };
            let entry = board.entry(index);
            let reached = if url.is_over_udp() {
                Reached::Udp(look_up(&url, entry))
            } else {
                let (tls, roots) = (Arc::clone(&tls), config.turn_roots.clone());
                let dialer = Dialer { url: url.clone(), entry, tls, roots };
                let policy = config.ice_transport_policy;
                Reached::Stream(StreamLink::new(dialer, policy, connection_state.clone()))
            };
            let username = server.username().unwrap_or_default().to_owned();
            let credential = server.credential().unwrap_or_default().to_owned();
            let shown = url.to_string();
            Server { shown, usable: Some(Usable { url, username, credential, reached }) }
        });
        Some(Arc::new(Self {
            list: list.collect(),
            board,
            started: Instant::now(),
            signed: SignedRequests::default(),
            stale_nonces: StaleNonces::default(),
            by_address: Mutex::default(),
            is_undecided: AtomicBool::new(true),
            kept_back: KeptBack::new(),
            relayed: LastHeard::default(),
        }))
    }

    /// The servers as the engine is to know them.
    pub(crate) fn for_engine(&self) -> Vec<RTCIceServer> {
        let usable = self.usable().map(|(index, Usable { url, username, credential, .. })| {
            let (name, port) = (alias::name(index), url.port);
            let url = match url.service {
                Service::Stun => format!("stun:{name}:{port}"),
                Service::Turn(_) => format!("turn:{name}:{port}?transport=udp"),
            };
            RTCIceServer {
                urls: vec![url],
                username: username.clone(),
                credential: credential.clone(),
            }
        });
        usable.collect()
    }

    /// Whether one of them relays.
    pub(crate) fn has_relay(&self) -> bool {
        self.usable().any(|(_, server)| server.url.service != Service::Stun)
    }

    /// What became of each so far.
    pub(crate) fn tried(&self) -> TriedServers {
        let waited = self.started.elapsed();
        let board = self.board.all();
        let servers = self.list.iter().zip(&board).map(|(server, progress)| TriedServer {
            server: server.shown.clone(),
            outcome: progress.outcome(waited),
        });
        TriedServers(servers.collect())
    }

    /// Packets that were to go over a stream and found no room.
    pub(crate) fn packets_dropped(&self) -> u64 {
        self.usable()
            .map(|(_, server)| match &server.reached {
                Reached::Stream(link) => link.dropped(),
                Reached::Udp(_) => 0,
            })
            .sum()
    }

    /// The addresses of a host, if the engine means one of the servers.
    pub(crate) async fn resolve(&self, host: &str) -> Option<io::Result<Vec<SocketAddr>>> {
        let index = alias::named(host)?;
        let not_found = || io::Error::from(ErrorKind::NotFound);
        let Some(server) = self.list.get(index).and_then(|server| server.usable.as_ref()) else {
            return Some(Err(not_found()));
        };
        let mut found = match &server.reached {
            Reached::Stream(_) => {
                return Some(alias::addresses(index).map(Vec::from).ok_or_else(not_found));
            }
            Reached::Udp(found) => found.clone(),
        };
        let found = timeout_at(self.started + LOOKUP_LIMIT, found.wait_for(Option::is_some)).await;
        let addresses = found.ok().and_then(Result::ok).and_then(|found| found.clone());
        if let Some(addresses) = &addresses {
            let mut by_address = lock(&self.by_address);
            addresses.iter().for_each(|at| by_address.entry(*at).or_default().push(index));
        }
        Some(addresses.ok_or_else(not_found))
    }

    /// Looks at what leaves for a server. It may be for none.
    pub(crate) fn on_send(&self, packets: &[u8]) {
        self.signed.on_send(packets);
        self.stale_nonces.on_send(packets);
        self.note_relayed(packets);
    }

    /// Sends packets of this size, if they are for a stream. Whether they were.
    pub(crate) fn send(&self, from: &Inbox, to: SocketAddr, packets: &[u8], size: usize) -> bool {
        let index = alias::at(to);
        let server = index.and_then(|index| self.list.get(index)?.usable.as_ref());
        let Some(Usable { reached: Reached::Stream(link), .. }) = server else { return false };
        packets.chunks(size.max(1)).for_each(|packet| link.send(from, to, packet));
        true
    }

    /// Whether one of them is at this address.
    pub(crate) fn is_at(&self, address: SocketAddr) -> bool {
        lock(&self.by_address).contains_key(&address)
    }

    /// Whether packets go by way of a server.
    pub(crate) fn is_relaying(&self) -> bool {
        self.relayed.get().is_some_and(|last| last.elapsed() < RELAYING_FOR)
    }

    fn note_relayed(&self, packet: &[u8]) {
        if is_relayed(packet) {
            self.relayed.note();
        }
    }

    /// Looks at a packet that has arrived. Whether the engine is not to get it now.
    pub(crate) fn on_receive(&self, by: &Inbox, from: SocketAddr, packet: &[u8]) -> bool {
        self.note_relayed(packet);
        if !self.is_undecided.load(Ordering::Relaxed) {
            return false;
        }
        let Some(answer) = self.signed.answer(packet) else { return false };
        let Some(server) = self.find(from, &answer) else { return false };
        debug!(server = self.list[server].shown, ?answer, "answer of a server");
        // Before it is known to anybody: whoever waits for it takes what is kept.
        let is_kept = answer == Answer::Allocated && self.kept_back.keep(server, by, from, packet);
        self.note(server, |progress| match (answer, &progress) {
            (_, Progress::Used(_) | Progress::Answered(_)) => progress,
            (Answer::Refused(failure), _) => Progress::Failed(failure),
            _ => Progress::Answered(Instant::now()),
        });
        is_kept
    }

    /// What is to be sent back there once more, instead of giving the packet to the engine.
    pub(crate) fn once_more(&self, from: SocketAddr, packet: &[u8]) -> Option<Vec<u8>> {
        let server = self.find(from, &Answer::Allocated)?;
        let server = self.list.get(server)?.usable.as_ref()?;
        self.stale_nonces.once_more(packet, &server.credential)
    }

    /// Which server it is that answers so from there.
    fn find(&self, from: SocketAddr, answer: &Answer) -> Option<usize> {
        if let Some(index) = alias::at(from) {
            return (index < self.list.len()).then_some(index);
        }
        let is_of_stun = *answer == Answer::Binding;
        let by_address = lock(&self.by_address);
        by_address.get(&from)?.iter().copied().find(|index| {
            let usable = self.list.get(*index).and_then(|server| server.usable.as_ref());
            usable.is_some_and(|server| (server.url.service == Service::Stun) == is_of_stun)
        })
    }

    /// The engine has a candidate from the server that it knows by this URL.
    pub(crate) fn on_candidate(&self, url: &str) {
        if let Some(index) = alias::of_url(url) {
            self.note(index, |_| Progress::Used(Instant::now()));
        }
    }

    /// The engine has a server-reflexive candidate, and does not say from where.
    pub(crate) fn on_reflexive_candidate(&self) {
        for (index, server) in self.usable() {
            if server.url.service == Service::Stun {
                self.note(index, |progress| match progress {
                    Progress::Answered(at) => Progress::Used(at),
                    other => other,
                });
            }
        }
    }

    fn note(&self, index: usize, next: impl FnOnce(Progress) -> Progress) {
        self.board.entry(index).note(next);
        let board = self.board.all();
        let is_undecided = board.iter().any(|progress| progress.answered_at().is_none());
        self.is_undecided.store(is_undecided, Ordering::Relaxed);
    }

    /// How far one is with those that relay, or with those that do not.
    pub(super) fn progress_of(&self, relays: bool) -> Vec<Progress> {
        let board = self.board.all();
        let of_kind = self.usable().filter(|(_, s)| (s.url.service != Service::Stun) == relays);
        of_kind.filter_map(|(index, _)| board.get(index).cloned()).collect()
    }

    /// Whether the last time none answered.
    pub(super) fn were_all_silent(&self) -> bool {
        self.usable().all(|(_, server)| silent::is_remembered(&server.url.to_string()))
    }

    /// Remembers which have not answered so far, and forgets which have.
    pub(super) fn remember_silent(&self) {
        let board = self.board.all();
        for (index, Usable { url, .. }) in self.usable() {
            match board.get(index).is_some_and(Progress::is_pending) {
                true => silent::remember(&url.to_string()),
                false => silent::forget(&url.to_string()),
            }
        }
    }

    fn usable(&self) -> impl Iterator<Item = (usize, &Usable)> {
        let servers = self.list.iter().enumerate();
        servers.filter_map(|(index, server)| Some((index, server.usable.as_ref()?)))
    }
}

/// Whether a packet is what a peer sends or is sent through a server, as against what is said with the server itself:
/// ChannelData (by RFC 7983), or a Send or Data indication.
pub(crate) fn is_relayed(packet: &[u8]) -> bool {
    matches!(packet, [0x40..=0x4f, ..] | [0x00, 0x16 | 0x17, ..])
}

fn lock<T>(mutex: &Mutex<T>) -> MutexGuard<'_, T> {
    mutex.lock().unwrap_or_else(PoisonError::into_inner)
}

impl fmt::Debug for Servers {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_tuple("Servers").field(&self.tried()).finish()
    }
}
