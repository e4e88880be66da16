use std::fmt;

use async_trait::async_trait;
use reqwest::header::{ACCEPT, CONTENT_TYPE};
use reqwest::{Method, Response, Url};
use serde::Serialize;
use streamsdk_protocol::init::{IceServer, InitRequest, InitResponse};
use streamsdk_protocol::{ApiKey, INIT_PATH, Redactor};

use crate::server::HttpServer;
use crate::{ApiKeyTransport, HttpSignalingBuilder, Platform, Signaling, SignalingError, answer};

/// The exchange over HTTP: one `POST {url}/initialise_webrtc_worker`. Cloning is cheap.
///
/// - Redirects are not followed, and nothing is tried twice: the body has the API key in it.
/// - The environment's proxies (`HTTP_PROXY`, `HTTPS_PROXY`, `ALL_PROXY`, `NO_PROXY`, in capitals
///   or not) are used, but never for this host (`localhost`, `127.0.0.0/8`, `::1`). An `http`
///   request through a proxy shows the proxy the key, as it shows it to everybody on the way.
/// - `https` trusts what the operating system trusts.
/// - No connection and no task stays behind after an exchange.
/// - Credentials in the URL are sent as `Authorization: Basic`.
///
/// Needs a Tokio runtime with time and I/O enabled.
#[derive(Clone)]
pub struct HttpSignaling {
    pub(crate) server: HttpServer,
    pub(crate) api_key: Option<ApiKey>,
    pub(crate) transport: ApiKeyTransport,
    /// Knows TURN servers, where Roboflow hosts the server.
    pub(crate) platform: Option<Platform>,
}

impl HttpSignaling {
    /// Starts to set up the exchange with the server at `url`, such as `http://localhost:9001`.
    ///
    /// The URL may have a path, below which the server is found.
    pub fn builder(url: impl Into<String>) -> HttpSignalingBuilder {
        HttpSignalingBuilder::new(url.into())
    }

    async fn ask_for_session(&self, request: &InitRequest) -> Result<InitResponse, SignalingError> {
        let response = self.post(request).await?;
        let asked = self.server.asked(self.server.redactor.clone().request(request));
        answer::session(response, &request.webrtc_offer.sdp, &asked).await
    }

    pub(crate) async fn post(&self, body: &impl Serialize) -> Result<Response, SignalingError> {
        let server = &self.server;
        let body = serde_json::to_vec(body)
            .map_err(|source| SignalingError::unsendable(&server.shown_url, source))?;
        let post = server
            .request(Method::POST, server.url.clone())
            .header(CONTENT_TYPE, "application/json")
            .header(ACCEPT, "application/json")
            .body(body);
        server.send(post).await
    }

    /// Where the server is told that a session is over.
    fn end_url(&self, pipeline_id: &str) -> Option<Url> {
        let mut url = self.server.url.clone();
        let path = url.path().strip_suffix(INIT_PATH)?;
        url.set_path(&format!("{path}inference_pipelines/"));
        url.path_segments_mut().ok()?.pop_if_empty().extend([pipeline_id, "terminate"]);
        if let Some(key) = self.api_key.as_ref().filter(|_| self.transport.uses_body()) {
            url.query_pairs_mut().append_pair("api_key", key.expose());
        }
        Some(url)
    }
}

#[async_trait]
impl Signaling for HttpSignaling {
    async fn exchange(&self, mut request: InitRequest) -> Result<InitResponse, SignalingError> {
        request.api_key = self.api_key.clone().filter(|_| self.transport.uses_body());
        self.server.within_limit(self.ask_for_session(&request)).await
    }

    async fn ice_servers(&self) -> Result<Vec<IceServer>, SignalingError> {
        match &self.platform {
            Some(platform) => platform.ice_servers().await,
            None => Ok(Vec::new()),
        }
    }

    async fn end(&self, answer: &InitResponse) {
        let url = answer.context.pipeline_id.as_deref().and_then(|id| self.end_url(id));
        if let Some(url) = url {
            self.server.tell(self.server.request(Method::POST, url)).await;
        }
    }

    fn redactor(&self) -> Redactor {
        self.server.redactor.clone()
    }
}

/// Hides the key and what is secret in the URL.
impl fmt::Debug for HttpSignaling {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("HttpSignaling")
            .field("url", &self.server.shown_url)
            .field("api_key", &self.api_key)
            .field("transport", &self.transport)
            .field("timeout", &self.server.timeout)
            .finish_non_exhaustive()
    }
}
