//! Making the connection.

use std::sync::Arc;

use streamsdk_protocol::INFERENCE_CHANNEL;
use streamsdk_protocol::init::{IceConfiguration, InitRequest, SessionDescription};
use streamsdk_transport::{ConnectError, Connected, Offer, PeerConfig, VideoDirection};

use super::Connector;
use super::run::{PeerLink, Ways};
use super::server_session::ServerSession;
use super::track::ReturnTrack;
use crate::endpoint::Endpoint;
use crate::error::Error;
use crate::source::ConnectionRequirements;
use crate::steering::RequestedOutputs;

/// Connects to a server by HTTP and WebRTC, each time in the same way.
pub(crate) struct PeerConnector {
    pub(crate) endpoint: Endpoint,
    pub(crate) config: PeerConfig,
    pub(crate) request: InitRequest,
    pub(crate) requirements: ConnectionRequirements,
    /// The output whose frames come back on a track; `None` if nothing comes back, and data waits for no frame.
    pub(crate) returned_output: Option<Arc<str>>,
    /// Whether STUN and TURN servers are asked for before each connection: their passwords do not last.
    pub(crate) asks_for_ice_servers: bool,
}

impl Connector for PeerConnector {
    type Link = PeerLink;

    /// Connects; twice, if full packets vanish on the way to the server, the second time with small ones.
    async fn connect(&self, outputs: RequestedOutputs) -> Result<PeerLink, Error> {
        let mut attempt = Attempt {
            endpoint: &self.endpoint,
            config: self.config.clone(),
            request: self.request.clone(),
            labels: self.labels(),
            video: self.requirements.video,
        };
        outputs.fill(&mut attempt.request);
        if self.asks_for_ice_servers {
            attempt.ask_for_ice_servers().await;
        }
        let (connected, server_session) = attempt.connect().await?;
        self.link(connected, server_session, outputs).await
    }
}

impl PeerConnector {
    fn labels(&self) -> Vec<&str> {
        let of_source = self.requirements.channels.iter().copied();
        std::iter::once(INFERENCE_CHANNEL).chain(of_source).collect()
    }

    async fn link(
        &self,
        connected: Connected,
        server_session: ServerSession,
        outputs: RequestedOutputs,
    ) -> Result<PeerLink, Error> {
        let Connected { peer, mut channels, video, .. } = connected;
        let inference = channels.remove(0);
        let (sender, receiver) = video.map_or((None, None), |video| (video.sender, video.receiver));
        let returned = receiver.zip(self.returned_output.clone());
        let track = returned.map(|(receiver, name)| ReturnTrack::new(receiver, name)).transpose();
        match track {
            Ok(track) => {
                let ways = Ways { inference, source_channels: channels, sender, track };
                Ok(PeerLink { peer, ways: Some(ways), outputs, server_session })
            }
            Err(error) => {
                peer.abort().await;
                Err(error)
            }
        }
    }
}

/// What one connection is made of.
struct Attempt<'a> {
    endpoint: &'a Endpoint,
    config: PeerConfig,
    request: InitRequest,
    labels: Vec<&'a str>,
    video: Option<VideoDirection>,
}

impl Attempt<'_> {
    async fn connect(mut self) -> Result<(Connected, ServerSession), Error> {
        self.config = self.config.toward(self.endpoint.server_address().await);
        match self.try_once().await? {
            Err(ConnectError::PathTooNarrow { size }) => {
                tracing::info!(size, "connecting again with small packets");
                self.config = self.config.narrow_path(true);
                Ok(self.try_once().await??)
            }
            connected => Ok(connected?),
        }
    }

    /// Without them it is tried all the same: many networks need none.
    async fn ask_for_ice_servers(&mut self) {
        match self.endpoint.signaling.ice_servers().await {
            Ok(servers) if servers.is_empty() => {}
            Ok(servers) => {
                self.request.webrtc_config = Some(IceConfiguration::new(servers.iter().cloned()));
                self.config = self.config.clone().ice_servers(servers);
            }
            Err(error) => tracing::warn!(%error, "connecting without STUN and TURN servers"),
        }
    }

    async fn try_once(&self) -> Result<Result<(Connected, ServerSession), ConnectError>, Error> {
        let offer = Offer::create(self.config.clone(), &self.labels, self.video).await?;
        let mut request = self.request.clone();
        request.webrtc_offer = SessionDescription::offer(offer.sdp());
        let redactor = self.endpoint.signaling.redactor().request(&request);
        match self.endpoint.signaling.exchange(request).await {
            Ok(answer) => {
                let signaling = Arc::clone(&self.endpoint.signaling);
                let session = ServerSession::new(signaling, answer, redactor);
                let connected = offer.accept(session.answer()).await;
                Ok(connected.map(|connected| (connected, session)))
            }
            Err(error) => {
                offer.abandon().await;
                Err(error.into())
            }
        }
    }
}
