//! Sockets of the kernel's, behind what the runtime asks of a socket.

use std::fmt;
use std::io::{self, IoSliceMut};
use std::net::{SocketAddr, UdpSocket};

use quinn_udp::{UdpSockRef, UdpSocketState};
use tokio::io::Interest;
use webrtc::runtime::{RecvMeta, Transmit};

use super::fragments::{self, Fragments, known_route};
use super::packet_size::Route;
use super::readiness::Readiness;

/// What carries packets, and never waits: what cannot be done at once fails with `WouldBlock`.
pub(crate) trait Datagrams: fmt::Debug + Send + Sync {
    fn local_addr(&self) -> io::Result<SocketAddr>;

    /// Says who may cut up packets that are too large.
    fn allow(&self, fragments: Fragments) -> io::Result<()>;

    /// What is known of the way to `to`.
    fn known_route(&self, to: SocketAddr) -> Option<Route>;

    /// How many packets one buffer may be given at once.
    fn gro_segments(&self) -> usize;

    /// How many packets can leave at once.
    fn max_gso_segments(&self) -> usize;

    fn send(&self, transmit: &Transmit<'_>) -> io::Result<()>;

    fn receive(&self, bufs: &mut [IoSliceMut<'_>], metas: &mut [RecvMeta]) -> io::Result<usize>;

    /// What tells that there is something to read, or that there is room.
    fn events(&self, interest: Interest) -> io::Result<Readiness>;
}

#[derive(Debug)]
pub(crate) struct KernelSocket {
    socket: UdpSocket,
    options: UdpSocketState,
}

impl KernelSocket {
    pub(crate) fn new(socket: UdpSocket) -> io::Result<Self> {
        socket.set_nonblocking(true)?;
        let options = UdpSocketState::new(UdpSockRef::from(&socket))?;
        Ok(Self { socket, options })
    }
}

impl Datagrams for KernelSocket {
    fn local_addr(&self) -> io::Result<SocketAddr> {
        self.socket.local_addr()
    }

    fn allow(&self, fragments: Fragments) -> io::Result<()> {
        fragments::allow(&self.socket, fragments)
    }

    fn known_route(&self, to: SocketAddr) -> Option<Route> {
        known_route(to)
    }

    fn gro_segments(&self) -> usize {
        self.options.gro_segments()
    }

    fn max_gso_segments(&self) -> usize {
        self.options.max_gso_segments()
    }

    fn send(&self, transmit: &Transmit<'_>) -> io::Result<()> {
        self.options.try_send(UdpSockRef::from(&self.socket), transmit)
    }

    fn receive(&self, bufs: &mut [IoSliceMut<'_>], metas: &mut [RecvMeta]) -> io::Result<usize> {
        self.options.recv(UdpSockRef::from(&self.socket), bufs, metas)
    }

    fn events(&self, interest: Interest) -> io::Result<Readiness> {
        Readiness::of_kernel(&self.socket, interest)
    }
}
