//! The runtime that the engine sees: tokio's, with some things done to it.
//!
//! * Sockets get a large receive buffer. The engine leaves them at the kernel's default, a burst of
//!   SCTP overflows that, and the shortest retransmission time-out is a second.
//! * Between the offer and its answer, sockets are not read. The peer can answer our offer and start
//!   its checks before we have its answer; the engine drops a check of a peer that it does not know,
//!   and the peer waits 500 ms before the next. Unread, the check waits in the kernel.
//! * While a connection is being made, the engine's timers fire after [`NUDGE`] at the latest. It
//!   produces handshake packets while it handles events, after it has looked for packets to send, and
//!   then sleeps until a timer of the retransmission kind.
//! * Sockets are read in batches, and a slow peer's acknowledgements are gathered and thinned out; what
//!   leaves wakes nobody ([`BatchedUdpSocket`]).
//! * A burst of video leaves with one system call ([`RuntimeTuning::set_gso_hint`]).
//! * Packets may be cut up where a link of the path is narrower than they are, and full ones are tried out
//!   before anything depends on them ([`Path`]).

use std::fmt;
use std::future::Future;
use std::io;
use std::net::{SocketAddr, UdpSocket};
use std::pin::Pin;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, AtomicUsize, Ordering};
use std::time::Duration;

use rustix::net::sockopt;
use tracing::debug;
use webrtc::runtime::{
    AsyncInterval, AsyncTcpListener, AsyncTcpStream, AsyncUdpSocket, JoinHandle, Runtime,
    TokioRuntime,
};

use crate::PeerConfig;
use crate::close_notify::CloseNotify;
use crate::connection_state::LastHeard;
use crate::gate::Gate;
use crate::handshake::Handshake;
use crate::interfaces::Audience;
use crate::path::Path;
use crate::socket::BatchedUdpSocket;

const NUDGE: Duration = Duration::from_millis(2);
/// So many packets are always worth joining.
const SHORT_RUN: usize = 4;

type BoxFuture<'a, T> = Pin<Box<dyn Future<Output = T> + Send + 'a>>;

/// The controls of one connection's runtime.
#[derive(Debug, Default)]
pub(crate) struct RuntimeTuning {
    pub(crate) gate: Gate,
    pub(crate) heard: LastHeard,
    pub(crate) path: Path,
    pub(crate) handshake: Handshake,
    pub(crate) close_notify: CloseNotify,
    has_fast_timers: AtomicBool,
    /// How many packets the last burst of video had; 0 before there was one.
    burst: AtomicUsize,
}

impl RuntimeTuning {
    pub(crate) fn new(heard: LastHeard) -> Self {
        Self { heard, ..Self::default() }
    }

    /// Leaves what arrives in the kernel until [`RuntimeTuning::resume_reading`].
    pub(crate) fn pause_reading(&self) {
        self.gate.close();
    }

    pub(crate) fn resume_reading(&self) {
        self.gate.open();
    }

    /// Keeps the engine awake until the guard is dropped.
    pub(crate) fn fast_timers(self: &Arc<Self>) -> FastTimers {
        self.has_fast_timers.store(true, Ordering::Relaxed);
        FastTimers(Arc::clone(self))
    }

    /// Has a burst of so many packets leave with one system call, if they are alike.
    ///
    /// The engine joins packets for that from sixteen on, or when they are as many as the socket takes.
    /// A frame of video seldom has sixteen, so the socket takes as many as the frame has.
    pub(crate) fn set_gso_hint(&self, packets: usize) {
        self.burst.store(packets, Ordering::Relaxed);
    }

    /// How many packets a socket says it takes at once, of the `most` that it can.
    pub(crate) fn gso_limit(&self, most: usize) -> usize {
        match self.burst.load(Ordering::Relaxed) {
            0 => most,
            packets => packets.clamp(SHORT_RUN.min(most), most),
        }
    }

    pub(crate) fn runtime(self: &Arc<Self>, config: &PeerConfig) -> Arc<dyn Runtime> {
        Arc::new(EngineRuntime {
            tokio: TokioRuntime,
            tuning: Arc::clone(self),
            audience: Audience::of(config.interfaces),
            receive_buffer: config.socket_receive_buffer,
            send_buffer: config.send_buffer,
        })
    }
}

/// Ends the engine's fast_timers when dropped.
#[derive(Debug)]
pub(crate) struct FastTimers(Arc<RuntimeTuning>);

impl Drop for FastTimers {
    fn drop(&mut self) {
        self.0.has_fast_timers.store(false, Ordering::Relaxed);
    }
}

struct EngineRuntime {
    tokio: TokioRuntime,
    tuning: Arc<RuntimeTuning>,
    audience: Audience,
    receive_buffer: usize,
    send_buffer: usize,
}

impl fmt::Debug for EngineRuntime {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("EngineRuntime").field("tuning", &self.tuning).finish_non_exhaustive()
    }
}

impl Runtime for EngineRuntime {
    fn wrap_udp_socket(&self, socket: UdpSocket) -> io::Result<Arc<dyn AsyncUdpSocket>> {
        enlarge_receive_buffer(&socket, self.receive_buffer);
        let (audience, tuning) = (self.audience.clone(), Arc::clone(&self.tuning));
        Ok(Arc::new(BatchedUdpSocket::new(socket, audience, tuning, self.send_buffer)?))
    }

    fn sleep(&self, duration: Duration) -> BoxFuture<'static, ()> {
        let has_fast_timers = self.tuning.has_fast_timers.load(Ordering::Relaxed);
        self.tokio.sleep(if has_fast_timers { duration.min(NUDGE) } else { duration })
    }

    fn spawn(&self, future: BoxFuture<'static, ()>) -> Box<dyn JoinHandle> {
        self.tokio.spawn(future)
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
        self.tokio.resolve_host(host)
    }

    fn interval(&self, period: Duration) -> Box<dyn AsyncInterval> {
        self.tokio.interval(period)
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
    use super::*;

    #[tokio::test]
    async fn a_packet_waits_at_the_closed_gate_and_passes_when_it_opens() {
        let tuning = Arc::new(RuntimeTuning::default());
        let runtime = tuning.runtime(&PeerConfig::default());
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

    #[test]
    fn a_socket_takes_as_many_packets_as_the_last_burst_had() {
        let tuning = RuntimeTuning::default();
        assert_eq!(tuning.gso_limit(64), 64);
        for (packets, joined) in [(9, 9), (1, SHORT_RUN), (100, 64)] {
            tuning.set_gso_hint(packets);
            assert_eq!(tuning.gso_limit(64), joined);
        }
        assert_eq!(tuning.gso_limit(1), 1, "where the system cannot");
    }

    #[tokio::test(start_paused = true)]
    async fn timers_are_short_only_while_in_a_hurry() {
        let tuning = Arc::new(RuntimeTuning::default());
        let runtime = tuning.runtime(&PeerConfig::default());
        let fast_timers = tuning.fast_timers();
        let start = tokio::time::Instant::now();
        runtime.sleep(Duration::from_secs(60)).await;
        assert!(start.elapsed() < Duration::from_millis(10));

        drop(fast_timers);
        runtime.sleep(Duration::from_secs(60)).await;
        assert!(start.elapsed() >= Duration::from_secs(60));
    }
}
