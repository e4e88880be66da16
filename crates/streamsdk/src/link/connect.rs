//! Making the connection.

use std::sync::Arc;

use streamsdk_protocol::init::{IceConfiguration, InitRequest, SessionDescription};
use streamsdk_signaling::Returns;
use streamsdk_transport::{
    Channel, ConnectError, Connected, Offer, PeerConfig, VideoDirection, VideoReceiver,
};

use super::Connector;
use super::run::{PeerLink, Results, Ways};
use super::server_session::ServerSession;
use super::track::ReturnTrack;
#[cfg(feature = "diagnose")]
use crate::diagnosis;
use crate::endpoint::Endpoint;
use crate::error::Error;
use crate::source::ConnectionRequirements;
use crate::steering::RequestedOutputs;

/// Connects to a server by HTTP and WebRTC, each time in the same way.
pub(crate) struct PeerConnector {
    pub(crate) endpoint: Endpoint,
    pub(crate) config: PeerConfig,
    pub(crate) request: InitRequest,
    /// With those of what comes back.
    pub(crate) requirements: ConnectionRequirements,
    pub(crate) returns: Returns,
    /// The output whose frames come back on a track; `None` if nothing comes back, and data waits for no frame.
    pub(crate) returned_output: Option<Arc<str>>,
    /// Whether STUN and TURN servers are asked for before each connection: their passwords do not last.
    pub(crate) asks_for_ice_servers: bool,
    /// What is looked at where no connection comes about, if anything is.
    #[cfg(feature = "diagnose")]
    pub(crate) checkup: Option<streamsdk_diagnose::Checkup>,
}

impl Connector for PeerConnector {
    type Link = PeerLink;

    /// Connects; twice, if full packets vanish on the way to the server, the second time with small ones.
    async fn connect(&self, outputs: RequestedOutputs) -> Result<PeerLink, Error> {
        let mut attempt = Attempt {
            endpoint: &self.endpoint,
            config: self.config.clone(),
            request: self.request.clone(),
            labels: &self.requirements.channels,
            video: self.requirements.video,
        };
        outputs.fill(&mut attempt.request);
        if self.asks_for_ice_servers {
            attempt.ask_for_ice_servers().await;
        }
        let (connected, server_session) = attempt.connect().await?;
        self.link(connected, server_session, outputs).await
    }

    #[cfg(feature = "diagnose")]
    async fn explain(&self, error: Error) -> Error {
        let checkup = self.checkup.clone().filter(|_| diagnosis::is_of_use(&error));
        let Some(checkup) = checkup else { return error };
        let given = self.request.webrtc_config.as_ref();
        let given = given.map(|given| given.ice_servers.clone()).unwrap_or_default();
        let ice_servers = (!self.asks_for_ice_servers).then_some(given);
        // It is large, and rarely made.
        let diagnosing = Box::pin(diagnosis::of_failure(&self.endpoint, checkup, ice_servers));
        error.diagnosed(diagnosing.await)
    }
}

impl PeerConnector {
    async fn link(
        &self,
        connected: Connected,
        server_session: ServerSession,
        outputs: RequestedOutputs,
    ) -> Result<PeerLink, Error> {
        let Connected { peer, mut channels, video, .. } = connected;
        let (sender, receiver) = video.map_or((None, None), |video| (video.sender, video.receiver));
        match self.results(&mut channels, receiver) {
            Ok(results) => {
                let ways = Ways { results, source_channels: channels, sender };
                Ok(PeerLink { peer, ways: Some(ways), outputs, server_session })
            }
            Err(error) => {
                peer.abort().await;
                Err(error)
            }
        }
    }

    /// Takes what results come by.
    fn results(
        &self,
        channels: &mut Vec<Channel>,
        receiver: Option<VideoReceiver>,
    ) -> Result<Option<Results>, Error> {
        if self.returns == Returns::Nothing {
            return Ok(None);
        }
        let inference = channels.remove(0);
        let track = receiver.zip(self.returned_output.clone());
        let track = track.map(|(receiver, name)| ReturnTrack::new(receiver, name)).transpose()?;
        Ok(Some(Results { inference, track }))
    }
}

/// What one connection is made of.
struct Attempt<'a> {
    endpoint: &'a Endpoint,
    config: PeerConfig,
    request: InitRequest,
    labels: &'a [&'static str],
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
        let offer = Offer::create(self.config.clone(), self.labels, self.video).await?;
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
