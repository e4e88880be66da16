use std::error::Error;
use std::fmt;
use std::time::Duration;

use reqwest::Url;
use reqwest::header::HeaderValue;
use streamsdk_protocol::{ApiKey, INIT_PATH, Redactor, redact_url};
use thiserror::Error;

use crate::server::{HttpServer, bearer};
use crate::{HttpSignaling, Platform, is_hosted};

/// Where the API key travels.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
#[non_exhaustive]
pub enum ApiKeyTransport {
    /// In the body only, which every server understands.
    #[default]
    Legacy,
    /// In the body and as `Authorization: Bearer`.
    Both,
    /// As `Authorization: Bearer` only.
    Header,
}

impl ApiKeyTransport {
    pub(crate) fn uses_body(self) -> bool {
        matches!(self, Self::Legacy | Self::Both)
    }

    pub(crate) fn uses_header(self) -> bool {
        matches!(self, Self::Both | Self::Header)
    }
}

/// Makes an [`HttpSignaling`].
#[derive(Clone)]
#[must_use = "a builder does nothing until `build` is called"]
pub struct HttpSignalingBuilder {
    url: String,
    api_key: Option<ApiKey>,
    transport: ApiKeyTransport,
    timeout: Duration,
    connect_timeout: Duration,
    platform: Option<Platform>,
}

impl HttpSignalingBuilder {
    pub(crate) fn new(url: String) -> Self {
        Self {
            url,
            api_key: None,
            transport: ApiKeyTransport::default(),
            timeout: Duration::from_secs(90),
            connect_timeout: Duration::from_secs(10),
            platform: None,
        }
    }

    /// The key that goes with every request. It takes the place of whatever
    /// [`InitRequest::api_key`](streamsdk_protocol::init::InitRequest::api_key) holds.
    /// Default is no key.
    pub fn api_key(mut self, key: impl Into<ApiKey>) -> Self {
        self.api_key = Some(key.into());
        self
    }

    /// Where the key travels. Default is [`ApiKeyTransport::Legacy`].
    pub fn api_key_transport(mut self, transport: ApiKeyTransport) -> Self {
        self.transport = transport;
        self
    }

    /// Time for the whole exchange, from resolving the name to the last byte of the answer. A
    /// server that has to be started for the request takes its time. Default is 90 s.
    pub fn timeout(mut self, timeout: Duration) -> Self {
        self.timeout = timeout;
        self
    }

    /// Time for resolving the name and connecting, within the time for the whole: a wrong address
    /// should not be waited for as long as a slow server. Default is 10 s.
    pub fn connect_timeout(mut self, timeout: Duration) -> Self {
        self.connect_timeout = timeout;
        self
    }

    /// Roboflow's own API, which is asked for TURN servers where Roboflow [hosts](is_hosted) the server. Default is
    /// that nobody is asked.
    pub fn platform(mut self, platform: Platform) -> Self {
        self.platform = Some(platform);
        self
    }

    /// Checks the settings and prepares the connection; nothing is sent.
    ///
    /// Takes about 0.1 ms for an `http` URL. For an `https` URL, or when the environment names a
    /// proxy for a host other than this one, the system's trusted certificates are read, which
    /// takes a few milliseconds.
    ///
    /// # Errors
    ///
    /// When the URL is not one of an HTTP server, or the key cannot be a header.
    pub fn build(self) -> Result<HttpSignaling, BuildError> {
        let endpoint = endpoint(&self.url)?;
        let authorization = self.authorization(&endpoint)?;
        let mut server = HttpServer::new(endpoint, self.connect_timeout, self.timeout)?;
        server.authorization = authorization;
        server.redactor = server.redactor.url(&self.url);
        server.redactor = self.api_key.iter().fold(server.redactor, Redactor::api_key);
        let platform = self.platform.filter(|_| is_hosted(&self.url));
        let (api_key, transport) = (self.api_key, self.transport);
        Ok(HttpSignaling { server, api_key, transport, platform })
    }

    fn authorization(&self, endpoint: &Url) -> Result<Option<HeaderValue>, BuildError> {
        let Some(key) = self.api_key.as_ref().filter(|_| self.transport.uses_header()) else {
            return Ok(None);
        };
        if !endpoint.username().is_empty() || endpoint.password().is_some() {
            return Err(BuildError::AuthorizationTwice);
        }
        bearer(key.expose()).map(Some)
    }
}

/// Hides the key and what is secret in the URL.
impl fmt::Debug for HttpSignalingBuilder {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let url = endpoint(&self.url).map(|url| redact_url(url.as_str()));
        f.debug_struct("HttpSignalingBuilder")
            .field("url", &url)
            .field("api_key", &self.api_key)
            .field("transport", &self.transport)
            .field("timeout", &self.timeout)
            .field("connect_timeout", &self.connect_timeout)
            .finish()
    }
}

/// The address of the exchange on the server at `url`, which may have a path of its own.
fn endpoint(url: &str) -> Result<Url, BuildError> {
    let mut url = http_url(url)?;
    let path = format!("{}/{INIT_PATH}", url.path().trim_end_matches('/'));
    url.set_path(&path);
    url.set_fragment(None);
    Ok(url)
}

pub(crate) fn http_url(url: &str) -> Result<Url, BuildError> {
    let url =
        Url::parse(url.trim()).map_err(|error| BuildError::InvalidUrl { cause: error.into() })?;
    match url.scheme() {
        "http" | "https" => Ok(url),
        scheme => Err(BuildError::UnsupportedScheme { scheme: scheme.to_owned() }),
    }
}

/// Settings from which no [`HttpSignaling`] can be made.
///
/// A URL that is refused is not repeated, because it is not known where its credentials stand.
#[derive(Debug, Error)]
#[non_exhaustive]
pub enum BuildError {
    /// The URL cannot be parsed.
    #[error("the server's URL is not valid ({cause}); it should look like http://localhost:9001")]
    InvalidUrl {
        /// What is wrong with it.
        cause: Box<dyn Error + Send + Sync>,
    },
    /// The URL is not an HTTP URL.
    #[error(
        "the server's URL has the scheme {scheme:?} instead of http or https; \
         it should look like http://localhost:9001"
    )]
    UnsupportedScheme {
        /// The scheme of the URL.
        scheme: String,
    },
    /// The key is to travel in a header, and has characters that a header cannot carry.
    #[error("the API key has characters that cannot travel in a header")]
    KeyUnfitForHeader,
    /// The key is to travel in the `Authorization` header, and so are the URL's credentials.
    #[error(
        "the URL's credentials and the API key both need the Authorization header; \
         use ApiKeyTransport::Legacy or leave the credentials out of the URL"
    )]
    AuthorizationTwice,
    /// The HTTP client could not be prepared; mostly because of the system's certificates.
    #[error("the HTTP client cannot be prepared: {cause}")]
    Client {
        /// What failed.
        cause: Box<dyn Error + Send + Sync>,
    },
}

#[cfg(test)]
mod tests {
    use super::*;

    fn endpoint_of(url: &str) -> String {
        endpoint(url).unwrap().into()
    }

    #[test]
    fn the_path_is_appended_with_or_without_a_slash_and_below_a_prefix() {
        for url in ["http://h:9001", "http://h:9001/", " http://h:9001#top "] {
            assert_eq!(endpoint_of(url), "http://h:9001/initialise_webrtc_worker");
        }
        for url in ["https://h/a/b", "https://h/a/b/"] {
            assert_eq!(endpoint_of(url), "https://h/a/b/initialise_webrtc_worker");
        }
        assert_eq!(endpoint_of("http://h/p/?q=1"), "http://h/p/initialise_webrtc_worker?q=1");
    }

    #[test]
    fn a_url_that_is_not_http_is_refused_without_repeating_its_secrets() {
        for url in
            ["ftp://me:s3cret@h", "localhost:9001", "me:s3cret@h:9001", "http://me:s3/cret@h"]
        {
            let error = HttpSignaling::builder(url).build().unwrap_err();
            assert!(!format!("{error} {error:?}").contains("s3"), "{error:?}");
        }
    }

    #[test]
    fn credentials_do_not_show_in_debug() {
        let builder = HttpSignaling::builder("http://me:s3cret@host").api_key("k3y");
        let built = builder.clone().build().unwrap();
        for shown in [format!("{builder:?}"), format!("{built:?}")] {
            assert!(shown.contains("host"), "{shown}");
            assert!(!shown.contains("s3cret") && !shown.contains("k3y"), "{shown}");
        }
    }

    #[test]
    fn a_key_that_a_header_cannot_carry_is_refused_only_when_it_would_travel_there() {
        let with = |transport| {
            HttpSignaling::builder("http://h").api_key("line\nbreak").api_key_transport(transport)
        };
        assert!(with(ApiKeyTransport::Legacy).build().is_ok());
        let refused = with(ApiKeyTransport::Header).build();
        assert!(matches!(refused, Err(BuildError::KeyUnfitForHeader)));
    }

    #[test]
    fn two_uses_of_the_authorization_header_are_refused() {
        let builder = HttpSignaling::builder("http://me:pw@h").api_key("key");
        assert!(builder.clone().build().is_ok());
        let refused = builder.api_key_transport(ApiKeyTransport::Both).build();
        assert!(matches!(refused, Err(BuildError::AuthorizationTwice)));
    }
}
