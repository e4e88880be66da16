use std::sync::Arc;

use streamsdk_protocol::model::TaskType;

use super::Session;
use super::control::Control;
use super::plan::{Plan, Settings};
use super::run::SessionRun;
use crate::blocking;
use crate::config::StreamConfig;
use crate::endpoint::Endpoint;
use crate::error::{Error, ErrorKind};
use crate::queue::EndOfQueue;
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

    /// What the server runs on every frame: this, or a [model](StreamBuilder::model); or neither, where the server
    /// returns nothing ([`Returns::Nothing`](crate::Returns)) and video is only published to it.
    pub fn workflow(mut self, workflow: Workflow) -> Self {
        self.settings.workflow = Some(workflow);
        self
    }

    /// The model that the server runs on every frame, by its id or alias, such as `rfdetr-nano`, in the place of a
    /// workflow. What it says is the output `predictions`, and the frame itself `image`; where
    /// [`StreamConfig`] says nothing of outputs, both are received.
    ///
    /// Needs to be known what the model does: Roboflow's API is asked when the session starts, unless
    /// [`StreamBuilder::task`] says it.
    pub fn model(mut self, id: impl Into<String>) -> Self {
        self.settings.model = Some(id.into());
        self
    }

    /// What the [model](StreamBuilder::model) does. Default is to ask Roboflow's API, for up to 10 s.
    pub fn task(mut self, task: TaskType) -> Self {
        self.settings.task = Some(task);
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
        let settings = self.settings.checked()?.with_workflow_of_model().await?;
        let Plan { connector, source, context, retry, frames_as_data } = Plan::new(settings)?;
        let control = Control::new(&context, frames_as_data);
        let (queue, tracker) = (Arc::clone(&context.queue), Arc::clone(&context.tracker));
        let mut run = SessionRun { connector, source, context, retry };
        let first = run.connect_first().await?;
        let closing = EndOfQueue(Arc::clone(&queue));
        let running = tokio::spawn(async move {
            run.run(first).await;
            drop(closing);
        });
        Ok(Session { queue, tracker, control, running: Some(running) })
    }
}

impl StreamBuilder {
    /// The same for programs without async.
    ///
    /// # Errors
    ///
    /// As of [`StreamBuilder::start`].
    pub fn start_blocking(self) -> Result<blocking::Session, Error> {
        blocking::Session::start(self.start())
    }
}

impl std::fmt::Debug for StreamBuilder {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("StreamBuilder")
            .field("config", &self.settings.config)
            .finish_non_exhaustive()
    }
}
