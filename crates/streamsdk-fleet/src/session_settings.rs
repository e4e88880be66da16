//! Everything that decides a session, and how one is started from it.

use std::time::Duration;

use streamsdk::{
    ApiKey, ApiKeyTransport, Client, Error, ProxySignaling, Session, StreamBuilder, StreamConfig,
    TaskType, WhipSignaling, Workflow,
};
use thiserror::Error as ThisError;

use crate::source::{OpenSourceError, SourceOptions};
use crate::source_name::SourceName;

/// What video goes to, by its URL.
#[derive(Clone, PartialEq, Eq)]
#[non_exhaustive]
pub enum ServerAddress {
    /// An inference server.
    Inference(String),
    /// A backend of one's own between this machine and the server.
    Backend(String),
    /// A WHIP server, from which nothing comes back.
    Whip(String),
}

/// What the server runs on every frame.
#[derive(Debug, Clone, PartialEq)]
#[non_exhaustive]
pub enum Processing {
    /// Nothing, where video is only published.
    Nothing,
    /// A workflow, and its input that takes the frame.
    Workflow {
        /// The workflow.
        workflow: Workflow,
        /// Its input that takes the frame, such as `image`.
        image_input: String,
    },
    /// A model by its id or alias.
    Model {
        /// The id.
        id: String,
        /// What it does; `None` to ask Roboflow's API.
        task: Option<TaskType>,
    },
}

/// Everything that decides a session. It can be started from this any number of times.
#[derive(Debug, Clone)]
#[non_exhaustive]
pub struct SessionSettings {
    /// What is streamed.
    pub source: SourceName,
    /// How that is opened.
    pub source_options: SourceOptions,
    /// What it goes to.
    pub server: ServerAddress,
    /// The key for an inference server. Default is none.
    pub api_key: Option<ApiKey>,
    /// How the key travels. Default is the library's.
    pub api_key_transport: Option<ApiKeyTransport>,
    /// The bearer token for a backend or a WHIP server. Default is none.
    pub token: Option<ApiKey>,
    /// How long the server's answer may take. Default is the library's.
    pub answer_limit: Option<Duration>,
    /// What the server runs on every frame.
    pub processing: Processing,
    /// What else is asked of the server, and what is done with the answers.
    pub config: StreamConfig,
}

/// A stream cannot be started, or has failed.
#[derive(Debug, ThisError)]
#[non_exhaustive]
pub enum StreamError {
    /// The settings are wrong.
    #[error("{0}")]
    Settings(String),
    /// The source cannot be opened.
    #[error(transparent)]
    Source(#[from] OpenSourceError),
    /// The session could not be started, or failed.
    #[error(transparent)]
    Session(#[from] Error),
}

impl ServerAddress {
    /// Where it is. There may be a password in it.
    pub fn url(&self) -> &str {
        let (Self::Inference(url) | Self::Backend(url) | Self::Whip(url)) = self;
        url
    }
}

/// Without passwords.
impl std::fmt::Debug for ServerAddress {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str(&streamsdk_protocol::redact_url(self.url()))
    }
}

impl SessionSettings {
    /// Settings with the defaults for everything else.
    pub fn new(source: SourceName, server: ServerAddress, processing: Processing) -> Self {
        Self {
            source,
            source_options: SourceOptions::default(),
            server,
            api_key: None,
            api_key_transport: None,
            token: None,
            answer_limit: None,
            processing,
            config: StreamConfig::default(),
        }
    }

    /// The client that a session is started with.
    ///
    /// # Errors
    ///
    /// [`StreamError`] if the server's URL is none, or the key or token cannot be sent.
    pub fn client(&self) -> Result<Client, StreamError> {
        let mut client = Client::builder(self.server.url());
        client = match &self.server {
            ServerAddress::Inference(_) => client,
            ServerAddress::Backend(url) => client.signaling(self.backend(url)?),
            ServerAddress::Whip(url) => client.signaling(self.whip(url)?),
        };
        if let Some(key) = &self.api_key {
            client = client.api_key(key.clone());
        }
        if let Some(transport) = self.api_key_transport {
            client = client.api_key_transport(transport);
        }
        if let Some(limit) = self.answer_limit {
            client = client.timeout(limit);
        }
        Ok(client.build()?)
    }

    /// Opens the source and starts a session.
    ///
    /// # Errors
    ///
    /// [`StreamError`] with what is wrong. Nothing is left behind.
    pub async fn start(&self) -> Result<Session, StreamError> {
        self.start_with(&self.source).await
    }

    /// The same with another source.
    pub(crate) async fn start_with(&self, source: &SourceName) -> Result<Session, StreamError> {
        let client = self.client()?;
        let is_published = matches!(self.server, ServerAddress::Whip(_));
        let options = self.source_options.clone().published(is_published);
        let source = source.open(&options).await?;
        let stream = client.stream(source).config(self.config.clone());
        Ok(self.processing.set(stream).start().await?)
    }

    fn backend(&self, url: &str) -> Result<ProxySignaling, StreamError> {
        let mut backend = ProxySignaling::builder(url);
        if let Some(token) = &self.token {
            backend = backend.bearer_token(token.clone());
        }
        if let Some(limit) = self.answer_limit {
            backend = backend.timeout(limit);
        }
        backend.build().map_err(|error| StreamError::Settings(error.to_string()))
    }

    fn whip(&self, url: &str) -> Result<WhipSignaling, StreamError> {
        let mut whip = WhipSignaling::builder(url);
        if let Some(token) = &self.token {
            whip = whip.bearer_token(token.clone());
        }
        if let Some(limit) = self.answer_limit {
            whip = whip.timeout(limit);
        }
        whip.build().map_err(|error| StreamError::Settings(error.to_string()))
    }
}

impl Processing {
    fn set(&self, stream: StreamBuilder) -> StreamBuilder {
        match self {
            Self::Nothing => stream,
            Self::Workflow { workflow, image_input } => {
                stream.workflow(workflow.clone()).image_input(image_input)
            }
            Self::Model { id, task: Some(task) } => stream.model(id).task(*task),
            Self::Model { id, task: None } => stream.model(id),
        }
    }
}
