use std::sync::Arc;

use streamsdk_protocol::sdp::{Author, has_data_channels, sends_video, signed};
use tokio::sync::mpsc;
use webrtc::peer_connection::RTCSdpType;

use crate::candidates::{FollowedCandidates, addresses, naming_bytes};
use crate::channel::Channel;
use crate::connection::Connection;
use crate::error::EngineError;
use crate::runtime::cookie::Cookie;
use crate::runtime::network::Moment;
use crate::runtime::path_mtu::ProbeOutcome;
use crate::runtime::probe::IceCredentials;
use crate::runtime::tuning::RuntimeTuning;
use crate::video::{Negotiated, OutgoingTrack};
use crate::wiring::{Path, VideoSlot, remote_description};
use crate::{AnswerError, Peer, PeerConfig, PeerState, Video};

/// An answer to the peer's offer.
#[derive(Debug)]
pub struct Answer {
    sdp: String,
    peer: Peer,
    incoming: IncomingChannels,
    video: Option<Video>,
}

impl Answer {
    /// Answers `offer`, all candidates included. The connection starts by itself.
    ///
    /// A video slot of the offer is taken for what the peer sends, and with `send_video` for
    /// what this side sends.
    ///
    /// # Errors
    ///
    /// When the offer cannot be answered, or the engine cannot be set up.
    pub async fn create(
        mut config: PeerConfig,
        offer: &str,
        send_video: bool,
    ) -> Result<Self, AnswerError> {
        let wanted = Negotiated::offered(offer, &config.codecs);
        let (has_channels, receive_video) = (has_data_channels(offer), sends_video(offer));
        if !send_video && !receive_video {
            // Without a codec the engine refuses the slot.
            config.codecs.clear();
        }
        let unusable = |error| AnswerError::UnusableOffer(EngineError::from(error));
        let own = config.network.own_addresses();
        let followed = FollowedCandidates::new(&config, &own);
        let description =
            remote_description(RTCSdpType::Offer, offer, &followed).map_err(unusable)?;
        let mut connection = Connection::build(&config, &own, addresses(offer)).await?;
        let engine = Arc::clone(&connection.engine);
        let peer = connection.peer.clone();
        peer.hurry(connection.tuning.fast_timers());

        let fast_path = &connection.tuning.fast_path;
        let outgoing = wanted.filter(|_| send_video);
        let outgoing = outgoing.map(|video| OutgoingTrack::new(video.codec, fast_path));
        connection.tuning.unproven.named_in(naming_bytes(offer));
        if let Some(cookie) = Cookie::offered(offer) {
            connection.tuning.cookies.know(cookie);
        }
        if has_channels && Author::of(offer) == Author::Streamsdk {
            connection.tuning.association.await_init_ack();
        }
        let answered = async {
            engine.set_remote_description(description).await.map_err(unusable)?;
            if let Some(track) = &outgoing {
                let track = Arc::clone(&track.engine);
                engine.add_track(track).await.map_err(unusable)?;
            }
            let answer = engine.create_answer(None).await.map_err(unusable)?;
            engine.set_local_description(answer).await.map_err(unusable)?;
            let description = connection.gathered_description(&config).await?;
            config.network.hold_up(Moment::AnswerMade).await;
            Ok(description)
        };
        match answered.await {
            Ok(sdp) => {
                let limit = config.connect_timeout;
                watch_handshake(&peer, &connection.tuning, limit, has_channels);
                let Connection {
                    tuning, full_packets, dead_after, tracks, video, incoming, ..
                } = connection;
                tokio::spawn(prove(Path {
                    tuning,
                    full_packets,
                    connection_state: peer.connection_state().clone(),
                    credentials: IceCredentials::of(&sdp, offer),
                    peer: Author::of(offer),
                    has_channels,
                    has_video: Negotiated::of(&sdp).is_some(),
                    dead_after,
                }));
                let incoming_track = receive_video.then_some(tracks);
                let slot = VideoSlot { outgoing, incoming: incoming_track, link: video };
                let video = slot.start(&sdp, peer.connection_state());
                let incoming = IncomingChannels::new(peer.clone(), incoming);
                Ok(Self { sdp: signed(&sdp), peer, incoming, video })
            }
            Err(error) => {
                peer.abort().await;
                Err(error)
            }
        }
    }

    /// The answer, for the peer.
    pub fn sdp(&self) -> &str {
        &self.sdp
    }

    /// The connection, the channels that the peer opens, and the video that it offered.
    pub fn into_parts(self) -> (Peer, IncomingChannels, Option<Video>) {
        (self.peer, self.incoming, self.video)
    }
}

/// Ends the engine's fast timers when the connection stands, when it cannot, or when it has had its time. With
/// channels it stands when the first of them is open.
fn watch_handshake(
    peer: &Peer,
    tuning: &Arc<RuntimeTuning>,
    limit: std::time::Duration,
    has_channels: bool,
) {
    let mut watch = peer.watch();
    // Whoever has the answer may drop it meanwhile, which closes the connection.
    let (peer, tuning) = (peer.downgrade(), Arc::clone(tuning));
    tokio::spawn(async move {
        let decided = watch.wait_for(|state| *state != PeerState::Connecting);
        let undecided = tokio::select! {
            biased;
            decided = tokio::time::timeout(limit, decided) => decided.is_err(),
            () = tuning.handshake.failed() => true,
        };
        let Some(peer) = peer.upgrade() else { return };
        if undecided {
            peer.connection_state().end(tuning.path.why_not_connected());
            peer.abort().await;
        } else if !has_channels || matches!(peer.state(), PeerState::Ended(_)) {
            peer.handshake_done();
        }
    });
}

/// Warns of a path that full packets do not get through.
async fn prove(path: Path) {
    let size = path.full_packets.payload;
    if path.prove_and_watch().await == ProbeOutcome::Vanishes {
        tracing::warn!(size, "full packets do not get to the peer");
    }
}

/// The channels that the peer opens, as they open.
#[derive(Debug)]
pub struct IncomingChannels {
    peer: Peer,
    channels: mpsc::Receiver<Channel>,
}

impl IncomingChannels {
    pub(crate) fn new(peer: Peer, channels: mpsc::Receiver<Channel>) -> Self {
        Self { peer, channels }
    }

    /// The next channel; `None` when the connection is over. Cancelling loses nothing.
    ///
    /// At most 16 channels wait to be taken; what arrives on more of them is discarded. A channel that is
    /// never taken is one that is not read: see [`ChannelReceiver`](crate::ChannelReceiver).
    pub async fn next(&mut self) -> Option<Channel> {
        let channel = tokio::select! {
            biased;
            channel = self.channels.recv() => channel?,
            _ = self.peer.ended() => return None,
        };
        self.peer.handshake_done();
        self.peer.register_channel(channel.sender().clone());
        Some(channel)
    }
}
