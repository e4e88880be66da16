use std::fmt;
use std::time::{Duration, Instant};

use async_trait::async_trait;
use reqwest::header::{ACCEPT, AUTHORIZATION, CONTENT_TYPE, HeaderValue};
use reqwest::{Client, Response, Url};
use streamsdk_protocol::init::{InitRequest, InitResponse};
use streamsdk_protocol::{ApiKey, Redactor};
use tokio::time::timeout;

use crate::answer::{self, Asked};
use crate::{ApiKeyTransport, HttpSignalingBuilder, Signaling, SignalingError};

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
    pub(crate) client: Client,
    pub(crate) endpoint: Url,
    pub(crate) shown_url: String,
    pub(crate) api_key: Option<ApiKey>,
    /// Knows the key, and what is secret in the URL.
    pub(crate) redactor: Redactor,
    pub(crate) transport: ApiKeyTransport,
    pub(crate) authorization: Option<HeaderValue>,
    pub(crate) timeout: Duration,
}

impl HttpSignaling {
    /// Starts to set up the exchange with the server at `url`, such as `http://localhost:9001`.
    ///
    /// The URL may have a path, below which the server is found.
    pub fn builder(url: impl Into<String>) -> HttpSignalingBuilder {
        HttpSignalingBuilder::new(url.into())
    }

    async fn post_and_read(&self, request: &InitRequest) -> Result<InitResponse, SignalingError> {
        let response = self.post(request).await?;
        tracing::debug!(url = self.shown_url, status = response.status().as_u16(), "answered");
        let asked =
            Asked { url: &self.shown_url, redactor: self.redactor.clone().request(request) };
        answer::session(response, &request.webrtc_offer.sdp, &asked).await
    }

    async fn post(&self, request: &InitRequest) -> Result<Response, SignalingError> {
        let body = serde_json::to_vec(request)
            .map_err(|source| SignalingError::unsendable(&self.shown_url, source))?;
        let mut post = self
            .client
            .post(self.endpoint.clone())
            .header(CONTENT_TYPE, "application/json")
            .header(ACCEPT, "application/json");
        if let Some(authorization) = &self.authorization {
            post = post.header(AUTHORIZATION, authorization);
        }
        post.body(body)
            .send()
            .await
            .map_err(|error| SignalingError::sending(&self.shown_url, error))
    }
}

#[async_trait]
impl Signaling for HttpSignaling {
    async fn exchange(&self, mut request: InitRequest) -> Result<InitResponse, SignalingError> {
        request.api_key = self.api_key.clone().filter(|_| self.transport.uses_body());
        let started = Instant::now();
        match timeout(self.timeout, self.post_and_read(&request)).await {
            Ok(result) => result,
            Err(_) => Err(SignalingError::Timeout {
                url: self.shown_url.clone(),
                waited: started.elapsed(),
            }),
        }
    }

    fn redactor(&self) -> Redactor {
        self.redactor.clone()
    }
}

/// Hides the key and what is secret in the URL.
impl fmt::Debug for HttpSignaling {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("HttpSignaling")
            .field("url", &self.shown_url)
            .field("api_key", &self.api_key)
            .field("transport", &self.transport)
            .field("timeout", &self.timeout)
            .finish_non_exhaustive()
    }
}
