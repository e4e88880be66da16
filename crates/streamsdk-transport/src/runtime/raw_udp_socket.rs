//! A socket of the kernel's, which never waits.

use std::io::{self, ErrorKind, IoSliceMut};
use std::net::{IpAddr, SocketAddr, UdpSocket};
use std::sync::atomic::{AtomicBool, Ordering};

use quinn_udp::{UdpSockRef, UdpSocketState};
use tokio::io::Interest;
use tracing::debug;
use webrtc::runtime::{RecvMeta, Transmit};

use super::fragments::{self, Fragments};
use super::interfaces::PeerFilter;
use super::readiness::Readiness;

#[derive(Debug)]
pub(crate) struct RawUdpSocket {
    socket: UdpSocket,
    options: UdpSocketState,
    peer_filter: PeerFilter,
    /// GSO does not work: the kernel cannot fragment what leaves with it.
    without_gso: AtomicBool,
}

impl RawUdpSocket {
    pub(super) fn new(socket: UdpSocket, peer_filter: PeerFilter) -> io::Result<Self> {
        socket.set_nonblocking(true)?;
        let options = UdpSocketState::new(UdpSockRef::from(&socket))?;
        let raw = Self { socket, options, peer_filter, without_gso: AtomicBool::new(false) };
        // Or no packet would leave that is larger than a link of the path carries.
        raw.allow(Fragments::Here)?;
        Ok(raw)
    }

    pub(super) fn allow(&self, fragments: Fragments) -> io::Result<()> {
        fragments::allow(&self.socket, fragments)
    }

    pub(super) fn local_addr(&self) -> io::Result<SocketAddr> {
        self.socket.local_addr()
    }

    /// Whether anything may be sent there.
    pub(super) fn allows(&self, ip: IpAddr) -> bool {
        self.peer_filter.allows(ip)
    }

    /// How many packets it may give at once.
    pub(super) fn gro_segments(&self) -> usize {
        self.options.gro_segments()
    }

    /// How many packets can leave with one system call.
    pub(super) fn gso_limit(&self) -> usize {
        if self.without_gso.load(Ordering::Relaxed) { 1 } else { self.options.max_gso_segments() }
    }

    /// What tells that the socket is ready for `interest`, for as long as it lives.
    pub(super) fn events(&self, interest: Interest) -> io::Result<Readiness> {
        Readiness::new(&self.socket, interest)
    }

    pub(super) fn send(&self, transmit: &Transmit<'_>) -> io::Result<usize> {
        match (self.try_send(transmit), transmit.segment_size) {
            (Err(error), Some(size)) if error.kind() != ErrorKind::WouldBlock => {
                debug!(%error, "sending packets one by one");
                self.without_gso.store(true, Ordering::Relaxed);
                // When there is no room midway, the first ones leave again: it does no harm.
                transmit.contents.chunks(size).try_for_each(|packet| {
                    self.try_send(&Transmit { contents: packet, segment_size: None, ..*transmit })
                })?;
            }
            (sent, _) => sent?,
        }
        Ok(transmit.contents.len())
    }

    /// Sends one packet.
    pub(super) fn send_packet(&self, to: SocketAddr, packet: &[u8]) -> io::Result<()> {
        self.try_send(&Transmit {
            destination: to,
            ecn: None,
            contents: packet,
            segment_size: None,
            src_ip: None,
        })
    }

    fn try_send(&self, transmit: &Transmit<'_>) -> io::Result<()> {
        self.options.try_send(UdpSockRef::from(&self.socket), transmit)
    }

    pub(super) fn receive(
        &self,
        bufs: &mut [IoSliceMut<'_>],
        metas: &mut [RecvMeta],
    ) -> io::Result<usize> {
        let count = self.options.recv(UdpSockRef::from(&self.socket), bufs, metas)?;
        for meta in &mut metas[..count] {
            if !self.peer_filter.allows(meta.addr.ip()) {
                // The engine does nothing with an empty packet.
                meta.len = 0;
            }
            // An empty packet has no stride, and the engine divides by it.
            meta.stride = meta.stride.max(1);
        }
        Ok(count)
    }
}
