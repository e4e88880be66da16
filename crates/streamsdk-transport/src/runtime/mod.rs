//! What lies under the engine: tokio's runtime, with some things done to it.
//!
//! * Sockets get a large receive buffer. The engine leaves them at the kernel's default, a burst of
//!   SCTP overflows that, and the shortest retransmission time-out is a second.
//! * Between the offer and its answer, sockets are not read. The peer can answer our offer and start
//!   its checks before we have its answer; the engine drops a check of a peer that it does not know,
//!   and the peer waits 500 ms before the next. Unread, the check waits in the kernel.
//! * While a connection is being made, and while packets are relayed, two timers of three are over at once. The engine
//!   produces handshake packets while it handles events, after it has looked for packets to send. It looks for what is to
//!   be sent to a TURN server before it looks for what is to be sent through it, and at what has come through it after it
//!   has looked for events. Each would wait for something else to happen.
//! * While a connection is being made, the third timer fires after [`MAX_FAST_TIMER`] at the latest: what is asked of the
//!   engine meanwhile does not always wake it.
//! * Sockets are read in batches, and a slow peer's acknowledgements are gathered and thinned out; what
//!   leaves wakes nobody ([`BatchedUdpSocket`]).
//! * Its clock runs faster than time once a connection without tracks stands ([`clock`]).
//! * What goes to a TURN server over TCP or TLS goes over a stream, and not through the socket that the engine gave
//!   it to ([`crate::turn`]).
//! * A burst of video leaves with one system call ([`RuntimeTuning::set_gso_hint`]), and soon around the engine
//!   ([`FastPath`](crate::video::FastPath)).
//! * What follows a packet that is missing is acknowledged one by one ([`gaps`]).
//! * Flights of a handshake are sent again when they are lost, without the engine ([`flight`]).
//! * Packets may be cut up where a link of the path is narrower than they are, and full ones are tried out
//!   before anything depends on them ([`path_mtu`]).
//! * The pair of addresses is chosen a round trip sooner than by the engine alone ([`nomination`]). With a peer of this
//!   kind, a handshake takes one less ([`cookie`]), and an association another ([`association`]).
//! * An address that has not answered gets little, since it may be a stranger's ([`unproven`]).

mod alert;
pub(crate) mod association;
pub(crate) mod clock;
mod close_notify;
pub(crate) mod cookie;
pub(crate) mod crypto;
mod datagrams;
pub(crate) mod flight;
pub(crate) mod fragments;
mod gaps;
pub(crate) mod gone;
mod handed_over;
pub(crate) mod handshake;
pub(crate) mod interfaces;
pub(crate) mod narrow_peers;
pub(crate) mod network;
mod nomination;
pub(crate) mod packet_size;
pub(crate) mod path_mtu;
pub(crate) mod probe;
pub(crate) mod raw_udp_socket;
mod read_gate;
mod readiness;
mod recv_batch;
mod reflection;
mod sack;
mod send_rate;
mod socket;
mod tasks;
pub(crate) mod tuning;
pub(crate) mod unproven;

use std::fmt;
use std::future::Future;
use std::io;
use std::net::{SocketAddr, UdpSocket};
use std::pin::Pin;
use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::time::{Duration, Instant};

use rustix::net::sockopt;
use tracing::debug;
use webrtc::runtime::{
    AsyncInterval, AsyncTcpListener, AsyncTcpStream, AsyncUdpSocket, JoinHandle, Runtime,
    TokioRuntime,
};

pub use self::interfaces::UnknownInterfaces;
use self::interfaces::{OwnAddresses, PeerFilter};
use self::socket::BatchedUdpSocket;
use self::tuning::RuntimeTuning;
#[cfg(any(test, feature = "simulation"))]
pub(crate) use self::{
    datagrams::Datagrams, fragments::Fragments, packet_size::Route, readiness::Readiness,
};
use crate::PeerConfig;
use crate::channel::FIRST_SEND_WINDOW;

/// While timers are fast, none is slower.
const MAX_FAST_TIMER: Duration = Duration::from_millis(2);
/// So many rounds what has come needs. Through a relay it is answered in the second round, and the answer leaves in the
/// third. What ends the handshake of one layer begins that of the next in the second, and that leaves in the third.
const BUSY_ROUNDS: usize = 3;

type BoxFuture<'a, T> = Pin<Box<dyn Future<Output = T> + Send + 'a>>;

/// Tokio's runtime, as the engine of one connection sees it.
pub(crate) struct EngineRuntime {
    tokio: TokioRuntime,
    tuning: Arc<RuntimeTuning>,
    peer_filter: PeerFilter,
    receive_buffer: usize,
    send_buffer: usize,
    /// Since something has come.
    rounds: AtomicUsize,
}

impl EngineRuntime {
    pub(crate) fn new(
        tuning: &Arc<RuntimeTuning>,
        config: &PeerConfig,
        own: &OwnAddresses,
    ) -> Self {
        Self {
            tokio: TokioRuntime,
            tuning: Arc::clone(tuning),
            peer_filter: PeerFilter::of(own, config.interfaces),
            receive_buffer: config.socket_receive_buffer,
            send_buffer: config.send_buffer.min(FIRST_SEND_WINDOW),
            rounds: AtomicUsize::new(0),
        }
    }

    /// Whether the engine is to do another round of its work before it sleeps.
    fn has_another_round(&self) -> bool {
        let relays = || self.tuning.servers.as_ref().is_some_and(|servers| servers.is_relaying());
        let is_busy = self.tuning.has_fast_timers() || relays();
        // What has come in this round has all that it needs before it, whichever this one was.
        if self.tuning.has_taken() {
            self.rounds.store(0, Ordering::Relaxed);
        }
        // The engine sleeps at the end of each.
        is_busy && !(self.rounds.fetch_add(1, Ordering::Relaxed) + 1).is_multiple_of(BUSY_ROUNDS)
    }
}

impl fmt::Debug for EngineRuntime {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("EngineRuntime").field("tuning", &self.tuning).finish_non_exhaustive()
    }
}

impl Runtime for EngineRuntime {
    fn wrap_udp_socket(&self, socket: UdpSocket) -> io::Result<Arc<dyn AsyncUdpSocket>> {
        enlarge_receive_buffer(&socket, self.receive_buffer);
        let (peer_filter, tuning) = (self.peer_filter.clone(), Arc::clone(&self.tuning));
        let datagrams = tuning.network.attach(socket)?;
        Ok(Arc::new(BatchedUdpSocket::new(datagrams, peer_filter, tuning, self.send_buffer)?))
    }

    fn sleep(&self, duration: Duration) -> BoxFuture<'static, ()> {
        let has_another_round = self.has_another_round();
        self.tuning.end_round();
        if has_another_round {
            return Box::pin(std::future::ready(()));
        }
        let duration = self.tuning.clock.real(duration);
        let has_fast_timers = self.tuning.has_fast_timers();
        self.tokio.sleep(if has_fast_timers { duration.min(MAX_FAST_TIMER) } else { duration })
    }

    fn spawn(&self, future: BoxFuture<'static, ()>) -> Box<dyn JoinHandle> {
        self.tuning.tasks.spawn(future)
    }

    fn wrap_tcp_listener(
        &self,
        listener: std::net::TcpListener,
    ) -> io::Result<Arc<dyn AsyncTcpListener>> {
        self.tokio.wrap_tcp_listener(listener)
    }

    fn connect_tcp<'a>(
        &'a self,
        remote: SocketAddr,
    ) -> BoxFuture<'a, io::Result<Arc<dyn AsyncTcpStream>>> {
        self.tokio.connect_tcp(remote)
    }

    fn resolve_host<'a>(&'a self, host: &'a str) -> BoxFuture<'a, io::Result<Vec<SocketAddr>>> {
        Box::pin(async move {
            if let Some(servers) = &self.tuning.servers
                && let Some(resolved) = servers.resolve(host).await
            {
                return resolved;
            }
            self.tokio.resolve_host(host).await
        })
    }

    fn interval(&self, period: Duration) -> Box<dyn AsyncInterval> {
        self.tokio.interval(self.tuning.clock.real(period))
    }

    fn now(&self) -> Instant {
        self.tuning.clock.now()
    }

    fn block_on(&self, future: Pin<Box<dyn Future<Output = ()> + '_>>) {
        self.tokio.block_on(future);
    }

    fn yield_now(&self) -> BoxFuture<'static, ()> {
        self.tokio.yield_now()
    }

    fn name(&self) -> &'static str {
        "streamsdk"
    }
}

/// Best effort: with a small buffer a transfer stalls now and then, but it works.
fn enlarge_receive_buffer(socket: &UdpSocket, bytes: usize) {
    if enlarge_by_force(socket, bytes) {
        return;
    }
    if let Err(error) = sockopt::set_socket_recv_buffer_size(socket, bytes) {
        debug!(%error, bytes, "could not enlarge the receive buffer of a socket");
    }
}

/// On Linux a privileged process may go over the system's limit.
#[cfg(all(target_os = "linux", not(streamsdk_portable)))]
fn enlarge_by_force(socket: &UdpSocket, bytes: usize) -> bool {
    sockopt::set_socket_recv_buffer_size_force(socket, bytes).is_ok()
}

#[cfg(not(all(target_os = "linux", not(streamsdk_portable))))]
fn enlarge_by_force(_socket: &UdpSocket, _bytes: usize) -> bool {
    false
}

#[cfg(test)]
mod tests {
    use futures::FutureExt;

    use super::*;

    #[tokio::test]
    async fn a_packet_waits_at_the_closed_gate_and_passes_when_it_opens() {
        let tuning = Arc::new(RuntimeTuning::default());
        let runtime = EngineRuntime::new(&tuning, &PeerConfig::default(), &OwnAddresses::default());
        let bound = UdpSocket::bind("127.0.0.1:0").unwrap();
        let address = bound.local_addr().unwrap();
        let socket = runtime.wrap_udp_socket(bound).unwrap();
        tuning.pause_reading();

        let reading = tokio::spawn(async move {
            let mut buf = [0; 16];
            socket.recv_from(&mut buf).await.map(|(len, _)| buf[..len].to_vec())
        });
        UdpSocket::bind("127.0.0.1:0").unwrap().send_to(b"early", address).unwrap();
        for _ in 0..100 {
            tokio::task::yield_now().await;
        }
        assert!(!reading.is_finished());

        tuning.resume_reading();
        assert_eq!(reading.await.unwrap().unwrap(), b"early");
    }

    #[tokio::test(start_paused = true)]
    async fn rounds_are_done_at_once_after_what_has_come_whenever_that_was() {
        let tuning = Arc::new(RuntimeTuning::default());
        let runtime = EngineRuntime::new(&tuning, &PeerConfig::default(), &OwnAddresses::default());
        let _fast_timers = tuning.fast_timers();
        for rounds_before in 0..BUSY_ROUNDS {
            for _ in 0..rounds_before {
                runtime.sleep(Duration::from_secs(60)).await;
            }
            tuning.note_taken();
            let sleeps = [(); BUSY_ROUNDS].map(|()| runtime.sleep(Duration::from_secs(60)));
            let are_over = sleeps.map(|sleep| sleep.now_or_never().is_some());
            assert_eq!(are_over, [true, true, false], "after {rounds_before} rounds");
        }
    }

    #[tokio::test(start_paused = true)]
    async fn timers_are_short_only_while_connecting() {
        let tuning = Arc::new(RuntimeTuning::default());
        let runtime = EngineRuntime::new(&tuning, &PeerConfig::default(), &OwnAddresses::default());
        let fast_timers = tuning.fast_timers();
        let start = tokio::time::Instant::now();
        runtime.sleep(Duration::from_secs(60)).await;
        assert!(start.elapsed() < Duration::from_millis(10));

        drop(fast_timers);
        runtime.sleep(Duration::from_secs(60)).await;
        assert!(start.elapsed() >= Duration::from_secs(60));
    }
}
