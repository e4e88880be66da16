use std::net::SocketAddr;
#[cfg(feature = "simulation")]
use std::sync::Arc;
use std::time::Duration;

use streamsdk_protocol::init::IceServer;

use crate::channel::{ChannelLimits, InboundLimits};
use crate::runtime::network::Network;
use crate::{RootCertificates, VideoCodec};

/// How a peer connects and how long it waits.
#[derive(Debug, Clone)]
#[must_use]
pub struct PeerConfig {
    pub(crate) network: Network,
    pub(crate) interfaces: Interfaces,
    pub(crate) toward: Option<SocketAddr>,
    pub(crate) near_candidates: Option<bool>,
    pub(crate) narrow_path: bool,
    pub(crate) ice_servers: Vec<IceServer>,
    pub(crate) ice_transport_policy: IceTransportPolicy,
    pub(crate) turn_roots: RootCertificates,
    pub(crate) gather_timeout: Duration,
    pub(crate) connect_timeout: Duration,
    pub(crate) dead_after: Duration,
    pub(crate) close_timeout: Duration,
    pub(crate) send_buffer: usize,
    pub(crate) receive_buffer: usize,
    pub(crate) reader_timeout: Duration,
    pub(crate) socket_receive_buffer: usize,
    pub(crate) codecs: Vec<VideoCodec>,
}

impl Default for PeerConfig {
    fn default() -> Self {
        Self {
            network: Network::default(),
            interfaces: Interfaces::All,
            toward: None,
            near_candidates: None,
            narrow_path: false,
            ice_servers: Vec::new(),
            ice_transport_policy: IceTransportPolicy::All,
            turn_roots: RootCertificates::default(),
            gather_timeout: Duration::from_secs(5),
            connect_timeout: Duration::from_secs(30),
            dead_after: Duration::from_secs(15),
            close_timeout: Duration::from_secs(10),
            send_buffer: 1 << 20,
            receive_buffer: 4 << 20,
            reader_timeout: Duration::from_secs(10),
            socket_receive_buffer: 4 << 20,
            codecs: vec![VideoCodec::Vp8, VideoCodec::H264],
        }
    }
}

impl PeerConfig {
    /// A network that is made up. Default is the machine's.
    #[cfg(feature = "simulation")]
    pub fn network(mut self, network: Arc<dyn crate::simulation::SimulatedNetwork>) -> Self {
        self.network = Network::Simulated(network);
        self
    }

    /// Addresses to be reached at. Default is [`Interfaces::All`].
    pub fn interfaces(mut self, interfaces: Interfaces) -> Self {
        self.interfaces = interfaces;
        self
    }

    /// Where the peer is to be expected, such as the server that the offer is sent to. Default is
    /// none.
    ///
    /// Packets are made to fit what the kernel knows of the way there. An answer also looks at the
    /// candidates of its offer. Where nothing is known they fit an Ethernet.
    pub fn toward(mut self, toward: impl Into<Option<SocketAddr>>) -> Self {
        self.toward = toward.into();
        self
    }

    /// Whether this side follows the peer to loopback and link-local addresses, which mean something else on every machine.
    /// Default is none: it does unless [`PeerConfig::toward`] says that the peer is on another machine or link.
    ///
    /// Groups, broadcasts and what is no address of a machine are followed by nobody, and of others 32.
    /// Whatever a peer names, until an address has answered it gets no more than three times the bytes of the
    /// description that names it, all together, and of what has come from there.
    pub fn near_candidates(mut self, near_candidates: impl Into<Option<bool>>) -> Self {
        self.near_candidates = near_candidates.into();
        self
    }

    /// Whether packets are small enough for every path from the beginning. Default is no.
    ///
    /// For another try after [`ConnectError::PathTooNarrow`](crate::ConnectError::PathTooNarrow).
    pub fn narrow_path(mut self, narrow_path: bool) -> Self {
        self.narrow_path = narrow_path;
        self
    }

    /// STUN and TURN servers, the preferred ones first. Default is none.
    ///
    /// TURN servers are reached over UDP (`turn:`), TCP (`turn:…?transport=tcp`) or TLS (`turns:`). All are
    /// tried at the same time. An offer or an answer waits until it is certain which is the first of them that
    /// answers, but for 2 s at most; of those that answered, the first is preferred. One that
    /// cannot be used is skipped, and why is told by the error if no connection comes about.
    pub fn ice_servers(mut self, ice_servers: impl IntoIterator<Item = IceServer>) -> Self {
        self.ice_servers = ice_servers.into_iter().collect();
        self
    }

    /// Which ways packets may take. Default is [`IceTransportPolicy::All`].
    pub fn ice_transport_policy(mut self, policy: IceTransportPolicy) -> Self {
        self.ice_transport_policy = policy;
        self
    }

    /// Certificates that a TURN server's may be signed with, besides those that the system trusts. Default is
    /// none.
    ///
    /// Where the system's certificates are files, `SSL_CERT_FILE` and `SSL_CERT_DIR` name others in their place.
    pub fn turn_roots(mut self, roots: RootCertificates) -> Self {
        self.turn_roots = roots;
        self
    }

    /// Time limit for gathering candidates. Default is 5 s.
    pub fn gather_timeout(mut self, gather_timeout: Duration) -> Self {
        self.gather_timeout = gather_timeout;
        self
    }

    /// Time limit from the answer to a connection with all its channels open. Default is 30 s.
    pub fn connect_timeout(mut self, connect_timeout: Duration) -> Self {
        self.connect_timeout = connect_timeout;
        self
    }

    /// How long a connected peer may be silent before it counts as dead. Default is 15 s.
    ///
    /// A living peer answers a check every 2 s, whatever else it does.
    pub fn dead_after(mut self, dead_after: Duration) -> Self {
        self.dead_after = dead_after;
        self
    }

    /// How long [`Peer::close`](crate::Peer::close) waits at most for what was sent to be acknowledged.
    /// Default is 10 s.
    ///
    /// What is lost on the way is sent again after a second, then after two more, and so on.
    pub fn close_timeout(mut self, close_timeout: Duration) -> Self {
        self.close_timeout = close_timeout;
        self
    }

    /// Most bytes per channel that the peer has not acknowledged. Default is 1 MiB, which is as much as a peer of this kind
    /// and aiortc let this side send ahead.
    ///
    /// It is 128 KiB at first, and more only where a path carries more whose round trip takes 2 ms or longer: three times
    /// what is acknowledged in one, and on paths of 20 ms or more 6.5 MB/s at most to a peer of another kind. Less makes a transfer slower: no more than this is acknowledged in a round trip.
    pub fn send_buffer(mut self, send_buffer: usize) -> Self {
        self.send_buffer = send_buffer;
        self
    }

    /// Most bytes per channel that have arrived and wait for their reader. Default is 4 MiB.
    ///
    /// What happens beyond: see [`ChannelReceiver`](crate::ChannelReceiver).
    pub fn receive_buffer(mut self, receive_buffer: usize) -> Self {
        self.receive_buffer = receive_buffer;
        self
    }

    /// How long a reader may take nothing from a full receive buffer before it is given up, so that the other
    /// channels go on. Default is 10 s.
    pub fn reader_timeout(mut self, reader_timeout: Duration) -> Self {
        self.reader_timeout = reader_timeout;
        self
    }

    /// Size of the kernel's receive buffer per socket, in bytes. Default is 4 MiB.
    ///
    /// The kernel may grant less (`net.core.rmem_max`).
    pub fn socket_receive_buffer(mut self, socket_receive_buffer: usize) -> Self {
        self.socket_receive_buffer = socket_receive_buffer;
        self
    }

    /// Video codecs that this side can use, the preferred one first. Default is VP8, then H264.
    ///
    /// The side that makes the offer decides: the other uses the first of the offered that it knows.
    pub fn codecs(mut self, codecs: impl IntoIterator<Item = VideoCodec>) -> Self {
        self.codecs = codecs.into_iter().collect();
        self
    }
}

impl PeerConfig {
    pub(crate) fn channel_limits(&self) -> ChannelLimits {
        let Self { receive_buffer, reader_timeout, send_buffer, .. } = *self;
        ChannelLimits {
            inbound: InboundLimits { bytes: receive_buffer, reader_timeout },
            send_buffer,
        }
    }

    /// Whether packets may go by way of a TURN server.
    pub(crate) fn relays(&self) -> bool {
        let mut urls = self.ice_servers.iter().flat_map(IceServer::urls);
        urls.any(|url| url.to_ascii_lowercase().starts_with("turn"))
    }
}

/// Which ways the packets of a connection may take.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
#[non_exhaustive]
pub enum IceTransportPolicy {
    /// Every one, the direct ones first.
    #[default]
    All,
    /// By way of a TURN server only. The peer is told no address of this machine.
    Relay,
}

/// Which of the machine's addresses a peer offers.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
#[non_exhaustive]
pub enum Interfaces {
    /// Every address of every interface that is up, loopback and link-local ones excepted.
    External,
    /// Loopback only: the peer must be on this machine and use loopback too.
    Loopback,
    /// As [`Interfaces::All`], for peers on this machine alone: what comes from another machine is
    /// dropped unread, and nothing is sent to one.
    ///
    /// For browsers: Firefox does not use loopback, and reaches this machine by the addresses of
    /// its other interfaces. Whether a packet is from this machine is decided by the address that
    /// it comes from. STUN and TURN servers elsewhere cannot be used.
    ThisMachine,
    /// Those of [`Interfaces::External`] and of [`Interfaces::Loopback`]; the latter not where the peer is known to
    /// be [`toward`](PeerConfig::toward) another machine.
    #[default]
    All,
}
