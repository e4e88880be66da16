//! Roboflow's own API, beside the inference servers.

use std::fmt;
use std::time::{Duration, Instant};

use reqwest::header::{ACCEPT, AUTHORIZATION};
use reqwest::{Response, Url};
use serde::{Deserialize, Deserializer};
use streamsdk_protocol::init::IceServer;
use streamsdk_protocol::{ApiKey, Redactor, redact_url};
use tokio::time::timeout;

use crate::answer::{self, Asked};
use crate::server::bearer;
use crate::{ApiKeyTransport, BuildError, SignalingError, connection};

/// Roboflow's own API: it knows what a model does, and which TURN servers hosted sessions may use.
///
/// Nothing is kept open between two questions. Redirects are not followed, and nothing is tried twice.
#[derive(Clone)]
pub struct Platform {
    url: Url,
    api_key: Option<ApiKey>,
    transport: ApiKeyTransport,
}

/// Time for the answer about a model.
const MODEL_LIMIT: Duration = Duration::from_secs(10);
/// Time for the list of TURN servers: a session can do without.
const TURN_LIMIT: Duration = Duration::from_secs(5);

impl Platform {
    /// The API at `url`, such as `https://api.roboflow.com`.
    ///
    /// # Errors
    ///
    /// When the URL is not one of an HTTP server.
    pub fn new(url: &str) -> Result<Self, BuildError> {
        let url = crate::builder::http_url(url)?;
        Ok(Self { url, api_key: None, transport: ApiKeyTransport::default() })
    }

    /// The API that the environment names: `RF_API_BASE_URL`, or else that of `ROBOFLOW_REGION` (`us` or `eu`)
    /// and `ROBOFLOW_ENVIRONMENT` (`prod` or `staging`). Default is `https://api.roboflow.com`.
    ///
    /// # Errors
    ///
    /// When `RF_API_BASE_URL` is not the URL of an HTTP server.
    pub fn from_environment() -> Result<Self, BuildError> {
        Self::new(&default_url(|name| std::env::var(name).ok()))
    }

    /// The key that goes with every question. Default is none, which public models need not.
    #[must_use]
    pub fn api_key(mut self, key: impl Into<ApiKey>) -> Self {
        self.api_key = Some(key.into());
        self
    }

    /// How the key travels when TURN servers are asked for: with [`ApiKeyTransport::Header`] in a header, else
    /// in the URL, as the Python SDK has it. When a model is asked about it is always a header. Default is
    /// [`ApiKeyTransport::Legacy`].
    #[must_use]
    pub fn api_key_transport(mut self, transport: ApiKeyTransport) -> Self {
        self.transport = transport;
        self
    }

    /// What a model does, in the platform's words, such as `object-detection`.
    ///
    /// # Errors
    ///
    /// When there is no answer within 10 s, or the platform does not know the model, or keeps it from the key.
    pub async fn task_of_model(&self, model_id: &str) -> Result<String, SignalingError> {
        let mut url = self.below("models/v1/external/stat");
        url.query_pairs_mut().append_pair("modelId", model_id);
        let answer: ModelAnswer = self.get(url, true, MODEL_LIMIT).await?;
        Ok(answer.metadata.task)
    }

    /// The TURN servers for sessions at a [hosted](is_hosted) server.
    ///
    /// # Errors
    ///
    /// When there is no answer within 5 s, or the platform refuses.
    pub async fn ice_servers(&self) -> Result<Vec<IceServer>, SignalingError> {
        let mut url = self.below("webrtc_turn_config");
        if let Some(key) = self.api_key.as_ref().filter(|_| self.transport.uses_body()) {
            url.query_pairs_mut().append_pair("api_key", key.expose());
        }
        let answer: TurnAnswer = self.get(url, self.transport.uses_header(), TURN_LIMIT).await?;
        Ok(answer.into_servers())
    }

    fn below(&self, path: &str) -> Url {
        let mut url = self.url.clone();
        url.set_path(&format!("{}/{path}", url.path().trim_end_matches('/')));
        url
    }

    async fn get<T: for<'a> Deserialize<'a>>(
        &self,
        url: Url,
        key_in_header: bool,
        limit: Duration,
    ) -> Result<T, SignalingError> {
        let mut shown = url.clone();
        shown.set_query(None);
        let shown = redact_url(shown.as_str());
        let redactor = Redactor::default().url(url.as_str());
        let redactor = self.api_key.iter().fold(redactor, Redactor::api_key);
        let started = Instant::now();
        let asking = async {
            let response = self.send(url, key_in_header, &shown).await?;
            answer::json(response, &Asked { url: &shown, redactor }).await
        };
        match timeout(limit, asking).await {
            Ok(answer) => answer,
            Err(_) => {
                Err(SignalingError::Timeout { url: shown.clone(), waited: started.elapsed() })
            }
        }
    }

    async fn send(
        &self,
        url: Url,
        key_in_header: bool,
        shown: &str,
    ) -> Result<Response, SignalingError> {
        let unsendable = |cause| SignalingError::Transport { url: shown.to_owned(), cause };
        let client = connection::client(&url, MODEL_LIMIT);
        let client = client.map_err(|error| unsendable(error.into()))?;
        let mut get = client.get(url).header(ACCEPT, "application/json");
        if let Some(key) = self.api_key.as_ref().filter(|_| key_in_header) {
            let authorization = bearer(key.expose()).map_err(|error| unsendable(error.into()))?;
            get = get.header(AUTHORIZATION, authorization);
        }
        get.send().await.map_err(|error| SignalingError::sending(shown, error))
    }
}

/// Hides the key and what is secret in the URL.
impl fmt::Debug for Platform {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Platform")
            .field("url", &redact_url(self.url.as_str()))
            .field("api_key", &self.api_key)
            .finish_non_exhaustive()
    }
}

#[derive(Deserialize)]
struct ModelAnswer {
    #[serde(rename = "modelMetadata")]
    metadata: ModelMetadata,
}

#[derive(Deserialize)]
struct ModelMetadata {
    #[serde(rename = "taskType")]
    task: String,
}

/// The list of TURN servers, in the forms in which it comes.
#[derive(Deserialize)]
#[serde(untagged)]
pub(crate) enum TurnAnswer {
    Configuration {
        #[serde(rename = "iceServers", deserialize_with = "null_as_none")]
        ice_servers: Vec<IceServer>,
    },
    Servers(Vec<IceServer>),
    Server(IceServer),
}

impl TurnAnswer {
    pub(crate) fn into_servers(self) -> Vec<IceServer> {
        match self {
            Self::Configuration { ice_servers } | Self::Servers(ice_servers) => ice_servers,
            Self::Server(server) => vec![server],
        }
    }
}

fn null_as_none<'de, D: Deserializer<'de>>(deserializer: D) -> Result<Vec<IceServer>, D::Error> {
    Option::deserialize(deserializer).map(Option::unwrap_or_default)
}

fn default_url(variable: impl Fn(&str) -> Option<String>) -> String {
    if let Some(url) = variable("RF_API_BASE_URL") {
        return url;
    }
    let region = variable("ROBOFLOW_REGION").unwrap_or_default();
    let is_eu = match region.trim().to_lowercase().as_str() {
        "eu" => true,
        "" | "us" => false,
        _ => {
            tracing::warn!(region, "ROBOFLOW_REGION is neither us nor eu: us is taken");
            false
        }
    };
    let environment = variable("ROBOFLOW_ENVIRONMENT");
    let is_staging = environment.is_some_and(|name| name.trim().to_lowercase() != "prod");
    let host = match (is_eu, is_staging) {
        (false, false) => "api.roboflow.com",
        (false, true) => "api.roboflow.one",
        (true, false) => "api.roboflow.eu",
        (true, true) => "api.roboflow-eu.one",
    };
    format!("https://{host}")
}

/// The inference servers that Roboflow hosts.
const HOSTED: [&str; 10] = [
    "https://detect.roboflow.com",
    "https://outline.roboflow.com",
    "https://classify.roboflow.com",
    "https://infer.roboflow.com",
    "https://serverless.roboflow.com",
    "https://serverless.roboflow.one",
    "https://serverless.roboflow.eu",
    "https://serverless.roboflow-eu.one",
    "https://asyncinfer.roboflow.com",
    "https://asyncinfer.roboflow.one",
];

/// Whether a URL is that of an inference server that Roboflow hosts.
pub fn is_hosted(url: &str) -> bool {
    HOSTED.contains(&url.trim().trim_end_matches('/'))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_environment_names_the_api() {
        let url = |set: &[(&str, &str)]| {
            default_url(|name| {
                set.iter().find(|(known, _)| *known == name).map(|(_, value)| (*value).to_owned())
            })
        };
        let [region, environment] = ["ROBOFLOW_REGION", "ROBOFLOW_ENVIRONMENT"];
        assert_eq!(url(&[]), "https://api.roboflow.com");
        assert_eq!(url(&[(region, " EU ")]), "https://api.roboflow.eu");
        assert_eq!(url(&[(region, "mars")]), "https://api.roboflow.com");
        assert_eq!(url(&[(environment, "prod")]), "https://api.roboflow.com");
        assert_eq!(url(&[(environment, "staging")]), "https://api.roboflow.one");
        let both = [(region, "eu"), (environment, "dev")];
        assert_eq!(url(&both), "https://api.roboflow-eu.one");
        let named = [both[0], ("RF_API_BASE_URL", "http://localhost:1")];
        assert_eq!(url(&named), "http://localhost:1");
    }

    #[test]
    fn hosted_servers_are_known_with_and_without_a_slash() {
        assert!(is_hosted("https://serverless.roboflow.com"));
        assert!(is_hosted(" https://serverless.roboflow.com/ "));
        for url in ["http://serverless.roboflow.com", "https://serverless.roboflow.com.evil.org"] {
            assert!(!is_hosted(url), "{url}");
        }
    }
}
