//! What many streams have in common, and what each streams.

use std::path::Path;
use std::sync::Arc;

use async_trait::async_trait;
use streamsdk::Session;

use crate::options::{StreamOptions, WrongOption};
use crate::session_settings::{Processing, ServerAddress, SessionSettings, StreamError};
use crate::source_name::SourceName;
use crate::streams::StartSession;

/// The settings of a stream, of which thousands may have all but the source in common.
#[derive(Debug, Clone)]
pub(crate) struct StreamSettings {
    pub(crate) source: SourceName,
    /// Those of another stream, perhaps, whose source does not count.
    common: Arc<SessionSettings>,
}

impl StreamSettings {
    /// What `options` come to, for the source that they name.
    pub(crate) fn of(options: &StreamOptions, folder: &Path) -> Result<Self, WrongOption> {
        let common = options.settings(folder)?;
        Ok(Self { source: common.source.clone(), common: Arc::new(common) })
    }

    /// The same for another source.
    pub(crate) fn with_source(&self, source: SourceName) -> Self {
        Self { source, common: Arc::clone(&self.common) }
    }

    pub(crate) fn server(&self) -> &ServerAddress {
        &self.common.server
    }

    pub(crate) fn processing(&self) -> &Processing {
        &self.common.processing
    }
}

impl From<SessionSettings> for StreamSettings {
    fn from(settings: SessionSettings) -> Self {
        Self { source: settings.source.clone(), common: Arc::new(settings) }
    }
}

#[async_trait]
impl StartSession for StreamSettings {
    async fn start(&self) -> Result<Session, StreamError> {
        self.common.start_with(&self.source).await
    }
}
