use std::sync::Arc;
use std::time::Duration;

use tokio::time::{Instant, timeout_at};
use webrtc::peer_connection::{RTCSdpType, RTCSessionDescription};

use crate::channel::Channel;
use crate::connection::Connection;
use crate::error::EngineError;
use crate::seam::Seam;
use crate::{CandidateCounts, ConnectError, EndReason, OfferError, Peer, PeerConfig, PeerState};

/// An offer that waits for its answer.
#[derive(Debug)]
pub struct Offer {
    peer: Peer,
    channels: Vec<Channel>,
    engine: EngineHandle,
    sdp: String,
    connect_timeout: Duration,
}

/// The engine behind an offer that has not been answered.
struct EngineHandle {
    connection: Arc<dyn webrtc::peer_connection::PeerConnection>,
    seam: Arc<Seam>,
}

impl std::fmt::Debug for EngineHandle {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str("EngineHandle")
    }
}

impl Offer {
    /// Makes an offer with one channel per label, all candidates included.
    pub async fn create(config: PeerConfig, labels: &[&str]) -> Result<Self, OfferError> {
        let engine_error = |error| OfferError::Engine(EngineError::from(error));
        let mut connection = Connection::build(&config).await.map_err(OfferError::Engine)?;
        let engine = Arc::clone(&connection.engine);
        let peer =
            Peer::new(Arc::clone(&engine), connection.life.clone(), None, config.drain_timeout);

        let mut channels = Vec::with_capacity(labels.len());
        for label in labels {
            let channel = engine.create_data_channel(label, None).await.map_err(engine_error)?;
            let channel =
                Channel::new((*label).to_owned(), channel, peer.life().clone(), peer.traffic());
            peer.adopt(channel.sender().clone());
            channels.push(channel);
        }

        let offer = engine.create_offer(None).await.map_err(engine_error)?;
        engine.set_local_description(offer).await.map_err(engine_error)?;
        let sdp = connection
            .gathered_description(config.gather_timeout)
            .await
            .ok_or(OfferError::GatheringTimeout { limit: config.gather_timeout })?;
        connection.seam.pause_reading();
        let engine = EngineHandle { connection: engine, seam: connection.seam };
        Ok(Self { peer, channels, engine, sdp, connect_timeout: config.connect_timeout })
    }

    /// The offer, for the other side.
    pub fn sdp(&self) -> &str {
        &self.sdp
    }

    /// Applies the other side's answer and waits until every channel is open.
    ///
    /// The channels come in the order of the labels. On an error the connection is closed.
    pub async fn accept(self, answer: &str) -> Result<(Peer, Vec<Channel>), ConnectError> {
        let Self { peer, mut channels, engine, sdp, connect_timeout } = self;
        match connect(&engine, &peer, &mut channels, answer, connect_timeout, &sdp).await {
            Ok(()) => Ok((peer, channels)),
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
