//! A network that is made up in the place of the machine's, so that what networks do to a connection can be tried out
//! in one process, and on a clock that a test holds.
//!
//! Everything above the sockets is as it always is: the engine, its runtime, and what this crate adds. STUN and TURN
//! servers are out of reach.

use std::fmt;
use std::io::{self, ErrorKind, IoSliceMut};
use std::net::{IpAddr, SocketAddr, UdpSocket};
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::task::{Context, Poll};
use std::time::Duration;

use async_trait::async_trait;
use tokio::io::Interest;
use webrtc::runtime::{RecvMeta, Transmit};

pub use crate::runtime::network::Moment;
use crate::runtime::{Datagrams, Fragments, Readiness, Route};

/// A network as one of its nodes sees it.
#[async_trait]
pub trait SimulatedNetwork: fmt::Debug + Send + Sync + 'static {
    /// The node's addresses.
    ///
    /// The engine binds real sockets to them, whose ports it goes by. So they have to be this machine's, as all of
    /// 127.0.0.0/8 are on Linux. Nothing is sent by the real sockets.
    fn addresses(&self) -> Vec<IpAddr>;

    /// Opens the port of one of the node's addresses. It is closed when the socket is dropped.
    fn open(&self, address: SocketAddr) -> Arc<dyn SimulatedSocket>;

    /// The largest IP packet that can be sent toward `to`, as far as the node knows.
    fn mtu(&self, to: IpAddr) -> Option<u32>;

    /// How long a connection of the node is held up at that moment. Default is not at all.
    fn hold_up(&self, moment: Moment) -> Duration {
        let _ = moment;
        Duration::ZERO
    }

    /// Asks the host at `peer` whether anybody has that port. Resolves, within 2 s, when it has said that nobody has, or when
    /// nothing was heard of it.
    async fn refuses(&self, local: IpAddr, peer: SocketAddr) -> bool;
}

/// An open port of a [`SimulatedNetwork`].
pub trait SimulatedSocket: fmt::Debug + Send + Sync + 'static {
    /// Sends a packet. One that is larger than the node knows to be carried is cut up by the node itself;
    /// `can_be_cut` says whether a router may do so as well, or loses what is too large for it.
    ///
    /// # Errors
    ///
    /// What the system says of a packet that it does not send. That one is lost is no error.
    fn send(&self, packet: &[u8], to: SocketAddr, can_be_cut: bool) -> io::Result<()>;

    /// Whether there is something to be received. If not, the task is woken when there is.
    fn poll_readable(&self, cx: &mut Context<'_>) -> Poll<()>;

    /// Takes the next packet, and says how long it is and who sent it; `None` if there is none. What does not fit
    /// into `buf` is cut off.
    fn receive(&self, buf: &mut [u8]) -> Option<(usize, SocketAddr)>;
}

/// The network of a connection's node.
pub(crate) type SharedNetwork = Arc<dyn SimulatedNetwork>;

/// An open port, with the real socket that keeps its number.
pub(crate) struct SimulatedDatagrams {
    network: SharedNetwork,
    open: Arc<dyn SimulatedSocket>,
    real: UdpSocket,
    /// Whether routers may cut packets up.
    can_be_cut: AtomicBool,
}

impl SimulatedDatagrams {
    pub(crate) fn new(network: &SharedNetwork, real: UdpSocket) -> io::Result<Self> {
        let open = network.open(real.local_addr()?);
        let network = Arc::clone(network);
        Ok(Self { network, open, real, can_be_cut: AtomicBool::new(false) })
    }
}

impl fmt::Debug for SimulatedDatagrams {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_tuple("SimulatedDatagrams").field(&self.open).finish()
    }
}

impl Datagrams for SimulatedDatagrams {
    fn local_addr(&self) -> io::Result<SocketAddr> {
        self.real.local_addr()
    }

    fn allow(&self, fragments: Fragments) -> io::Result<()> {
        self.can_be_cut.store(fragments == Fragments::Anywhere, Ordering::Relaxed);
        Ok(())
    }

    fn known_route(&self, to: SocketAddr) -> Option<Route> {
        self.network.mtu(to.ip()).map(|mtu| Route { to: to.ip(), mtu })
    }

    fn gro_segments(&self) -> usize {
        1
    }

    fn max_gso_segments(&self) -> usize {
        1
    }

    fn send(&self, transmit: &Transmit<'_>) -> io::Result<()> {
        self.open.send(
            transmit.contents,
            transmit.destination,
            self.can_be_cut.load(Ordering::Relaxed),
        )
    }

    fn receive(&self, bufs: &mut [IoSliceMut<'_>], metas: &mut [RecvMeta]) -> io::Result<usize> {
        let mut count = 0;
        for (buf, meta) in bufs.iter_mut().zip(metas) {
            let Some((len, addr)) = self.open.receive(buf) else { break };
            *meta = RecvMeta::default();
            (meta.addr, meta.len, meta.stride) = (addr, len, len);
            count += 1;
        }
        if count == 0 { Err(ErrorKind::WouldBlock.into()) } else { Ok(count) }
    }

    fn events(&self, interest: Interest) -> io::Result<Readiness> {
        Ok(Readiness::of_simulation(Arc::clone(&self.open), interest))
    }
}
