//! A socket which never waits, and talks to some peers only.

use std::io::{self, ErrorKind, IoSliceMut};
use std::net::{IpAddr, SocketAddr};
use std::sync::atomic::{AtomicBool, Ordering};

use tokio::io::Interest;
use tracing::debug;
use webrtc::runtime::{RecvMeta, Transmit};

use super::datagrams::Datagrams;
use super::fragments::Fragments;
use super::interfaces::PeerFilter;
use super::packet_size::Route;
use super::readiness::Readiness;

#[derive(Debug)]
pub(crate) struct RawUdpSocket {
    datagrams: Box<dyn Datagrams>,
    peer_filter: PeerFilter,
    /// GSO does not work: the kernel cannot fragment what leaves with it.
    without_gso: AtomicBool,
}

impl RawUdpSocket {
    pub(crate) fn new(datagrams: Box<dyn Datagrams>, peer_filter: PeerFilter) -> io::Result<Self> {
        let raw = Self { datagrams, peer_filter, without_gso: AtomicBool::new(false) };
        // Or no packet would leave that is larger than a link of the path carries.
        raw.allow(Fragments::Here)?;
        Ok(raw)
    }

    pub(super) fn allow(&self, fragments: Fragments) -> io::Result<()> {
        self.datagrams.allow(fragments)
    }

    pub(super) fn local_addr(&self) -> io::Result<SocketAddr> {
        self.datagrams.local_addr()
    }

    /// What is known of the way to `to`.
    pub(super) fn known_route(&self, to: SocketAddr) -> Option<Route> {
        self.datagrams.known_route(to)
    }

    /// Whether anything may be sent there.
    pub(super) fn allows(&self, ip: IpAddr) -> bool {
        self.peer_filter.allows(ip)
    }

    /// How many packets it may give at once.
    pub(super) fn gro_segments(&self) -> usize {
        self.datagrams.gro_segments()
    }

    /// How many packets can leave with one system call.
    pub(crate) fn gso_limit(&self) -> usize {
        if self.without_gso.load(Ordering::Relaxed) { 1 } else { self.datagrams.max_gso_segments() }
    }

    /// What tells that the socket is ready for `interest`, for as long as it lives.
    pub(super) fn events(&self, interest: Interest) -> io::Result<Readiness> {
        self.datagrams.events(interest)
    }

    pub(crate) fn send(&self, transmit: &Transmit<'_>) -> io::Result<usize> {
        match (self.datagrams.send(transmit), transmit.segment_size) {
            (Err(error), Some(size)) if error.kind() != ErrorKind::WouldBlock => {
                debug!(%error, "sending packets one by one");
                self.without_gso.store(true, Ordering::Relaxed);
                // When there is no room midway, the first ones leave again: it does no harm.
                transmit.contents.chunks(size).try_for_each(|packet| {
                    let packet = Transmit { contents: packet, segment_size: None, ..*transmit };
                    self.datagrams.send(&packet)
                })?;
            }
            (sent, _) => sent?,
        }
        Ok(transmit.contents.len())
    }

    /// Sends one packet.
    pub(super) fn send_packet(&self, to: SocketAddr, packet: &[u8]) -> io::Result<()> {
        self.datagrams.send(&Transmit {
            destination: to,
            ecn: None,
            contents: packet,
            segment_size: None,
            src_ip: None,
        })
    }

    pub(super) fn receive(
        &self,
        bufs: &mut [IoSliceMut<'_>],
        metas: &mut [RecvMeta],
    ) -> io::Result<usize> {
        let count = self.datagrams.receive(bufs, metas)?;
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
