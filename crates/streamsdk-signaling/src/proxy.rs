//! A backend of one's own between the device and the inference server.

use std::fmt;
use std::time::Duration;

use async_trait::async_trait;
use reqwest::Method;
use reqwest::header::{ACCEPT, CONTENT_TYPE};
use streamsdk_protocol::init::{IceServer, InitRequest, InitResponse};
use streamsdk_protocol::proxy::ProxyRequest;
use streamsdk_protocol::{ApiKey, Redactor};

use crate::builder::http_url;
use crate::platform::TurnAnswer;
use crate::server::{HttpServer, bearer};
use crate::{BuildError, Signaling, SignalingError, answer};

/// The exchange over a backend of one's own, which adds the API key, so that there is none on the device: one
/// `POST {"offer", "wrtcParams"}`, as the JavaScript SDK's connector `withProxyUrl` has it.
///
/// [`ProxyRequest`] is what the backend gets, and the way to what it asks of the inference server. The answer is that
/// server's.
///
/// Redirects are not followed, and nothing is tried twice. Proxies and certificates are as of
/// [`HttpSignaling`](crate::HttpSignaling). Cloning is cheap.
#[derive(Clone)]
pub struct ProxySignaling {
    server: HttpServer,
    turn: Option<HttpServer>,
}

/// Makes a [`ProxySignaling`].
#[derive(Clone)]
#[must_use = "a builder does nothing until `build` is called"]
pub struct ProxySignalingBuilder {
    url: String,
    turn_config_url: Option<String>,
    token: Option<ApiKey>,
    timeout: Duration,
}

/// Time for connecting, within the time for all.
const CONNECT_LIMIT: Duration = Duration::from_secs(10);
/// Time for the list of TURN servers: a session can do without.
const TURN_LIMIT: Duration = Duration::from_secs(5);

impl ProxySignaling {
    /// Starts to set up the exchange with the backend's address for it, such as
    /// `https://example.org/api/init-webrtc`.
    pub fn builder(url: impl Into<String>) -> ProxySignalingBuilder {
        ProxySignalingBuilder {
            url: url.into(),
            turn_config_url: None,
            token: None,
            timeout: Duration::from_secs(90),
        }
    }
}

impl ProxySignalingBuilder {
    /// Where the backend says which TURN servers there are, as `{"iceServers": […]}`. Default is nowhere.
    pub fn turn_config_url(mut self, url: impl Into<String>) -> Self {
        self.turn_config_url = Some(url.into());
        self
    }

    /// What shows the backend who asks, sent as `Authorization: Bearer`. Default is nothing.
    pub fn bearer_token(mut self, token: impl Into<ApiKey>) -> Self {
        self.token = Some(token.into());
        self
    }

    /// Time for the whole exchange. Default is 90 s.
    pub fn timeout(mut self, timeout: Duration) -> Self {
        self.timeout = timeout;
        self
    }

    /// Checks the settings; nothing is sent.
    ///
    /// # Errors
    ///
    /// When a URL is not one of an HTTP server, or the token cannot be a header.
    pub fn build(self) -> Result<ProxySignaling, BuildError> {
        let server = |url: &str, timeout| {
            let mut server = HttpServer::new(http_url(url)?, CONNECT_LIMIT, timeout)?;
            if let Some(token) = &self.token {
                server.authorization = Some(bearer(token.expose())?);
                server.redactor = server.redactor.api_key(token);
            }
            Ok(server)
        };
        let turn =
            self.turn_config_url.as_deref().map(|url| server(url, TURN_LIMIT)).transpose()?;
        Ok(ProxySignaling { server: server(&self.url, self.timeout)?, turn })
    }
}

#[async_trait]
impl Signaling for ProxySignaling {
    async fn exchange(&self, request: InitRequest) -> Result<InitResponse, SignalingError> {
        let server = &self.server;
        let body = serde_json::to_vec(&ProxyRequest::from(request.clone()))
            .map_err(|source| SignalingError::unsendable(&server.shown_url, source))?;
        let post = server.request(Method::POST, server.url.clone());
        let post = post.header(ACCEPT, "application/json");
        let post = post.header(CONTENT_TYPE, "application/json").body(body);
        let asked = server.asked(server.redactor.clone().request(&request));
        server
            .within_limit(async {
                let response = server.send(post).await?;
                answer::session(response, &request.webrtc_offer.sdp, &asked).await
            })
            .await
    }

    async fn ice_servers(&self) -> Result<Vec<IceServer>, SignalingError> {
        let Some(turn) = &self.turn else { return Ok(Vec::new()) };
        let get = turn.request(Method::GET, turn.url.clone()).header(ACCEPT, "application/json");
        let asking = async {
            let response = turn.send(get).await?;
            answer::json(response, &turn.asked(turn.redactor.clone())).await
        };
        // `null` for none is what backends of the JavaScript SDK say.
        let answer: TurnAnswer = turn.within_limit(asking).await?;
        Ok(answer.into_servers())
    }

    fn redactor(&self) -> Redactor {
        self.server.redactor.clone()
    }
}

/// Hides the token and what is secret in the URL.
impl fmt::Debug for ProxySignaling {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("ProxySignaling")
            .field("url", &self.server.shown_url)
            .finish_non_exhaustive()
    }
}

/// Hides the token and what is secret in the URL.
impl fmt::Debug for ProxySignalingBuilder {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("ProxySignalingBuilder").field("token", &self.token).finish_non_exhaustive()
    }
}
