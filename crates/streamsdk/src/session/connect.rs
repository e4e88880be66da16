//! Making the connection.

use streamsdk_protocol::init::{InitRequest, SessionDescription};
use streamsdk_transport::{ConnectError, Connected, Offer, PeerConfig, VideoDirection};

use crate::Error;
use crate::client::StreamBuilder;

/// What a session needs of a connection.
pub(super) struct Attempt<'a> {
    pub(super) builder: &'a StreamBuilder,
    pub(super) config: PeerConfig,
    pub(super) request: InitRequest,
    pub(super) labels: Vec<&'a str>,
    pub(super) video: Option<VideoDirection>,
}

impl Attempt<'_> {
    /// Connects; twice, if full packets vanish on the way to the server, the second time with small
    /// ones.
    pub(super) async fn connect(mut self) -> Result<Connected, Error> {
        self.config.toward = self.builder.server_address().await;
        match self.try_once().await? {
            Err(ConnectError::PathTooNarrow { size }) => {
                tracing::info!(size, "connecting again with small packets");
                self.config.narrow_path = true;
                Ok(self.try_once().await??)
            }
            connected => Ok(connected?),
        }
    }

    async fn try_once(&self) -> Result<Result<Connected, ConnectError>, Error> {
        let offer = Offer::create(self.config.clone(), &self.labels, self.video).await?;
        let mut request = self.request.clone();
        request.webrtc_offer =
            SessionDescription { kind: "offer".to_owned(), sdp: offer.sdp().to_owned() };
        match self.builder.signaling().exchange(request).await {
            Ok(answer) => Ok(offer.accept(&answer.sdp).await),
            Err(error) => {
                offer.abandon().await;
                Err(error.into())
            }
        }
    }
}
