use serde_json::Value;
use streamsdk_protocol::model::{self, TaskType};
use streamsdk_signaling::{Platform, SignalingError};

use crate::error::{Cause, Error, ErrorKind};
use crate::stage::Stage;

/// A model that is run by its id, without a workflow of the caller's.
#[derive(Debug, Clone)]
pub(crate) struct Model {
    pub(crate) id: String,
    /// Asked for where it is not given.
    pub(crate) task: Option<TaskType>,
}

impl Model {
    /// The workflow that runs it. Asks the platform what the model does, unless that is known.
    pub(crate) async fn workflow(&self, platform: &Platform) -> Result<Value, Error> {
        let task = match self.task {
            Some(task) => task,
            None => self.look_up(platform).await?,
        };
        Ok(model::workflow(&self.id, task))
    }

    async fn look_up(&self, platform: &Platform) -> Result<TaskType, Error> {
        let asked = platform.task_of_model(&self.id).await;
        let task = asked.map_err(|error| self.unknown(error))?;
        let unsupported = |error| Error::new(ErrorKind::Config, Stage::Preparing, error);
        task.parse().map_err(unsupported)
    }

    fn unknown(&self, error: SignalingError) -> Error {
        let hint = match error.status() {
            Some(404) => "there is no such model, or the API key may not see it",
            Some(401 | 403) => "the API key is missing, wrong, or may not see the model",
            _ => "where Roboflow's API cannot be asked, say what it does with `task`",
        };
        let id = self.id.clone();
        Error::from(error).within(Stage::Preparing, |source| UnknownModel { id, hint, source })
    }
}

#[derive(Debug, thiserror::Error)]
#[error("what the model {id:?} does could not be found out ({hint})")]
struct UnknownModel {
    id: String,
    hint: &'static str,
    source: Cause,
}
