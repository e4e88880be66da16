//! The runtime that the engine sees: tokio's, with three things done to it.
//!
//! * Sockets get a large receive buffer. The engine leaves them at the kernel's default, a burst of
//!   SCTP overflows that, and the shortest retransmission time-out is a second.
//! * Between the offer and its answer, sockets are not read. The peer can answer our offer and start
//!   its checks before we have its answer; the engine drops a check of a peer that it does not know,
//!   and the peer waits 500 ms before the next. Unread, the check waits in the kernel.
//! * While a connection is being made, the engine's timers fire after [`NUDGE`] at the latest. It
//!   produces handshake packets while it handles events, after it has looked for packets to send, and
//!   then sleeps until a timer of the retransmission kind.

use std::fmt;
use std::future::Future;
use std::io::{self, IoSliceMut};
use std::net::{SocketAddr, UdpSocket};
use std::pin::Pin;
use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::{Arc, Mutex, PoisonError};
use std::task::{Context, Poll, Waker};
use std::time::Duration;

use tracing::debug;
use webrtc::runtime::{
    AsyncInterval, AsyncTcpListener, AsyncTcpStream, AsyncUdpSocket, JoinHandle, RecvMeta, Runtime,
    TokioRuntime, Transmit,
};

const NUDGE: Duration = Duration::from_millis(2);

type BoxFuture<'a, T> = Pin<Box<dyn Future<Output = T> + Send + 'a>>;

/// The controls of one connection's runtime.
#[derive(Debug, Default)]
pub(crate) struct Seam {
    gate: Gate,
    hurried: AtomicBool,
}

impl Seam {
    /// Leaves what arrives in the kernel until [`Seam::resume_reading`].
    pub(crate) fn pause_reading(&self) {
        self.gate.close();
    }

    pub(crate) fn resume_reading(&self) {
        self.gate.open();
    }

    /// Keeps the engine awake until the guard is dropped.
    pub(crate) fn hurry(self: &Arc<Self>) -> Hurry {
        self.hurried.store(true, Ordering::Relaxed);
        Hurry(Arc::clone(self))
    }

    pub(crate) fn runtime(self: &Arc<Self>, receive_buffer: usize) -> Arc<dyn Runtime> {
        Arc::new(SeamRuntime { tokio: TokioRuntime, seam: Arc::clone(self), receive_buffer })
    }
}

/// Ends the engine's hurry when dropped.
#[derive(Debug)]
pub(crate) struct Hurry(Arc<Seam>);

impl Drop for Hurry {
    fn drop(&mut self) {
        self.0.hurried.store(false, Ordering::Relaxed);
    }
}

/// Open or closed; who finds it closed is woken when it opens.
#[derive(Debug, Default)]
struct Gate {
    closed: AtomicBool,
    waiting: Mutex<Vec<Waker>>,
}

impl Gate {
    fn close(&self) {
        self.closed.store(true, Ordering::Release);
    }

    fn open(&self) {
        self.closed.store(false, Ordering::Release);
        for waker in std::mem::take(&mut *self.waiting()) {
            waker.wake();
        }
    }

    fn poll_open(&self, cx: &Context<'_>) -> Poll<()> {
        if !self.closed.load(Ordering::Acquire) {
            return Poll::Ready(());
        }
        let mut waiting = self.waiting();
        // `open` may have run between the two: it stores first and takes the lock second.
        if !self.closed.load(Ordering::Acquire) {
            return Poll::Ready(());
        }
        if !waiting.iter().any(|waker| waker.will_wake(cx.waker())) {
            waiting.push(cx.waker().clone());
        }
        Poll::Pending
    }

    fn waiting(&self) -> std::sync::MutexGuard<'_, Vec<Waker>> {
        self.waiting.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

struct SeamRuntime {
    tokio: TokioRuntime,
    seam: Arc<Seam>,
    receive_buffer: usize,
}

impl fmt::Debug for SeamRuntime {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("SeamRuntime").field("seam", &self.seam).finish_non_exhaustive()
    }
}

impl Runtime for SeamRuntime {
    fn wrap_udp_socket(&self, socket: UdpSocket) -> io::Result<Arc<dyn AsyncUdpSocket>> {
        enlarge_receive_buffer(&socket, self.receive_buffer);
        let socket = self.tokio.wrap_udp_socket(socket)?;
        Ok(Arc::new(GatedSocket { socket, seam: Arc::clone(&self.seam) }))
    }

    fn sleep(&self, duration: Duration) -> BoxFuture<'static, ()> {
        let hurried = self.seam.hurried.load(Ordering::Relaxed);
        self.tokio.sleep(if hurried { duration.min(NUDGE) } else { duration })
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
    use rustix::net::sockopt;
    // A privileged process may go over the system's limit.
    if sockopt::set_socket_recv_buffer_size_force(socket, bytes).is_err()
        && let Err(error) = sockopt::set_socket_recv_buffer_size(socket, bytes)
    {
        debug!(%error, bytes, "could not enlarge the receive buffer of a socket");
    }
}

#[derive(Debug)]
struct GatedSocket {
    socket: Arc<dyn AsyncUdpSocket>,
    seam: Arc<Seam>,
}

impl AsyncUdpSocket for GatedSocket {
    fn poll_recv(
        &self,
        cx: &mut Context<'_>,
        bufs: &mut [IoSliceMut<'_>],
        meta: &mut [RecvMeta],
    ) -> Poll<io::Result<usize>> {
        match self.seam.gate.poll_open(cx) {
            Poll::Ready(()) => self.socket.poll_recv(cx, bufs, meta),
            Poll::Pending => Poll::Pending,
        }
    }

    fn poll_send(&self, cx: &mut Context<'_>, transmit: &Transmit<'_>) -> Poll<io::Result<usize>> {
        self.socket.poll_send(cx, transmit)
    }

    fn local_addr(&self) -> io::Result<SocketAddr> {
        self.socket.local_addr()
    }

    fn max_gso_segments(&self) -> usize {
        self.socket.max_gso_segments()
    }

    fn max_gro_segments(&self) -> usize {
        self.socket.max_gro_segments()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[tokio::test]
    async fn a_packet_waits_at_the_closed_gate_and_passes_when_it_opens() {
        let seam = Arc::new(Seam::default());
        let runtime = seam.runtime(1 << 20);
        let bound = UdpSocket::bind("127.0.0.1:0").unwrap();
        let address = bound.local_addr().unwrap();
        let socket = runtime.wrap_udp_socket(bound).unwrap();
        seam.pause_reading();

        let reading = tokio::spawn(async move {
            let mut buf = [0; 16];
            socket.recv_from(&mut buf).await.map(|(len, _)| buf[..len].to_vec())
        });
        UdpSocket::bind("127.0.0.1:0").unwrap().send_to(b"early", address).unwrap();
        for _ in 0..100 {
            tokio::task::yield_now().await;
        }
        assert!(!reading.is_finished());

        seam.resume_reading();
        assert_eq!(reading.await.unwrap().unwrap(), b"early");
    }

    #[tokio::test(start_paused = true)]
    async fn timers_are_short_only_while_in_a_hurry() {
        let seam = Arc::new(Seam::default());
        let runtime = seam.runtime(0);
        let hurry = seam.hurry();
        let start = tokio::time::Instant::now();
        runtime.sleep(Duration::from_secs(60)).await;
        assert!(start.elapsed() < Duration::from_millis(10));

        drop(hurry);
        runtime.sleep(Duration::from_secs(60)).await;
        assert!(start.elapsed() >= Duration::from_secs(60));
    }
}
