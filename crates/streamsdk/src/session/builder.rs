use std::sync::Arc;

use super::Session;
use super::control::Control;
use super::plan::{Plan, Settings};
use super::run::SessionRun;
use crate::config::StreamConfig;
use crate::endpoint::Endpoint;
use crate::error::{Error, ErrorKind};
use crate::source::StreamSource;
use crate::stage::Stage;
use crate::workflow::Workflow;

/// A session to be started.
#[must_use = "nothing happens until it is started"]
pub struct StreamBuilder {
    settings: Settings,
}

impl StreamBuilder {
    pub(crate) fn new(endpoint: Endpoint, source: Box<dyn StreamSource>) -> Self {
        Self { settings: Settings::new(endpoint, source) }
    }

    /// What the server runs on every frame. Must be set.
    pub fn workflow(mut self, workflow: Workflow) -> Self {
        self.settings.workflow = Some(workflow);
        self
    }

    /// Name of the workflow's input that takes the frame. Default is `image`.
    pub fn image_input(mut self, name: impl Into<String>) -> Self {
        self.settings.image_input = name.into();
        self
    }

    /// What is asked of the server. Default is [`StreamConfig::default`].
    pub fn config(mut self, config: StreamConfig) -> Self {
        self.settings.config = config;
        self
    }

    /// Connects. Returns when the connection stands and its channels are open.
    ///
    /// # Errors
    ///
    /// Whatever prevents a session, with [`Error::kind`] and [`Error::stage`]. Nothing is left
    /// behind. [`ErrorKind::Config`] outside of tokio's runtime.
    pub async fn start(self) -> Result<Session, Error> {
        if tokio::runtime::Handle::try_current().is_err() {
            let what = "a session needs tokio's runtime: call `start` in it";
            return Err(Error::new(ErrorKind::Config, Stage::Preparing, what));
        }
        let Plan { connector, source, context, retry, frames_as_data } = Plan::new(self.settings)?;
        let control = Control::new(&context, frames_as_data);
        let (queue, tracker) = (Arc::clone(&context.queue), Arc::clone(&context.tracker));
        let mut run = SessionRun { connector, source, context, retry };
        let first = run.connect_first().await?;
        let running = tokio::spawn(run.run(first));
        Ok(Session { queue, tracker, control, running: Some(running) })
    }
}

impl std::fmt::Debug for StreamBuilder {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("StreamBuilder")
            .field("config", &self.settings.config)
            .finish_non_exhaustive()
    }
}
