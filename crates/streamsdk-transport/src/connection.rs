//! Building the engine's connection and turning its callbacks into state.

use std::net::SocketAddr;
use std::sync::Arc;
use std::time::Duration;

use async_trait::async_trait;
use rtc::ice::mdns::MulticastDnsMode;
use rtc::peer_connection::configuration::RTCIceTransportPolicy;
use rtc::peer_connection::configuration::setting_engine::SctpMaxMessageSize;
use rtc::peer_connection::transport::RTCIceCandidateType;
use tokio::sync::mpsc::error::TrySendError;
use tokio::sync::{mpsc, watch};
use tracing::{debug, warn};
use webrtc::data_channel::DataChannel;
use webrtc::media_stream::track_remote::TrackRemote;
use webrtc::peer_connection::{
    PeerConnection, PeerConnectionBuilder, PeerConnectionEventHandler, RTCConfigurationBuilder,
    RTCIceConnectionState, RTCIceGatheringState, RTCPeerConnectionIceEvent, RTCPeerConnectionState,
    SettingEngine, SettingEngineBuilder,
};

use crate::channel::{Channel, ChannelCounters, ChannelLimits, Opening};
use crate::connection_state::ConnectionState;
use crate::description::with_candidates_in_use;
use crate::error::EngineError;
use crate::peer::PeerParts;
use crate::runtime::EngineRuntime;
use crate::runtime::clock::MAX_RATE;
use crate::runtime::crypto::EngineCrypto;
use crate::runtime::interfaces::OwnAddresses;
use crate::runtime::narrow_peers;
use crate::runtime::packet_size::{
    FullPackets, Route, full_payload, sctp_size, smallest_sctp_size,
};
use crate::runtime::tuning::RuntimeTuning;
use crate::turn::{self, Servers};
use crate::video::{self, VideoLink};
use crate::{EndReason, IceTransportPolicy, Peer, PeerConfig, PeerState, TriedServers};

/// What aiortc announces and sends. With the engine's 64 KiB a larger message of ours would end the
/// receive loop of the peer, and the peer's that of this side.
const MAX_MESSAGE_SIZE: u32 = 262_144;
const ICE_CHECK_INTERVAL: Duration = Duration::from_millis(20);
const ICE_KEEPALIVE_INTERVAL: Duration = Duration::from_secs(2);
/// By default the engine gives a direct path two seconds. A check is repeated every 20 ms and takes one round trip; over
/// a relay it takes two or more.
const MIN_RELAY_WAIT: Duration = Duration::from_millis(200);
/// By default an allocation is refreshed every five minutes. A NAT forgets the way to a server in half a minute, when a
/// server starts slowly; and what the engine does not repeat, such as a refresh with a nonce that has become stale, has many
/// more tries within the ten minutes of an allocation.
const ALLOCATION_REFRESH: Duration = Duration::from_secs(25);
/// Channels of the peer that may wait to be taken.
const MAX_INCOMING_CHANNELS: usize = 16;
/// Addresses of a peer that are looked at for what is known of the way there.
const MAX_ROUTES: usize = 64;
/// Tracks of the peer that may wait to be taken: no session has more than one.
const MAX_INCOMING_TRACKS: usize = 1;

/// An engine's connection with what this crate needs to drive it.
pub(crate) struct Connection {
    /// Closes the connection when it is dropped.
    pub(crate) peer: Peer,
    pub(crate) engine: Arc<dyn PeerConnection>,
    pub(crate) tuning: Arc<RuntimeTuning>,
    pub(crate) incoming: mpsc::Receiver<Channel>,
    pub(crate) tracks: mpsc::Receiver<Arc<dyn TrackRemote>>,
    pub(crate) video: VideoLink,
    /// For [`PathMtu::probe_for`](crate::runtime::path_mtu::PathMtu::probe_for).
    pub(crate) full_packets: FullPackets,
    pub(crate) dead_after: Duration,
    /// What its engine encrypts with, and draws a cookie from as a server of DTLS.
    pub(crate) crypto: Option<Arc<EngineCrypto>>,
    gathered: watch::Receiver<bool>,
}

impl Connection {
    /// The peer may be at any of the `candidates`, as far as they are known.
    pub(crate) async fn build(
        config: &PeerConfig,
        own: &OwnAddresses,
        candidates: impl Iterator<Item = SocketAddr>,
    ) -> Result<Self, PrepareError> {
        let sctp_size = sctp_size_for(config, candidates);
        let connection_state = ConnectionState::new();
        let servers = Servers::new(config, &connection_state);
        if config.ice_transport_policy == IceTransportPolicy::Relay
            && !servers.as_ref().is_some_and(|servers| servers.has_relay())
        {
            let servers = servers.map(|servers| servers.tried()).unwrap_or_default();
            return Err(PrepareError::NoRelay { servers });
        }
        let ice_servers = servers.as_ref().map(|servers| servers.for_engine()).unwrap_or_default();
        let heard = connection_state.heard().clone();
        let tuning = Arc::new(RuntimeTuning::new(config.network.clone(), heard, servers));
        let (gathered_tx, gathered) = watch::channel(false);
        let (incoming_tx, incoming) = mpsc::channel(MAX_INCOMING_CHANNELS);
        let (tracks_tx, tracks) = mpsc::channel(MAX_INCOMING_TRACKS);
        let video = VideoLink::new(&tuning);
        let counters = Arc::<ChannelCounters>::default();
        let limits = config.channel_limits();
        let handler = EventHandler {
            connection_state: connection_state.clone(),
            tuning: Arc::clone(&tuning),
            counters: Arc::clone(&counters),
            limits,
            gathered: gathered_tx,
            incoming: incoming_tx,
            tracks: tracks_tx,
        };
        // Without one of its own, the engine says what is wrong with it.
        let crypto = EngineCrypto::new(&tuning.association, &tuning.fast_path).ok().map(Arc::new);
        let unowned = tuning.tasks.end_unless_owned();
        let engine = PeerConnectionBuilder::<SocketAddr>::new()
            .with_configuration(
                RTCConfigurationBuilder::new()
                    .with_ice_servers(ice_servers)
                    .with_ice_transport_policy(match config.ice_transport_policy {
                        IceTransportPolicy::All => RTCIceTransportPolicy::All,
                        IceTransportPolicy::Relay => RTCIceTransportPolicy::Relay,
                    })
                    .build(),
            )
            .with_media_engine(video::media_engine(&config.codecs)?)
            .with_interceptor_registry(video::interceptors(&video))
            .with_setting_engine(settings(config, sctp_size, crypto.clone()))
            .with_handler(Arc::new(handler))
            .with_runtime(Arc::new(EngineRuntime::new(&tuning, config, own)))
            .with_udp_addrs(own.to_bind(config.interfaces, config.toward))
            .build()
            .await?;
        let engine: Arc<dyn PeerConnection> = Arc::new(engine);
        let peer = Peer::new(PeerParts {
            engine: Arc::clone(&engine),
            connection_state,
            tuning: Arc::clone(&tuning),
            counters,
            limits,
            close_timeout: config.close_timeout,
        });
        unowned.are_owned();
        let full_packets = FullPackets {
            payload: full_payload(sctp_size) as usize,
            are_smallest: sctp_size <= smallest_sctp_size(config.relays()),
        };
        Ok(Self {
            peer,
            engine,
            tuning,
            incoming,
            tracks,
            video,
            full_packets,
            dead_after: config.dead_after,
            crypto,
            gathered,
        })
    }

    /// Waits until the candidates that are worth it are in the local description; returns its SDP.
    pub(crate) async fn gathered_description(
        &mut self,
        config: &PeerConfig,
    ) -> Result<String, PrepareError> {
        let limit = config.gather_timeout;
        match &self.tuning.servers {
            None => {
                let gathered = self.gathered.wait_for(|gathered| *gathered);
                if tokio::time::timeout(limit, gathered).await.is_err() {
                    return Err(PrepareError::Timeout { limit });
                }
            }
            Some(servers) => {
                let needs_relay = config.ice_transport_policy == IceTransportPolicy::Relay;
                let limit = if needs_relay { limit } else { limit.min(turn::MAX_WAIT) };
                servers.settle(self.gathered.clone(), limit, needs_relay).await;
                if needs_relay && !servers.has_relayed() {
                    return Err(PrepareError::NoRelay { servers: servers.tried() });
                }
            }
        }
        let description = self.engine.local_description().await;
        let description = description.ok_or(PrepareError::Timeout { limit })?;
        Ok(with_candidates_in_use(&description.sdp))
    }
}

/// Why there is no connection to be made, or no description of it.
pub(crate) enum PrepareError {
    Engine(EngineError),
    Timeout { limit: Duration },
    NoRelay { servers: TriedServers },
}

impl From<webrtc::error::Error> for PrepareError {
    fn from(error: webrtc::error::Error) -> Self {
        Self::Engine(EngineError::from(error))
    }
}

fn sctp_size_for(config: &PeerConfig, candidates: impl Iterator<Item = SocketAddr>) -> u32 {
    if config.narrow_path {
        return smallest_sctp_size(config.relays());
    }
    let addresses = config.toward.into_iter().chain(candidates).take(MAX_ROUTES);
    let routes: Vec<Route> = addresses
        .filter_map(|to| match narrow_peers::is_remembered(to.ip()) {
            true => Some(Route::narrowest(to.ip())),
            false => config.network.known_route(to),
        })
        .collect();
    let size = sctp_size(&routes, config.relays());
    debug!(size, ?routes, "size of full packets");
    size
}

fn settings(
    config: &PeerConfig,
    sctp_size: u32,
    crypto: Option<Arc<EngineCrypto>>,
) -> SettingEngine {
    // The engine gives a peer up after the sum of the two: silent for the first half it is
    // "disconnected", which may pass, after the second it has failed. Its clock may be that much faster, and
    // a silent peer is given up before that by ourselves.
    let half = (config.dead_after / 2).saturating_mul(MAX_RATE);
    let keepalive = ICE_KEEPALIVE_INTERVAL.min(config.dead_after / 4);
    // A pair of addresses is tried for as long as a connection is waited for; the engine's own
    // seven tries are over after 140 ms at this interval.
    let checks = config.connect_timeout.as_millis() / ICE_CHECK_INTERVAL.as_millis();
    let mut settings = SettingEngineBuilder::new();
    if let Some(crypto) = crypto {
        settings = settings.with_crypto_provider(crypto);
    }
    settings
        .with_ice_timeouts(Some(half), Some(half), Some(keepalive))
        .with_ice_connection_attempts(
            Some(ICE_CHECK_INTERVAL),
            Some(u16::try_from(checks).unwrap_or(u16::MAX)),
        )
        .with_turn_allocation_refresh_interval_cap(ALLOCATION_REFRESH)
        .with_relay_acceptance_min_wait(Some(relay_wait(config)))
        .with_multicast_dns_mode(MulticastDnsMode::Disabled)
        .with_sctp_max_message_size(SctpMaxMessageSize::Bounded(MAX_MESSAGE_SIZE))
        .with_sctp_mtu(sctp_size)
        .build()
}

/// How long a connection by way of a relay is not taken, so that a better one can come about.
fn relay_wait(config: &PeerConfig) -> Duration {
    match config.ice_transport_policy {
        IceTransportPolicy::All => MIN_RELAY_WAIT,
        // It is the order of the servers that may make one better, and what is before the others is there first.
        IceTransportPolicy::Relay => MIN_RELAY_WAIT / 4,
    }
}

/// What the engine calls, on its own driver: nothing here may wait.
struct EventHandler {
    connection_state: ConnectionState,
    tuning: Arc<RuntimeTuning>,
    counters: Arc<ChannelCounters>,
    limits: ChannelLimits,
    gathered: watch::Sender<bool>,
    incoming: mpsc::Sender<Channel>,
    tracks: mpsc::Sender<Arc<dyn TrackRemote>>,
}

#[async_trait]
impl PeerConnectionEventHandler for EventHandler {
    async fn on_ice_candidate(&self, event: RTCPeerConnectionIceEvent) {
        let Some(servers) = &self.tuning.servers else { return };
        match event.candidate.typ {
            RTCIceCandidateType::Relay => servers.on_candidate(&event.url),
            RTCIceCandidateType::Srflx => servers.on_reflexive_candidate(),
            _ => {}
        }
    }

    async fn on_ice_gathering_state_change(&self, state: RTCIceGatheringState) {
        if state == RTCIceGatheringState::Complete {
            self.gathered.send_replace(true);
        }
    }

    async fn on_ice_connection_state_change(&self, state: RTCIceConnectionState) {
        if state == RTCIceConnectionState::Connected {
            self.tuning.pair_is_chosen();
        }
    }

    async fn on_connection_state_change(&self, state: RTCPeerConnectionState) {
        debug!(%state, "connection state");
        let next = match state {
            RTCPeerConnectionState::Connected => {
                self.tuning.handshakes_are_over();
                PeerState::Connected
            }
            RTCPeerConnectionState::Disconnected => PeerState::Disconnected,
            RTCPeerConnectionState::Failed => {
                PeerState::Ended(match self.connection_state.state() {
                    PeerState::Connecting => self.tuning.path.why_not_connected(),
                    _ => EndReason::PeerSilent,
                })
            }
            RTCPeerConnectionState::Closed => PeerState::Ended(self.tuning.handshake.why_closed()),
            _ => return,
        };
        self.connection_state.set(next);
    }

    async fn on_data_channel(&self, engine: Arc<dyn DataChannel>) {
        let (connection_state, counters) =
            (self.connection_state.clone(), Arc::clone(&self.counters));
        let (limits, incoming) = (self.limits, self.incoming.clone());
        let tuning = Arc::clone(&self.tuning);
        // Asking for the label waits for the driver, which waits for this function.
        tokio::spawn(async move {
            let Ok(label) = engine.label().await else { return };
            let opening = Opening::confirmed();
            let channel =
                Channel::new(label, opening, engine, connection_state, counters, limits, &tuning);
            if let Err(TrySendError::Full(_)) = incoming.try_send(channel) {
                warn!("a channel of the peer is ignored: too many wait to be taken");
            }
        });
    }

    async fn on_track(&self, track: Arc<dyn TrackRemote>) {
        if self.tracks.try_send(track).is_err() {
            warn!("a track of the peer was ignored: there is one already, or none is wanted");
        }
    }
}
