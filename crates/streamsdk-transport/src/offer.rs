use std::sync::Arc;
use std::time::Duration;

use rtc::rtp_transceiver::rtp_sender::RtpCodecKind;
use rtc::rtp_transceiver::{RTCRtpTransceiverDirection, RTCRtpTransceiverInit};
use tokio::sync::mpsc;
use tokio::time::{Instant, timeout_at};
use webrtc::media_stream::track_remote::TrackRemote;
use webrtc::peer_connection::{PeerConnection, RTCSdpType, RTCSessionDescription};

use crate::channel::Channel;
use crate::connection::Connection;
use crate::error::EngineError;
use crate::seam::Seam;
use crate::video::{Negotiated, OutgoingTrack, VideoLink};
use crate::{
    CandidateCounts, ConnectError, EndReason, OfferError, Peer, PeerConfig, PeerState, Video,
    VideoDirection, VideoReceiver, VideoSender,
};

/// An offer that waits for its answer.
#[derive(Debug)]
pub struct Offer {
    peer: Peer,
    channels: Vec<Channel>,
    video: Option<OfferedVideo>,
    engine: EngineHandle,
    sdp: String,
    connect_timeout: Duration,
}

/// The engine behind an offer that has not been answered.
struct EngineHandle {
    connection: Arc<dyn PeerConnection>,
    seam: Arc<Seam>,
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
    /// The channels in the order of the labels, open.
    pub channels: Vec<Channel>,
    /// The video that was offered; `None` if none was, or if the other side refused it.
    pub video: Option<Video>,
}

/// A video slot that waits for its answer.
struct OfferedVideo {
    outgoing: Option<OutgoingTrack>,
    incoming: mpsc::Receiver<Arc<dyn TrackRemote>>,
    link: VideoLink,
}

impl std::fmt::Debug for OfferedVideo {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str("OfferedVideo")
    }
}

impl Offer {
    /// Makes an offer with one channel per label, and video if it is wanted. All candidates are
    /// included.
    pub async fn create(
        config: PeerConfig,
        labels: &[&str],
        video: Option<VideoDirection>,
    ) -> Result<Self, OfferError> {
        let engine_error = |error| OfferError::Engine(EngineError::from(error));
        let mut connection = Connection::build(&config).await.map_err(OfferError::Engine)?;
        let engine = Arc::clone(&connection.engine);
        let (life, traffic) = (connection.life.clone(), Arc::clone(&connection.traffic));
        let peer = Peer::new(Arc::clone(&engine), life, traffic, None, config.drain_timeout);

        let mut channels = Vec::with_capacity(labels.len());
        for label in labels {
            let channel = engine.create_data_channel(label, None).await.map_err(engine_error)?;
            let channel = connection.channel((*label).to_owned(), channel);
            peer.adopt(channel.sender().clone());
            channels.push(channel);
        }

        let video = match video {
            Some(direction) => {
                let outgoing = offer_video(&*engine, &config, direction).await?;
                let Connection { tracks: incoming, video: link, .. } = &mut connection;
                let incoming = std::mem::replace(incoming, mpsc::channel(1).1);
                Some(OfferedVideo { outgoing, incoming, link: link.clone() })
            }
            None => None,
        };

        let offer = engine.create_offer(None).await.map_err(engine_error)?;
        engine.set_local_description(offer).await.map_err(engine_error)?;
        let sdp = connection
            .gathered_description(config.gather_timeout)
            .await
            .ok_or(OfferError::GatheringTimeout { limit: config.gather_timeout })?;
        connection.seam.pause_reading();
        let engine = EngineHandle { connection: engine, seam: connection.seam };
        let connect_timeout = config.connect_timeout;
        Ok(Self { peer, channels, video, engine, sdp, connect_timeout })
    }

    /// The offer, for the other side.
    pub fn sdp(&self) -> &str {
        &self.sdp
    }

    /// Applies the other side's answer and waits until every channel is open.
    ///
    /// On an error the connection is closed.
    pub async fn accept(self, answer: &str) -> Result<Connected, ConnectError> {
        let Self { peer, mut channels, video, engine, sdp, connect_timeout } = self;
        match connect(&engine, &peer, &mut channels, answer, connect_timeout, &sdp).await {
            Ok(()) => {
                let video = video.and_then(|video| video.answered(answer, &peer));
                Ok(Connected { peer, channels, video })
            }
            Err(error) => {
                peer.abort().await;
                Err(error)
            }
        }
    }

    /// Gives the offer up.
    pub async fn abandon(self) {
        self.peer.abort().await;
    }
}

/// Adds a video slot to the offer.
async fn offer_video(
    engine: &dyn PeerConnection,
    config: &PeerConfig,
    direction: VideoDirection,
) -> Result<Option<OutgoingTrack>, OfferError> {
    let engine_error = |error| OfferError::Engine(EngineError::from(error));
    let init = |direction| {
        Some(RTCRtpTransceiverInit { direction, streams: Vec::new(), send_encodings: Vec::new() })
    };
    match (direction, config.codecs.first()) {
        (VideoDirection::SendAndReceive, Some(codec)) => {
            let outgoing = OutgoingTrack::new(*codec);
            let track = Arc::clone(&outgoing.engine);
            let init = init(RTCRtpTransceiverDirection::Sendrecv);
            engine.add_transceiver_from_track(track, init).await.map_err(engine_error)?;
            Ok(Some(outgoing))
        }
        _ => {
            let init = init(RTCRtpTransceiverDirection::Recvonly);
            let kind = RtpCodecKind::Video;
            engine.add_transceiver_from_kind(kind, init).await.map_err(engine_error)?;
            Ok(None)
        }
    }
}

impl OfferedVideo {
    fn answered(self, answer: &str, peer: &Peer) -> Option<Video> {
        let negotiated = Negotiated::of(answer)?;
        let life = peer.life();
        let sender = self
            .outgoing
            .map(|track| VideoSender::start(&track, negotiated, &self.link, life.clone()));
        let codec = negotiated.codec;
        let receiver = VideoReceiver::start(self.incoming, codec, &self.link, life.clone());
        Some(Video { sender, receiver: Some(receiver) })
    }
}

async fn connect(
    engine: &EngineHandle,
    peer: &Peer,
    channels: &mut [Channel],
    answer: &str,
    limit: Duration,
    offer: &str,
) -> Result<(), ConnectError> {
    let started = Instant::now();
    let unusable = |error| ConnectError::UnusableAnswer(EngineError::from(error));
    let no_path = || ConnectError::NoPath {
        waited: started.elapsed(),
        local: CandidateCounts::of(offer),
        remote: CandidateCounts::of(answer),
    };
    let description = description(RTCSdpType::Answer, answer).map_err(unusable)?;
    let _hurry = engine.seam.hurry();
    engine.connection.set_remote_description(description).await.map_err(unusable)?;
    engine.seam.resume_reading();

    for channel in channels {
        let opened = tokio::select! {
            opened = timeout_at(started + limit, channel.opened()) => opened,
            reason = peer.ended() => return Err(match reason {
                EndReason::NeverConnected => no_path(),
                reason => ConnectError::Ended(reason),
            }),
        };
        match opened {
            Ok(true) => {}
            Err(_) if peer.state() == PeerState::Connecting => return Err(no_path()),
            Ok(false) | Err(_) => {
                return Err(ConnectError::ChannelNotOpen {
                    label: channel.label().to_owned(),
                    waited: started.elapsed(),
                });
            }
        }
    }
    Ok(())
}

pub(crate) fn description(
    kind: RTCSdpType,
    sdp: &str,
) -> Result<RTCSessionDescription, webrtc::error::Error> {
    match kind {
        RTCSdpType::Offer => RTCSessionDescription::offer(sdp.to_owned()),
        _ => RTCSessionDescription::answer(sdp.to_owned()),
    }
}
