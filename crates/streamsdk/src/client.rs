use std::net::{IpAddr, SocketAddr};
use std::sync::Arc;
use std::time::Duration;

use streamsdk_protocol::ApiKey;
use streamsdk_protocol::init::InitRequest;
use streamsdk_signaling::{ApiKeyTransport, HttpSignaling, Signaling};
use streamsdk_transport::Interfaces;
use url::{Host, Url};

use crate::session::{self, Session};
use crate::{Error, ErrorKind, Stage, StreamConfig, StreamSource, Workflow};

const LOOKUP_LIMIT: Duration = Duration::from_secs(1);

/// An inference server and how to talk to it. Cloning is cheap.
#[derive(Clone)]
pub struct Client {
    signaling: Arc<dyn Signaling>,
    interfaces: Interfaces,
    is_local: bool,
    /// Host and port; `None` for a URL without a host.
    server: Option<(String, u16)>,
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
        }
    }

    /// Whether the server is on this machine, going by its URL: STUN and TURN servers are not used then.
    pub fn is_local(&self) -> bool {
        self.is_local
    }

    /// Prepares a session that streams `source`.
    pub fn stream(&self, source: impl StreamSource) -> StreamBuilder {
        StreamBuilder {
            client: self.clone(),
            source: Box::new(source),
            workflow: None,
            image_input: None,
            config: StreamConfig::default(),
        }
    }
}

impl std::fmt::Debug for Client {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("Client").field("interfaces", &self.interfaces).finish_non_exhaustive()
    }
}

/// Settings of a [`Client`].
#[derive(Debug, Clone)]
pub struct ClientBuilder {
    url: String,
    api_key: Option<ApiKey>,
    api_key_transport: ApiKeyTransport,
    timeout: Duration,
    interfaces: Option<Interfaces>,
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

    /// Checks the settings. Nothing is sent.
    ///
    /// # Errors
    ///
    /// [`ErrorKind::Config`] when the URL is not one of an HTTP server.
    pub fn build(self) -> Result<Client, Error> {
        let config_error = |error| Error::new(ErrorKind::Config, Stage::Preparing, error);
        let mut signaling = HttpSignaling::builder(&self.url)
            .api_key_transport(self.api_key_transport)
            .timeout(self.timeout);
        if let Some(key) = self.api_key {
            signaling = signaling.api_key(key);
        }
        let is_local = is_loopback(&self.url);
        Ok(Client {
            signaling: Arc::new(signaling.build().map_err(config_error)?),
            interfaces: self.interfaces.unwrap_or(match is_local {
                true => Interfaces::All,
                false => Interfaces::External,
            }),
            is_local,
            server: host_and_port(&self.url),
        })
    }
}

fn is_loopback(url: &str) -> bool {
    let Ok(url) = Url::parse(url) else { return false };
    match url.host() {
        Some(Host::Domain(name)) => name == "localhost" || name.ends_with(".localhost"),
        Some(Host::Ipv4(ip)) => IpAddr::from(ip).is_loopback(),
        Some(Host::Ipv6(ip)) => IpAddr::from(ip).is_loopback(),
        None => false,
    }
}

fn host_and_port(url: &str) -> Option<(String, u16)> {
    let url = Url::parse(url.trim()).ok()?;
    let host = url.host_str()?.trim_matches(['[', ']']);
    Some((host.to_owned(), url.port_or_known_default()?))
}

/// A session to be started.
pub struct StreamBuilder {
    pub(crate) client: Client,
    pub(crate) source: Box<dyn StreamSource>,
    workflow: Option<Workflow>,
    image_input: Option<String>,
    pub(crate) config: StreamConfig,
}

impl StreamBuilder {
    /// What the server runs on every frame. Must be set.
    pub fn workflow(mut self, workflow: Workflow) -> Self {
        self.workflow = Some(workflow);
        self
    }

    /// Name of the workflow's input that takes the frame. Default is `image`.
    pub fn image_input(mut self, name: impl Into<String>) -> Self {
        self.image_input = Some(name.into());
        self
    }

    /// What is asked of the server. Default is [`StreamConfig::default`].
    pub fn config(mut self, config: StreamConfig) -> Self {
        self.config = config;
        self
    }

    /// Connects. Returns when the connection stands and its channels are open.
    ///
    /// # Errors
    ///
    /// Whatever prevents a session, with [`Error::kind`] and [`Error::stage`]. Nothing is left
    /// behind.
    pub async fn start(self) -> Result<Session, Error> {
        session::start(self).await
    }

    pub(crate) fn signaling(&self) -> &dyn Signaling {
        &*self.client.signaling
    }

    /// Where the server is, as far as that is soon known. It may be behind a proxy or a name that means
    /// several hosts: good for no more than an assumption.
    pub(crate) async fn server_address(&self) -> Option<SocketAddr> {
        let (host, port) = self.client.server.as_ref()?;
        let lookup = tokio::net::lookup_host((host.as_str(), *port));
        tokio::time::timeout(LOOKUP_LIMIT, lookup).await.ok()?.ok()?.next()
    }

    pub(crate) fn interfaces(&self) -> Interfaces {
        self.client.interfaces
    }

    /// Turns the settings into a request that lacks only the offer.
    pub(crate) fn init_request(&mut self) -> Result<InitRequest, Error> {
        let workflow = self.workflow.take().ok_or_else(|| {
            let what = "no workflow was given: call StreamBuilder::workflow";
            Error::new(ErrorKind::Config, Stage::Preparing, what)
        })?;
        if self.client.is_local {
            self.config.ice_servers.clear();
        }
        let mut request = InitRequest::default();
        workflow.configure(&mut request.workflow_configuration);
        let image_input = self.image_input.take().unwrap_or_else(|| "image".to_owned());
        request.workflow_configuration.image_input_name = image_input;
        self.config.fill(&mut request);
        self.source.init_parameters(&self.config, &mut request);
        Ok(request)
    }
}

impl std::fmt::Debug for StreamBuilder {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("StreamBuilder").field("config", &self.config).finish_non_exhaustive()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_server_on_this_machine_is_recognised() {
        for url in
            ["http://localhost:9001", "http://127.0.0.1", "http://[::1]:1", "http://a.localhost"]
        {
            assert!(is_loopback(url), "{url}");
        }
        for url in ["https://serverless.roboflow.com", "http://192.168.1.2:9001", "nonsense"] {
            assert!(!is_loopback(url), "{url}");
        }
    }

    #[test]
    fn the_server_is_found_whatever_its_url_looks_like() {
        for (url, expected) in [
            ("http://h:9001/x", ("h", 9001)),
            ("https://h", ("h", 443)),
            ("http://[fd00::1]:80", ("fd00::1", 80)),
            (" http://10.0.0.1", ("10.0.0.1", 80)),
        ] {
            assert_eq!(host_and_port(url), Some((expected.0.to_owned(), expected.1)), "{url}");
        }
        assert_eq!(host_and_port("nonsense"), None);
    }

    #[test]
    fn a_url_that_is_no_http_server_is_a_config_error_without_its_credentials() {
        for url in ["", "localhost:9001", "ftp://host", "rtsp://user:secret@host/"] {
            let error = Client::builder(url).build().unwrap_err();
            assert_eq!(error.kind(), ErrorKind::Config, "{url}");
            assert!(!error.to_string().contains("secret"), "{error}");
        }
    }
}
