//! The servers of one connection.

use std::collections::HashMap;
use std::fmt;
use std::io::{self, ErrorKind};
use std::net::SocketAddr;
use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::Duration;

use bytes::Bytes;
use streamsdk_protocol::init::IceServer;
use tokio::net::lookup_host;
use tokio::sync::{mpsc, watch};
use tokio::time::{Instant, timeout_at};
use tracing::debug;
use webrtc::peer_connection::RTCIceServer;

use super::alias;
use super::allocation::{Answer, SignedRequests};
use super::inbox::{Datagram, Inbox};
use super::outcome::{Progress, ServerFailure, Step, TriedServer, TriedServers};
use super::stream_link::StreamLink;
use super::url::{BadUrl, ServerUrl, Service, TurnTransport};
use crate::PeerConfig;
use crate::connection_state::{ConnectionState, LastHeard};

/// The engine waits for this, and everything else for the engine.
const LOOKUP_LIMIT: Duration = Duration::from_secs(1);

/// After so long without a relayed packet, packets are taken to go another way.
const RELAYING_FOR: Duration = Duration::from_secs(5);

/// How far one is with each server, in the order in which they were given.
pub(super) type Board = Arc<watch::Sender<Vec<Progress>>>;

/// The servers of one connection, and what becomes of each.
pub(crate) struct Servers {
    list: Vec<Server>,
    pub(super) board: Board,
    pub(super) started: Instant,
    signed: SignedRequests,
    /// Which servers over UDP have an address.
    by_address: Mutex<HashMap<SocketAddr, Vec<usize>>>,
    /// Something may still come of a server.
    is_undecided: AtomicBool,
    /// Answers that the engine gets once it is known in which order; `None` when it gets them at once.
    kept_back: Mutex<Option<Vec<KeptBack>>>,
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
    Udp(watch::Receiver<Option<Vec<SocketAddr>>>),
    Stream(StreamLink),
}

struct KeptBack {
    server: usize,
    datagram: Datagram,
    to: mpsc::Sender<Datagram>,
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
            Err((_, failure)) => Progress::Failed(failure.clone()),
        });
        let board: Board = Arc::new(watch::Sender::new(progress.collect()));
        let tls = Arc::default();
        let list = given.iter().zip(plans).enumerate().map(|(index, ((server, _), plan))| {
            let url = match plan {
                Ok(url) => url,
                Err((shown, _)) => return Server { shown, usable: None },
            };
            let reached = match url.service {
                Service::Turn(TurnTransport::Tcp | TurnTransport::Tls) => Reached::Stream(
                    StreamLink::new(index, &url, &board, &tls, config, connection_state.clone()),
                ),
                Service::Stun | Service::Turn(TurnTransport::Udp) => {
                    Reached::Udp(look_up(index, &url, &board))
                }
            };
            let username = server.username().unwrap_or_default().to_owned();
            let credential = server.credential().unwrap_or_default().to_owned();
            let shown = url.to_string();
            Server { shown, usable: Some(Usable { url, username, credential, reached }) }
        });
        Some(Arc::new(Self {
            list: list.collect(),
            board: Arc::clone(&board),
            started: Instant::now(),
            signed: SignedRequests::default(),
            by_address: Mutex::default(),
            is_undecided: AtomicBool::new(true),
            kept_back: Mutex::new(Some(Vec::new())),
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
        let board = self.board.borrow();
        let servers = self.list.iter().zip(&*board).map(|(server, progress)| TriedServer {
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

    /// Looks at what leaves for `to`. Whether it was for a stream, and is on its way.
    pub(crate) fn on_send(
        &self,
        from: &Inbox,
        to: SocketAddr,
        packets: &[u8],
        size: usize,
    ) -> bool {
        self.signed.on_send(packets);
        self.note_relayed(packets);
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
        let has_allocated = answer == Answer::Allocated;
        self.note(server, |progress| match (answer, &progress) {
            (_, Progress::Used(_) | Progress::Answered(_)) => progress,
            (Answer::Refused(failure), _) => Progress::Failed(failure),
            _ => Progress::Answered(Instant::now()),
        });
        has_allocated && self.keep_back(server, by, from, packet)
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

    fn keep_back(&self, server: usize, by: &Inbox, from: SocketAddr, packet: &[u8]) -> bool {
        let mut kept_back = lock(&self.kept_back);
        let Some(kept_back) = &mut *kept_back else { return false };
        let datagram = Datagram { from, packet: Bytes::copy_from_slice(packet) };
        kept_back.push(KeptBack { server, datagram, to: by.sender().clone() });
        true
    }

    /// Gives the engine what was kept back, and from now on everything at once. The engine prefers, of what is alike,
    /// what it knew first.
    pub(super) fn let_go(&self) {
        let mut kept_back = lock(&self.kept_back).take().unwrap_or_default();
        kept_back.sort_by_key(|answer| answer.server);
        for KeptBack { datagram, to, .. } in kept_back {
            // There is room: it is the first that comes this way. The engine asks again if not.
            drop(to.try_send(datagram));
        }
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
        note(&self.board, index, next);
        let is_undecided = self
            .board
            .borrow()
            .iter()
            .any(|progress| progress.is_pending() || matches!(progress, Progress::Failed(_)));
        self.is_undecided.store(is_undecided, Ordering::Relaxed);
    }

    /// How far one is with those that relay, or with those that do not.
    pub(super) fn progress_of(&self, relays: bool) -> Vec<Progress> {
        let board = self.board.borrow();
        let of_kind = self.usable().filter(|(_, s)| (s.url.service != Service::Stun) == relays);
        of_kind.filter_map(|(index, _)| board.get(index).cloned()).collect()
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

/// What to do with a URL; or how to show it, and why nothing.
fn plan(server: &IceServer, url: &str) -> Result<ServerUrl, (String, ServerFailure)> {
    let parsed = ServerUrl::parse(url).map_err(|bad| {
        let failure = match bad {
            BadUrl::Unreadable => ServerFailure::BadUrl,
            BadUrl::Transport => ServerFailure::UnsupportedTransport,
        };
        (shown_safely(url), failure)
    })?;
    let is_given = |text: Option<&str>| text.is_some_and(|text| !text.is_empty());
    let has_credentials = is_given(server.username()) && is_given(server.credential());
    match parsed.service {
        Service::Turn(_) if !has_credentials => {
            Err((parsed.to_string(), ServerFailure::NoCredentials))
        }
        _ => Ok(parsed),
    }
}

/// Of a URL that cannot be read, what has nothing secret in it.
fn shown_safely(url: &str) -> String {
    let scheme = url.split(':').next().unwrap_or_default();
    match scheme.to_ascii_lowercase().as_str() {
        known @ ("stun" | "stuns" | "turn" | "turns") => {
            let rest = url.split_once(':').map_or("", |(_, rest)| rest);
            let is_plain = |c: char| c.is_ascii_alphanumeric() || "-._:?=[]".contains(c);
            let is_shown = rest.chars().all(is_plain) && rest.matches(':').count() <= 1;
            format!("{known}:{}", if is_shown { rest } else { "…" })
        }
        _ => "a server".to_owned(),
    }
}

fn look_up(
    index: usize,
    url: &ServerUrl,
    board: &Board,
) -> watch::Receiver<Option<Vec<SocketAddr>>> {
    let (found_tx, found) = watch::channel(None);
    let (host, port, board) = (url.host.clone(), url.port, Arc::clone(board));
    tokio::spawn(async move {
        let next = match lookup_host((host, port)).await {
            Ok(addresses) => {
                found_tx.send_replace(Some(addresses.collect()));
                Progress::Pending(Step::Answer)
            }
            Err(error) => Progress::Failed(ServerFailure::Lookup(error.to_string())),
        };
        note(&board, index, |_| next);
    });
    found
}

pub(super) fn note(board: &Board, index: usize, next: impl FnOnce(Progress) -> Progress) {
    board.send_if_modified(|board| {
        let Some(progress) = board.get_mut(index) else { return false };
        let next = next(progress.clone());
        let changes = *progress != next;
        *progress = next;
        changes
    });
}

fn lock<T>(mutex: &Mutex<T>) -> MutexGuard<'_, T> {
    mutex.lock().unwrap_or_else(PoisonError::into_inner)
}

impl fmt::Debug for Servers {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_tuple("Servers").field(&self.tried()).finish()
    }
}
