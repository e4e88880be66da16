//! One TCP or TLS connection to a TURN server, and what the engine takes for packets on it.
//!
//! It is made when there is something to send, and made again when it breaks, each time after a longer pause. What
//! finds no room while it is slow, or not there, is dropped, as UDP would do. An allocation ends with the
//! connection on which it was made, and the engine never asks for another one: if nothing is heard from the peer by
//! another way then, the peer connection ends with [`EndReason::RelayLost`], long before it would be called silent.

use std::io;
use std::net::SocketAddr;
use std::sync::atomic::{AtomicU64, Ordering};
use std::sync::{Arc, Mutex, OnceLock, PoisonError};
use std::time::Duration;

use bytes::{Bytes, BytesMut};
use futures::future::select_ok;
use rustls::pki_types::ServerName;
use tokio::io::{AsyncRead, AsyncReadExt, AsyncWrite, AsyncWriteExt};
use tokio::net::{TcpStream, lookup_host};
use tokio::sync::mpsc::error::TrySendError;
use tokio::sync::{OnceCell, mpsc};
use tokio::time::{Instant, sleep, timeout};
use tokio_rustls::TlsConnector;
use tracing::debug;

use super::framing::{Deframer, frame};
use super::inbox::{Datagram, Inbox};
use super::outcome::{Progress, ServerFailure, Step};
use super::servers::{Board, note};
use super::tls::{RootCertificates, connector};
use super::url::{ServerUrl, Service, TurnTransport};
use crate::connection_state::ConnectionState;
use crate::{EndReason, IceTransportPolicy, PeerConfig, PeerState};

/// Packets that may wait for the stream.
const MAX_WAITING: usize = 256;
/// Packets that are written at once, at most.
const MAX_WRITE: usize = 64;
const READ_SIZE: usize = 64 << 10;
const CONNECT_LIMIT: Duration = Duration::from_secs(10);
/// One address of a server is tried so much after the one before it.
const ADDRESS_STAGGER: Duration = Duration::from_millis(250);
const FIRST_PAUSE: Duration = Duration::from_millis(200);
const MAX_PAUSE: Duration = Duration::from_secs(5);
/// For what is still to be said when the socket is gone.
const FAREWELL_LIMIT: Duration = Duration::from_millis(500);
/// A peer that is reached by another way is heard in that time: it answers a check every 2 s.
const OTHER_WAY_LIMIT: Duration = Duration::from_millis(2500);

/// What TLS is set up with, once for all servers of a connection.
pub(super) type SharedTls = Arc<OnceCell<Result<TlsConnector, String>>>;

trait Stream: AsyncRead + AsyncWrite + Send + Unpin {}
impl<S: AsyncRead + AsyncWrite + Send + Unpin> Stream for S {}

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
    index: usize,
    url: ServerUrl,
    board: Board,
    tls: SharedTls,
    roots: RootCertificates,
    relay_only: bool,
    connection_state: ConnectionState,
    packets: mpsc::Receiver<Bytes>,
}

/// Where what comes over the stream goes.
struct Delivery {
    /// The address that the engine knows the server by.
    from: SocketAddr,
    to: mpsc::Sender<Datagram>,
}

impl StreamLink {
    pub(super) fn new(
        index: usize,
        url: &ServerUrl,
        board: &Board,
        tls: &SharedTls,
        config: &PeerConfig,
        connection_state: ConnectionState,
    ) -> Self {
        let (packets_tx, packets) = mpsc::channel(MAX_WAITING);
        let link = Link {
            index,
            url: url.clone(),
            board: Arc::clone(board),
            tls: Arc::clone(tls),
            roots: config.turn_roots.clone(),
            relay_only: config.ice_transport_policy == IceTransportPolicy::Relay,
            connection_state,
            packets,
        };
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
            let connected = tokio::select! {
                () = delivery.to.closed() => return,
                connected = timeout(CONNECT_LIMIT, self.connect()) => connected,
            };
            match connected {
                Ok(Ok(stream)) => {
                    self.note(|progress| match progress {
                        Progress::Failed(broken @ ServerFailure::BrokenOff(_)) => {
                            Progress::Failed(broken)
                        }
                        _ => Progress::Pending(Step::Answer),
                    });
                    let connected_at = Instant::now();
                    let Err(failure) = self.carry(stream, &delivery).await else { return };
                    self.broke_off(failure);
                    if connected_at.elapsed() > MAX_PAUSE {
                        pause = FIRST_PAUSE;
                    }
                }
                Ok(Err(failure)) => self.fail(failure),
                // How far it came is on the board.
                Err(_) => {}
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

    async fn connect(&self) -> Result<Box<dyn Stream>, ServerFailure> {
        let ServerUrl { host, port, service } = &self.url;
        let connected = self.connect_tcp(host, *port);
        if *service != Service::Turn(TurnTransport::Tls) {
            return Ok(Box::new(connected.await?));
        }
        let (tcp, tls) = tokio::join!(connected, self.tls());
        let (tcp, tls) = (tcp?, tls?);
        let name = ServerName::try_from(host.clone())
            .map_err(|error| ServerFailure::Tls(error.to_string()))?;
        self.proceed(Step::Tls);
        Ok(Box::new(tls.connect(name, tcp).await.map_err(tls_failure)?))
    }

    async fn connect_tcp(&self, host: &str, port: u16) -> Result<TcpStream, ServerFailure> {
        self.proceed(Step::Lookup);
        let addresses = lookup_host((host, port)).await;
        let addresses = addresses.map_err(|error| ServerFailure::Lookup(error.to_string()))?;
        self.proceed(Step::Connect);
        let attempts = addresses.zip(0_u32..).map(|(address, number)| {
            Box::pin(async move {
                sleep(ADDRESS_STAGGER * number).await;
                TcpStream::connect(address).await
            })
        });
        let attempts: Vec<_> = attempts.collect();
        if attempts.is_empty() {
            return Err(ServerFailure::Lookup("it has no address".to_owned()));
        }
        let (stream, _) =
            select_ok(attempts).await.map_err(|error| ServerFailure::Connect(error.to_string()))?;
        // What is written is whole packets, and each is wanted at once.
        if let Err(error) = stream.set_nodelay(true) {
            debug!(%error, "packets may wait for each other");
        }
        Ok(stream)
    }

    async fn tls(&self) -> Result<TlsConnector, ServerFailure> {
        let prepared = self.tls.get_or_init(|| async {
            let roots = self.roots.clone();
            let prepared = tokio::task::spawn_blocking(move || connector(&roots)).await;
            match prepared {
                Ok(Ok(connector)) => Ok(connector),
                Ok(Err(error)) => Err(error.to_string()),
                Err(_) => Err("it could not be prepared".to_owned()),
            }
        });
        prepared.await.clone().map_err(ServerFailure::Tls)
    }

    /// Carries packets both ways until the socket is gone; an error says that the stream is.
    async fn carry(
        &mut self,
        stream: Box<dyn Stream>,
        delivery: &Delivery,
    ) -> Result<(), ServerFailure> {
        let (mut reader, writer) = tokio::io::split(stream);
        let mut outgoing = Outgoing { writer, unwritten: BytesMut::new() };
        tokio::select! {
            failure = deliver(&mut reader, delivery) => return Err(failure),
            failure = outgoing.write(&mut self.packets) => return Err(failure),
            () = delivery.to.closed() => {}
        }
        // The engine's last words release its allocation.
        self.packets.close();
        let farewell = async {
            outgoing.write(&mut self.packets).await;
            outgoing.writer.shutdown().await
        };
        // Whoever is not reached any more does not need it.
        drop(timeout(FAREWELL_LIMIT, farewell).await);
        Ok(())
    }

    fn note(&self, next: impl FnOnce(Progress) -> Progress) {
        note(&self.board, self.index, next);
    }

    fn proceed(&self, step: Step) {
        self.note(|progress| match progress {
            Progress::Pending(_) => Progress::Pending(step),
            // What it failed with tells more.
            other => other,
        });
    }

    fn fail(&self, failure: ServerFailure) {
        debug!(server = %self.url, %failure, "no stream to a server");
        self.note(|_| Progress::Failed(failure));
    }

    /// Whether nothing but this server can be a way to the peer.
    fn is_only_way(&self) -> bool {
        let board = self.board.borrow();
        self.relay_only && !board.iter().any(|progress| progress.answered_at().is_some())
    }

    fn broke_off(&self, failure: ServerFailure) {
        debug!(server = %self.url, %failure, "a stream to a server broke off");
        let mut had_allocated = false;
        self.note(|progress| {
            had_allocated = progress.answered_at().is_some();
            match progress {
                // It was refused, which is why the server closed the connection.
                Progress::Failed(before) => Progress::Failed(before),
                _ => Progress::Failed(failure),
            }
        });
        if had_allocated {
            let other_way_limit = if self.is_only_way() { Duration::ZERO } else { OTHER_WAY_LIMIT };
            tokio::spawn(end_without_other_way(self.connection_state.clone(), other_way_limit));
        }
    }
}

/// Reads until the stream is at its end.
async fn deliver(
    reader: &mut (impl AsyncRead + Unpin),
    Delivery { from, to }: &Delivery,
) -> ServerFailure {
    let mut deframer = Deframer::default();
    loop {
        loop {
            match deframer.next() {
                Ok(Some(packet)) => {
                    // While it waits nothing is read, and the server waits as well.
                    if to.send(Datagram { from: *from, packet }).await.is_err() {
                        return ServerFailure::BrokenOff("it is closed".to_owned());
                    }
                }
                Ok(None) => break,
                Err(error) => return ServerFailure::NoTurn(error.to_string()),
            }
        }
        deframer.buffer().reserve(READ_SIZE);
        match reader.read_buf(deframer.buffer()).await {
            Ok(0) => return ServerFailure::BrokenOff("the server closed it".to_owned()),
            Ok(_) => {}
            Err(error) => return ServerFailure::BrokenOff(error.to_string()),
        }
    }
}

/// What goes onto a stream.
struct Outgoing<W> {
    writer: W,
    /// It stays whole if writing is given up in between.
    unwritten: BytesMut,
}

impl<W: AsyncWrite + Unpin> Outgoing<W> {
    /// Writes until there is nothing more to come.
    async fn write(&mut self, packets: &mut mpsc::Receiver<Bytes>) -> ServerFailure {
        let mut waiting = Vec::with_capacity(MAX_WRITE);
        loop {
            if let Err(error) = self.write_what_waits().await {
                return ServerFailure::BrokenOff(error.to_string());
            }
            if packets.recv_many(&mut waiting, MAX_WRITE).await == 0 {
                return ServerFailure::BrokenOff("it is closed".to_owned());
            }
            waiting.drain(..).for_each(|packet| frame(&packet, &mut self.unwritten));
        }
    }

    async fn write_what_waits(&mut self) -> io::Result<()> {
        if self.unwritten.is_empty() {
            return Ok(());
        }
        self.writer.write_all_buf(&mut self.unwritten).await?;
        self.writer.flush().await
    }
}

fn tls_failure(error: io::Error) -> ServerFailure {
    let of_rustls = error.get_ref().and_then(|error| error.downcast_ref::<rustls::Error>());
    match of_rustls {
        Some(rustls::Error::InvalidCertificate(error)) => {
            ServerFailure::Certificate(error.to_string())
        }
        _ => ServerFailure::Tls(error.to_string()),
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
