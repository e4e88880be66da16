//! A file of streams, read and checked.

mod error;
#[cfg(feature = "nats")]
mod for_fleet;
mod of_sources;
mod read;
mod sinks;
mod tls;

use std::collections::BTreeMap;
use std::net::SocketAddr;
use std::path::{Path, PathBuf};
use std::sync::Arc;
use std::time::Duration;

use serde::Deserialize;
use streamsdk_sinks::StreamName;

pub use self::error::{ConfigError, ConfigProblem};
pub(crate) use self::sinks::SinkEntry;
#[cfg(feature = "tls")]
pub use self::tls::TlsFiles;

use crate::options::{ImagesOption, SecretText, StreamOptions, values};
use crate::restart::RestartPolicy;
use crate::stream_settings::StreamSettings;

/// A file of streams: what `docs/streams.md` describes, all of it checked.
#[derive(Debug, Clone)]
pub struct FleetConfig {
    pub(crate) folder: PathBuf,
    pub(crate) process: ProcessOptions,
    pub(crate) defaults: StreamOptions,
    pub(crate) sinks: BTreeMap<String, SinkEntry>,
    pub(crate) streams: BTreeMap<StreamName, StreamEntry>,
}

/// What is of the process as a whole.
#[derive(Debug, Clone, Default, PartialEq, Deserialize)]
#[serde(default, deny_unknown_fields)]
pub(crate) struct ProcessOptions {
    pub(crate) files_at_once: Option<usize>,
    pub(crate) state_folder: Option<PathBuf>,
    pub(crate) admin: Option<SocketAddr>,
    pub(crate) admin_token: Option<SecretText>,
    #[serde(deserialize_with = "values::limit_given")]
    pub(crate) drain_limit: Option<Duration>,
}

/// A stream of a file.
#[derive(Debug, Clone)]
pub(crate) struct StreamEntry {
    /// With the secrets in it, to find out whether anything has changed.
    pub(crate) options: Arc<StreamOptions>,
    pub(crate) settings: StreamSettings,
    pub(crate) restart: RestartPolicy,
    pub(crate) images: ImagesOption,
}

/// Whether it is the same stream, down to the workflow in a file of its own.
impl PartialEq for StreamEntry {
    fn eq(&self, other: &Self) -> bool {
        self.settings.source == other.settings.source
            && self.options == other.options
            && self.settings.processing() == other.settings.processing()
    }
}

impl FleetConfig {
    /// Reads and checks a file. Nothing is opened or started but what it names: files with secrets, workflows.
    ///
    /// # Errors
    ///
    /// [`ConfigError`] with all that is wrong, each with its line and column.
    pub fn read(path: impl AsRef<Path>) -> Result<Self, ConfigError> {
        let path = path.as_ref();
        let name = path.display().to_string();
        let text = std::fs::read_to_string(path)
            .map_err(|error| ConfigError::unreadable(name.clone(), error.to_string()))?;
        Self::parse(&text, &name, path.parent().unwrap_or(Path::new("")))
    }

    /// The same for a text; `name` is for errors, and `folder` what paths in it are relative to.
    ///
    /// # Errors
    ///
    /// As of [`FleetConfig::read`].
    pub fn parse(text: &str, name: &str, folder: &Path) -> Result<Self, ConfigError> {
        read::read(text, name, folder, read::Reading::ForThisProcess)
    }

    /// The names of its streams.
    pub fn stream_names(&self) -> impl Iterator<Item = &StreamName> {
        self.streams.keys()
    }

    /// The names of its sinks.
    pub fn sink_names(&self) -> impl Iterator<Item = &str> {
        self.sinks.keys().map(String::as_str)
    }

    /// Where its admin address is to be.
    pub fn admin(&self) -> Option<SocketAddr> {
        self.process.admin
    }

    /// The token for its admin address.
    ///
    /// # Errors
    ///
    /// What cannot be found.
    pub fn admin_token(&self) -> Result<Option<String>, String> {
        self.process.admin_token.as_ref().map(|token| token.read(&self.folder)).transpose()
    }

    /// How long ending may take. Default is 10 s.
    pub fn drain_limit(&self) -> Duration {
        self.process.drain_limit.unwrap_or(Duration::from_secs(10))
    }
}
