use std::sync::Arc;
use std::time::Duration;

use rtc::rtp_transceiver::rtp_sender::RtpCodecKind;
use rtc::rtp_transceiver::{RTCRtpTransceiverDirection, RTCRtpTransceiverInit};
use streamsdk_protocol::sdp::{Author, signed};
use tokio::sync::mpsc;
use tokio::time::Instant;
use webrtc::peer_connection::{PeerConnection, RTCSdpType};

use crate::candidates::{FollowedCandidates, naming_bytes};
use crate::channel::Channel;
use crate::connection::Connection;
use crate::error::EngineError;
use crate::runtime::cookie::{Cookie, offering_cookie};
use crate::runtime::crypto::EngineCrypto;
use crate::runtime::network::Moment;
use crate::runtime::packet_size::FullPackets;
use crate::runtime::path_mtu::ProbeOutcome;
use crate::runtime::probe::IceCredentials;
use crate::runtime::tuning::RuntimeTuning;
use crate::video::{FastPath, Negotiated, OutgoingTrack};
use crate::wiring::{Path, VideoSlot, remote_description};
use crate::{
    CandidateCounts, ConnectError, DeliveryMode, EndReason, IncomingChannels, OfferError, Peer,
    PeerConfig, PeerState, TriedCandidates, Video, VideoDirection,
};

/// An offer that waits for its answer.
#[derive(Debug)]
pub struct Offer {
    peer: Peer,
    channels: Vec<Channel>,
    incoming: IncomingChannels,
    video: Option<VideoSlot>,
    engine: EngineHandle,
    sdp: String,
    connect_timeout: Duration,
}

/// The engine behind an offer that has not been answered.
struct EngineHandle {
    connection: Arc<dyn PeerConnection>,
    tuning: Arc<RuntimeTuning>,
    full_packets: FullPackets,
    dead_after: Duration,
    followed: FollowedCandidates,
}

impl std::fmt::Debug for EngineHandle {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str("EngineHandle")
    }
}

/// What an offer led to.
#[derive(Debug)]
#[non_exhaustive]
pub struct Connected {
    /// The connection.
    pub peer: Peer,
    /// The channels in the order of the labels. They can be sent on.
    pub channels: Vec<Channel>,
    /// The channels that the peer opens. Who wants none drops it.
    pub incoming: IncomingChannels,
    /// The video that was offered; `None` if none was, or if the peer refused it.
    pub video: Option<Video>,
}

impl Offer {
    /// Makes an offer with one channel per label, and video if it is wanted: one of the two there has to be. All
    /// candidates are included.
    ///
    /// # Errors
    ///
    /// When the engine cannot be set up, or finds no addresses in time.
    pub async fn create(
        config: PeerConfig,
        labels: &[&str],
        video: Option<VideoDirection>,
    ) -> Result<Self, OfferError> {
        let engine_error = |error| OfferError::Engine(EngineError::from(error));
        let own = config.network.own_addresses();
        let mut connection = Connection::build(&config, &own, std::iter::empty()).await?;
        let engine = Arc::clone(&connection.engine);
        let peer = connection.peer.clone();

        let mut channels = Vec::with_capacity(labels.len());
        for label in labels {
            let channel = peer.make_channel(label, DeliveryMode::Ordered).await;
            channels.push(channel.map_err(OfferError::Engine)?);
        }

        let video = match video {
            Some(direction) => {
                let fast_path = &connection.tuning.fast_path;
                let outgoing = offer_video(&*engine, &config, direction, fast_path).await?;
                let Connection { tracks: incoming, video: link, .. } = &mut connection;
                let incoming =
                    direction.receives().then(|| std::mem::replace(incoming, mpsc::channel(1).1));
                Some(VideoSlot { outgoing, incoming, link: link.clone() })
            }
            None => None,
        };

        let offer = engine.create_offer(None).await.map_err(engine_error)?;
        engine.set_local_description(offer).await.map_err(engine_error)?;
        let sdp = connection.gathered_description(&config).await?;
        let crypto = connection.crypto.as_deref().filter(|_| !config.relays());
        let sdp = with_cookie(sdp, crypto);
        connection.tuning.pause_reading();
        let Connection { tuning, full_packets, dead_after, incoming, .. } = connection;
        let incoming = IncomingChannels::new(peer.clone(), incoming);
        let followed = FollowedCandidates::new(&config, &own);
        let engine =
            EngineHandle { connection: engine, tuning, full_packets, dead_after, followed };
        let (sdp, connect_timeout) = (signed(&sdp), config.connect_timeout);
        Ok(Self { peer, channels, incoming, video, engine, sdp, connect_timeout })
    }

    /// The offer, for the peer.
    pub fn sdp(&self) -> &str {
        &self.sdp
    }

    /// Applies the peer's answer and waits until every channel can be sent on, and until full packets
    /// are known to arrive.
    ///
    /// Whether the peer takes the channels is not waited for. One that it closes ends as any other.
    ///
    /// # Errors
    ///
    /// When the answer cannot be used, or no connection comes of it in time. The connection is closed then.
    pub async fn accept(self, answer: &str) -> Result<Connected, ConnectError> {
        let Self { peer, channels, incoming, video, engine, sdp, connect_timeout } = self;
        let attempt = ConnectAttempt {
            engine: &engine,
            peer: &peer,
            offer: &sdp,
            answer,
            started: Instant::now(),
            limit: connect_timeout,
        };
        match attempt.connect(&channels).await {
            Ok(()) => {
                let video = video.and_then(|video| video.start(answer, peer.connection_state()));
                Ok(Connected { peer, channels, incoming, video })
            }
            Err(error) => {
                peer.abort().await;
                Err(error)
            }
        }
    }

    /// How video leaves, if some does.
    #[cfg(test)]
    pub(crate) fn fast_path(&self) -> Arc<FastPath> {
        Arc::clone(&self.engine.tuning.fast_path)
    }

    /// Gives the offer up.
    pub async fn abandon(self) {
        self.peer.abort().await;
    }
}

/// The offer with the mark that both sides know the cookie of the handshake, which `crypto` draws then.
fn with_cookie(sdp: String, crypto: Option<&EngineCrypto>) -> String {
    match crypto.zip(Cookie::of(&sdp)) {
        Some((crypto, cookie)) => {
            crypto.set_cookie(cookie);
            offering_cookie(&sdp)
        }
        None => sdp,
    }
}

/// Adds a video slot to the offer.
async fn offer_video(
    engine: &dyn PeerConnection,
    config: &PeerConfig,
    direction: VideoDirection,
    fast_path: &FastPath,
) -> Result<Option<OutgoingTrack>, OfferError> {
    let engine_error = |error| OfferError::Engine(EngineError::from(error));
    let init = |direction| {
        Some(RTCRtpTransceiverInit { direction, streams: Vec::new(), send_encodings: Vec::new() })
    };
    match config.codecs.first().filter(|_| direction.sends()) {
        Some(codec) => {
            let outgoing = OutgoingTrack::new(*codec, fast_path);
            let track = Arc::clone(&outgoing.engine);
            let init = init(match direction.receives() {
                true => RTCRtpTransceiverDirection::Sendrecv,
                false => RTCRtpTransceiverDirection::Sendonly,
            });
            engine.add_transceiver_from_track(track, init).await.map_err(engine_error)?;
            Ok(Some(outgoing))
        }
        None => {
            let init = init(RTCRtpTransceiverDirection::Recvonly);
            let kind = RtpCodecKind::Video;
            engine.add_transceiver_from_kind(kind, init).await.map_err(engine_error)?;
            Ok(None)
        }
    }
}

/// An answer that is being followed.
struct ConnectAttempt<'a> {
    engine: &'a EngineHandle,
    peer: &'a Peer,
    offer: &'a str,
    answer: &'a str,
    started: Instant,
    limit: Duration,
}

impl ConnectAttempt<'_> {
    async fn connect(&self, channels: &[Channel]) -> Result<(), ConnectError> {
        let Self { engine, answer, .. } = self;
        let unusable = |error| ConnectError::UnusableAnswer(EngineError::from(error));
        let description = remote_description(RTCSdpType::Answer, answer, &engine.followed);
        let description = description.map_err(unusable)?;
        engine.tuning.unproven.named_in(naming_bytes(answer));
        engine.tuning.network.hold_up(Moment::AnswerArrived).await;
        let _fast_timers = engine.tuning.fast_timers();
        if !channels.is_empty() && Author::of(answer) == Author::Streamsdk {
            engine.tuning.association.await_init();
        }
        engine.connection.set_remote_description(description).await.map_err(unusable)?;
        if let Some(credentials) = IceCredentials::of(self.offer, answer) {
            engine.tuning.nomination.begin(credentials);
        }
        engine.tuning.resume_reading();
        let has_channels = !channels.is_empty();
        tokio::try_join!(self.establish(channels), self.probe_path(has_channels))?;
        Ok(())
    }

    fn ended(&self, reason: EndReason) -> ConnectError {
        match reason {
            EndReason::NeverConnected | EndReason::HandshakeFailed => self.not_connected(),
            reason => ConnectError::Ended(reason),
        }
    }

    /// Waits until what was offered can be used. That is so for channels when the association stands: what is sent
    /// follows their opening in order, so nobody has to wait until the peer has confirmed that (RFC 8832, section 6).
    async fn establish(&self, channels: &[Channel]) -> Result<(), ConnectError> {
        let left = self.limit.saturating_sub(self.started.elapsed());
        let established = async {
            match channels.first() {
                // Where an INIT came twice, the engine may show an association that nothing comes of.
                Some(channel) => self.peer.associated(|| channel.is_opening()).await,
                None => self.connected().await,
            }
        };
        tokio::select! {
            biased;
            () = established => Ok(()),
            reason = self.peer.ended() => Err(self.ended(reason)),
            () = self.engine.tuning.handshake.failed() => Err(self.not_connected()),
            () = tokio::time::sleep(left) => Err(match (self.peer.state(), channels.first()) {
                (PeerState::Connecting, _) | (_, None) => self.not_connected(),
                (_, Some(channel)) => self.not_open(channel),
            }),
        }
    }

    async fn connected(&self) {
        let mut watch = self.peer.watch();
        // The sender lives in `peer`.
        let _ = watch.wait_for(|state| *state == PeerState::Connected).await;
    }

    fn not_open(&self, channel: &Channel) -> ConnectError {
        ConnectError::ChannelNotOpen {
            label: channel.label().to_owned(),
            waited: self.started.elapsed(),
        }
    }

    async fn probe_path(&self, has_channels: bool) -> Result<(), ConnectError> {
        let EngineHandle { tuning, full_packets, .. } = self.engine;
        let path = Path {
            tuning: Arc::clone(tuning),
            full_packets: *full_packets,
            connection_state: self.peer.connection_state().clone(),
            credentials: IceCredentials::of(self.offer, self.answer),
            peer: Author::of(self.answer),
            has_channels,
            has_video: Negotiated::of(self.answer).is_some(),
            dead_after: self.engine.dead_after,
        };
        match path.prove_and_watch().await {
            ProbeOutcome::Vanishes => {
                Err(ConnectError::PathTooNarrow { size: full_packets.payload })
            }
            ProbeOutcome::Arrives | ProbeOutcome::Unknown => Ok(()),
        }
    }

    fn not_connected(&self) -> ConnectError {
        let waited = self.started.elapsed();
        let tuning = &self.engine.tuning;
        if tuning.path.why_not_connected() == EndReason::HandshakeFailed {
            return ConnectError::Handshake { waited, reason: tuning.handshake.failure() };
        }
        ConnectError::NoPath {
            waited,
            local: CandidateCounts::of(self.offer),
            remote: CandidateCounts::of(self.answer),
            candidates: TriedCandidates::of(self.offer, self.answer),
            servers: tuning.servers.as_ref().map(|servers| servers.tried()).unwrap_or_default(),
        }
    }
}
