//! Results as HTTP requests.

use std::fmt;
use std::time::Duration;

use async_trait::async_trait;
use reqwest::header::{CONTENT_TYPE, HeaderMap, HeaderName, HeaderValue};
use reqwest::{Client, StatusCode, Url, redirect, retry};
use streamsdk_protocol::address::is_this_machine;
use streamsdk_protocol::redact_url;
use thiserror::Error;

use crate::record::Record;
use crate::sink::{DeliveryError, ResultSink};
use crate::tls::Tls;

const CONTENT: &str = "application/x-ndjson";
const MAX_CONNECT_TIME: Duration = Duration::from_secs(10);

/// Posts records to an HTTP server: each batch is one request whose body has a record a line (`application/x-ndjson`).
///
/// A status 2xx says that the server has all of them. 400, 413 and 422 say that it will never take them: then they are sent
/// one by one, and those that get such an answer alone are refused. Everything else is tried again, a wrong key or address
/// too, so that nothing is lost while somebody mends it.
///
/// Records come at least once, in order per stream. A request whose answer was lost comes again, maybe with more records
/// behind those that it had: `stream`, `epoch` and `sequence` in each tell what was there already.
///
/// Redirects are not followed. The environment's proxies are used, but never for this machine.
pub struct Webhook {
    url: Url,
    headers: HeaderMap,
    client: Client,
}

/// A webhook that cannot be made.
#[derive(Debug, Error)]
#[error("cannot post results to {url}: {what}")]
pub struct WebhookError {
    url: String,
    what: String,
}

impl Webhook {
    /// Posts to that URL, which is `http` or `https`. Credentials in it are sent as `Authorization: Basic`.
    ///
    /// # Errors
    ///
    /// If it is no such URL, or there is no TLS to be had.
    pub fn new(url: &str) -> Result<Self, WebhookError> {
        Self::with_tls(url, &Tls::new())
    }

    /// The same, with what says whom `https` trusts, and who this program is to the server.
    ///
    /// # Errors
    ///
    /// If it is no such URL, or there is no TLS to be had.
    pub fn with_tls(url: &str, tls: &Tls) -> Result<Self, WebhookError> {
        let shown = redact_url(url);
        let error = |what: String| WebhookError { url: shown.to_string(), what };
        let parsed = Url::parse(url).map_err(|source| error(source.to_string()))?;
        if !matches!(parsed.scheme(), "http" | "https") || parsed.host_str().is_none() {
            return Err(error("it is no URL that begins with http:// or https://".to_owned()));
        }
        let client = client(&parsed, tls).map_err(error)?;
        Ok(Self { url: parsed, headers: HeaderMap::new(), client })
    }

    /// One more header of each request, such as `Authorization`. Its value is not shown anywhere.
    ///
    /// # Errors
    ///
    /// If a header cannot be called so, or have that value.
    pub fn header(mut self, name: &str, value: &str) -> Result<Self, WebhookError> {
        let url = redact_url(self.url.as_str()).to_string();
        let Ok(parsed) = HeaderName::try_from(name) else {
            return Err(WebhookError { url, what: format!("{name:?} is no name of a header") });
        };
        let Ok(mut value) = HeaderValue::try_from(value) else {
            let what = format!("the value of the header {name} has characters that none may have");
            return Err(WebhookError { url, what });
        };
        value.set_sensitive(true);
        self.headers.insert(parsed, value);
        Ok(self)
    }

    async fn post(&self, batch: &[Record]) -> Result<(), Failure> {
        let mut body = Vec::new();
        for record in batch {
            body.extend_from_slice(record.payload());
            body.push(b'\n');
        }
        let request = self.client.post(self.url.clone()).headers(self.headers.clone());
        let answer = request.header(CONTENT_TYPE, CONTENT).body(body).send().await;
        let status = answer.map_err(|error| Failure::of(&error))?.status();
        match status {
            _ if status.is_success() => Ok(()),
            StatusCode::BAD_REQUEST
            | StatusCode::PAYLOAD_TOO_LARGE
            | StatusCode::UNPROCESSABLE_ENTITY => Err(Failure::Refused(status)),
            _ => Err(Failure::Unavailable(format!("status {status}"))),
        }
    }

    /// Finds out which of them the server does not take.
    async fn post_one_by_one(&self, batch: &[Record]) -> Result<(), DeliveryError> {
        for (delivered, record) in batch.iter().enumerate() {
            let posted = self.post(std::slice::from_ref(record)).await;
            posted.map_err(|failure| self.error(delivered, record, &failure))?;
        }
        Ok(())
    }

    fn error(&self, delivered: usize, record: &Record, failure: &Failure) -> DeliveryError {
        let url = redact_url(self.url.as_str());
        match failure {
            Failure::Unavailable(what) => {
                DeliveryError::unavailable(delivered, format!("posting to {url}: {what}"))
            }
            Failure::Refused(status) => DeliveryError::refused(
                delivered,
                format!("{url} does not take the record {}: status {status}", record.id()),
            ),
        }
    }
}

enum Failure {
    Unavailable(String),
    Refused(StatusCode),
}

impl Failure {
    /// The innermost cause says the most, and none of them the URL.
    fn of(error: &reqwest::Error) -> Self {
        let mut cause: &dyn std::error::Error = error;
        while let Some(source) = cause.source() {
            cause = source;
        }
        let what =
            if error.is_timeout() { "no answer in time".to_owned() } else { cause.to_string() };
        Self::Unavailable(what)
    }
}

fn client(url: &Url, tls: &Tls) -> Result<Client, String> {
    let is_here = url.host_str().is_some_and(is_this_machine);
    let is_encrypted = url.scheme() == "https" || !is_here;
    let tls = tls.config(is_encrypted).map_err(|error| error.to_string())?;
    let builder = Client::builder()
        .tls_backend_preconfigured(tls)
        .connect_timeout(MAX_CONNECT_TIME)
        .user_agent(concat!("streamsdk/", env!("CARGO_PKG_VERSION")))
        .redirect(redirect::Policy::none())
        .retry(retry::never());
    let builder = if is_here { builder.no_proxy() } else { builder };
    builder.build().map_err(|error| error.without_url().to_string())
}

#[async_trait]
impl ResultSink for Webhook {
    async fn deliver(&mut self, batch: &[Record]) -> Result<(), DeliveryError> {
        match self.post(batch).await {
            Ok(()) => Ok(()),
            Err(Failure::Refused(_)) if batch.len() > 1 => self.post_one_by_one(batch).await,
            Err(failure) => Err(self.error(0, &batch[0], &failure)),
        }
    }
}

impl fmt::Debug for Webhook {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let url = redact_url(self.url.as_str());
        f.debug_struct("Webhook").field("url", &url).finish_non_exhaustive()
    }
}
