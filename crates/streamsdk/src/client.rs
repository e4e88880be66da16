use std::sync::Arc;
use std::time::Duration;

use streamsdk_protocol::ApiKey;
use streamsdk_signaling::{ApiKeyTransport, BuildError, HttpSignaling, Platform, Signaling};
use streamsdk_transport::Interfaces;
#[cfg(feature = "simulation")]
use streamsdk_transport::simulation::SimulatedNetwork;

use crate::endpoint::Endpoint;
use crate::error::{Error, ErrorKind};
use crate::session::StreamBuilder;
use crate::source::StreamSource;
use crate::stage::Stage;

/// An inference server and how to talk to it. Cloning is cheap.
#[derive(Clone)]
pub struct Client {
    endpoint: Endpoint,
}

impl Client {
    /// Starts with the server's URL, such as `http://localhost:9001`.
    pub fn builder(url: impl Into<String>) -> ClientBuilder {
        ClientBuilder {
            url: url.into(),
            api_key: None,
            api_key_transport: ApiKeyTransport::Legacy,
            timeout: Duration::from_secs(90),
            interfaces: None,
            signaling: None,
            platform: None,
            #[cfg(feature = "simulation")]
            network: None,
        }
    }

    /// Whether the server is on this machine, going by its URL: STUN and TURN servers are not used then.
    pub fn is_local(&self) -> bool {
        self.endpoint.is_local
    }

    /// Looks what is wrong between this machine and the server, from names to the STUN and TURN servers that the
    /// server's side names, and says what to try. Takes 5 s at most. Cameras are left alone, and so is the server where
    /// it is reached by a [signaling](ClientBuilder::signaling) of one's own.
    ///
    /// For what else is to be looked at, such as STUN and TURN servers of one's own, see
    /// [`Checkup`](crate::Checkup). Where a session does not come about, its error has the like
    /// ([`Error::diagnosis`]).
    #[cfg(feature = "diagnose")]
    pub async fn diagnose(&self) -> streamsdk_diagnose::Diagnosis {
        crate::diagnosis::of_server(&self.endpoint).await
    }

    /// Prepares a session that streams `source`.
    pub fn stream(&self, source: impl StreamSource) -> StreamBuilder {
        StreamBuilder::new(self.endpoint.clone(), Box::new(source))
    }
}

impl std::fmt::Debug for Client {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("Client").field("peer", &self.endpoint.peer).finish_non_exhaustive()
    }
}

/// Settings of a [`Client`].
#[derive(Clone)]
#[must_use]
pub struct ClientBuilder {
    url: String,
    api_key: Option<ApiKey>,
    api_key_transport: ApiKeyTransport,
    timeout: Duration,
    interfaces: Option<Interfaces>,
    signaling: Option<Arc<dyn Signaling>>,
    platform: Option<String>,
    #[cfg(feature = "simulation")]
    network: Option<Arc<dyn SimulatedNetwork>>,
}

impl ClientBuilder {
    /// The API key. Default is none, which a server of one's own may accept.
    pub fn api_key(mut self, key: impl Into<ApiKey>) -> Self {
        self.api_key = Some(key.into());
        self
    }

    /// How the key travels. Default is [`ApiKeyTransport::Legacy`]: in the body.
    pub fn api_key_transport(mut self, transport: ApiKeyTransport) -> Self {
        self.api_key_transport = transport;
        self
    }

    /// Time limit for the server's answer. Default is 90 s: a server that starts cold is slow.
    pub fn timeout(mut self, limit: Duration) -> Self {
        self.timeout = limit;
        self
    }

    /// Which of this machine's addresses to offer. Default is all, and loopback only for a server
    /// on this machine.
    pub fn interfaces(mut self, interfaces: Interfaces) -> Self {
        self.interfaces = Some(interfaces);
        self
    }

    /// Another way to exchange an offer for an answer. Default is Roboflow's, by one POST to the server.
    ///
    /// It is asked for each connection of a session, and told when that is over. Of the settings here only the URL,
    /// for what it says of where the server is, [`ClientBuilder::interfaces`], and what belongs to
    /// [`ClientBuilder::platform_url`] are of use then.
    ///
    /// ```
    /// use streamsdk::{Client, ProxySignaling};
    ///
    /// let backend = ProxySignaling::builder("https://example.org/api/init-webrtc").build()?;
    /// let client = Client::builder("https://example.org").signaling(backend).build()?;
    /// # Ok::<(), Box<dyn std::error::Error>>(())
    /// ```
    ///
    /// Video is only published where a server returns nothing ([`Returns::Nothing`](crate::Returns)), as with WHIP:
    ///
    /// ```no_run
    /// use streamsdk::{Client, Handlers, ProducerSource, TestPattern, WhipSignaling};
    ///
    /// # async fn publish() -> Result<(), Box<dyn std::error::Error>> {
    /// let url = "https://example.org/whip/camera1";
    /// let whip = WhipSignaling::builder(url).bearer_token("token").build()?;
    /// let client = Client::builder(url).signaling(whip).build()?;
    /// let source = ProducerSource::new(TestPattern::new(1280, 720, 30.0).limit(300));
    /// let session = client.stream(source).start().await?;
    /// println!("{}", session.run(Handlers::default()).await?);
    /// # Ok(())
    /// # }
    /// ```
    pub fn signaling(mut self, signaling: impl Signaling + 'static) -> Self {
        self.signaling = Some(Arc::new(signaling));
        self
    }

    /// URL of Roboflow's own API, which is asked what a [model](StreamBuilder::model) does, and for TURN servers
    /// where Roboflow hosts the server. Default is that of the environment ([`Platform::from_environment`]), or
    /// else `https://api.roboflow.com`.
    pub fn platform_url(mut self, url: impl Into<String>) -> Self {
        self.platform = Some(url.into());
        self
    }

    /// A network that a test makes up, for the connections of sessions; what `signaling` does is its own
    /// affair. Default is the machine's.
    #[cfg(feature = "simulation")]
    pub fn network(mut self, network: Arc<dyn SimulatedNetwork>) -> Self {
        self.network = Some(network);
        self
    }

    /// Checks the settings. Nothing is sent.
    ///
    /// # Errors
    ///
    /// [`ErrorKind::Config`] when a URL is not one of an HTTP server.
    pub fn build(self) -> Result<Client, Error> {
        let platform = self.platform()?;
        let signaling = match &self.signaling {
            Some(signaling) => Arc::clone(signaling),
            None => self.roboflow_signaling(platform.clone())?,
        };
        Ok(Client { endpoint: self.endpoint(signaling, platform) })
    }

    fn endpoint(&self, signaling: Arc<dyn Signaling>, platform: Platform) -> Endpoint {
        let mut endpoint = Endpoint::new(&self.url, signaling, platform);
        if let Some(interfaces) = self.interfaces {
            endpoint.peer = endpoint.peer.interfaces(interfaces);
        }
        #[cfg(feature = "simulation")]
        if let Some(network) = &self.network {
            endpoint.peer = endpoint.peer.network(Arc::clone(network));
        }
        #[cfg(feature = "diagnose")]
        let endpoint = endpoint.with_checkup(self.checkup());
        endpoint
    }

    /// Of a server that is reached in a way of the caller's, nothing is known.
    #[cfg(feature = "diagnose")]
    fn checkup(&self) -> streamsdk_diagnose::Checkup {
        let checkup = streamsdk_diagnose::Checkup::new().cameras(false);
        if self.signaling.is_some() {
            return checkup;
        }
        let checkup = checkup.server(&self.url).api_key_transport(self.api_key_transport);
        self.api_key.iter().cloned().fold(checkup, streamsdk_diagnose::Checkup::api_key)
    }

    fn platform(&self) -> Result<Platform, Error> {
        let platform = match &self.platform {
            Some(url) => Platform::new(url),
            None => Platform::from_environment(),
        };
        let platform = platform.map_err(config_error)?.api_key_transport(self.api_key_transport);
        Ok(self.api_key.iter().cloned().fold(platform, Platform::api_key))
    }

    fn roboflow_signaling(&self, platform: Platform) -> Result<Arc<dyn Signaling>, Error> {
        let mut signaling = HttpSignaling::builder(&self.url)
            .platform(platform)
            .api_key_transport(self.api_key_transport)
            .timeout(self.timeout);
        if let Some(key) = &self.api_key {
            signaling = signaling.api_key(key.clone());
        }
        Ok(Arc::new(signaling.build().map_err(config_error)?))
    }
}

fn config_error(error: BuildError) -> Error {
    Error::new(ErrorKind::Config, Stage::Preparing, error)
}

impl std::fmt::Debug for ClientBuilder {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("ClientBuilder")
            .field("timeout", &self.timeout)
            .field("interfaces", &self.interfaces)
            .finish_non_exhaustive()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_url_that_is_no_http_server_is_a_config_error_without_its_credentials() {
        for url in ["", "localhost:9001", "ftp://host", "rtsp://user:secret@host/"] {
            let error = Client::builder(url).build().unwrap_err();
            assert_eq!(error.kind(), ErrorKind::Config, "{url}");
            assert!(!error.to_string().contains("secret"), "{error}");
        }
    }
}
