//! One HTTP server, and how it is asked.

use std::time::{Duration, Instant};

use reqwest::header::{AUTHORIZATION, HeaderValue};
use reqwest::{Client, Method, RequestBuilder, Response, Url};
use streamsdk_protocol::{Redactor, redact_url};
use tokio::time::timeout;

use crate::answer::Asked;
use crate::{BuildError, SignalingError, connection};

/// Time for telling a server that a session is over: nobody needs its answer.
pub(crate) const END_LIMIT: Duration = Duration::from_secs(5);

/// An HTTP server that sessions are exchanged with.
#[derive(Clone)]
pub(crate) struct HttpServer {
    client: Client,
    pub(crate) url: Url,
    pub(crate) shown_url: String,
    pub(crate) authorization: Option<HeaderValue>,
    /// Knows what this side keeps to itself.
    pub(crate) redactor: Redactor,
    pub(crate) timeout: Duration,
}

impl HttpServer {
    pub(crate) fn new(
        url: Url,
        connect_timeout: Duration,
        timeout: Duration,
    ) -> Result<Self, BuildError> {
        Ok(Self {
            client: connection::client(&url, connect_timeout)?,
            shown_url: redact_url(url.as_str()),
            redactor: Redactor::default().url(url.as_str()),
            url,
            authorization: None,
            timeout,
        })
    }

    /// A request to any of its addresses, with what shows who asks.
    pub(crate) fn request(&self, method: Method, url: Url) -> RequestBuilder {
        let request = self.request_without_authorization(method, url);
        match &self.authorization {
            Some(authorization) => request.header(AUTHORIZATION, authorization),
            None => request,
        }
    }

    pub(crate) fn request_without_authorization(&self, method: Method, url: Url) -> RequestBuilder {
        self.client.request(method, url)
    }

    pub(crate) async fn send(&self, request: RequestBuilder) -> Result<Response, SignalingError> {
        let response = request.send().await;
        let response = response.map_err(|error| SignalingError::sending(&self.shown_url, error))?;
        tracing::debug!(url = self.shown_url, status = response.status().as_u16(), "answered");
        Ok(response)
    }

    /// What is needed to read an answer. `redactor` knows what was in the question.
    pub(crate) fn asked(&self, redactor: Redactor) -> Asked<'_> {
        Asked { url: &self.shown_url, redactor }
    }

    pub(crate) async fn within_limit<T>(
        &self,
        asking: impl Future<Output = Result<T, SignalingError>>,
    ) -> Result<T, SignalingError> {
        let started = Instant::now();
        timeout(self.timeout, asking).await.unwrap_or_else(|_| {
            let (url, waited) = (self.shown_url.clone(), started.elapsed());
            Err(SignalingError::Timeout { url, waited })
        })
    }

    /// Tells the server something that it need not answer.
    pub(crate) async fn tell(&self, request: RequestBuilder) {
        match timeout(END_LIMIT, self.send(request)).await {
            Ok(Ok(response)) if response.status().is_success() => {}
            Ok(Ok(response)) => {
                let status = response.status().as_u16();
                tracing::debug!(url = self.shown_url, status, "the end of a session was not taken");
            }
            Ok(Err(error)) => tracing::debug!(%error, "the end of a session was not told"),
            Err(_) => tracing::debug!(url = self.shown_url, "no answer to the end of a session"),
        }
    }
}

/// A header that shows who asks.
pub(crate) fn bearer(token: &str) -> Result<HeaderValue, BuildError> {
    let value = HeaderValue::from_str(&format!("Bearer {token}"));
    let mut value = value.map_err(|_| BuildError::KeyUnfitForHeader)?;
    value.set_sensitive(true);
    Ok(value)
}
