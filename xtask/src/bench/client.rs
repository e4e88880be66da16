use std::path::{Path, PathBuf};
use std::time::Duration;

use anyhow::Result;
use serde_json::Value;

use super::lab::last_line;
use crate::peers::API_KEY;
use crate::process::{Job, Output};

/// A session of our own client, through the measuring program, that is about to be run.
pub struct ClientRun {
    job: Job,
}

impl ClientRun {
    pub fn new(program: PathBuf, server: &str, video: &Path, workflow: &Path) -> Self {
        let job = Job::new(program)
            .arg(server)
            .arg("--file")
            .arg(video)
            .arg("--workflow")
            .arg(workflow)
            .env("ROBOFLOW_API_KEY", API_KEY);
        Self { job }
    }

    /// A workflow output to be received as frames. Default is none.
    pub fn stream_output(self, name: &str) -> Self {
        Self { job: self.job.args(["--stream-output", name]) }
    }

    /// Decodes the image of every frame. Default is to read data only.
    pub fn decode(self) -> Self {
        Self { job: self.job.arg("--decode") }
    }

    /// Everything on one thread, as the Python SDK has it: the cheapest where no picture is decoded.
    /// Default is two.
    pub fn one_thread(self) -> Self {
        Self { job: self.job.args(["--threads", "1"]) }
    }

    /// Ends as soon as the upload has arrived. Default is to wait for all results.
    pub fn upload_only(self) -> Self {
        Self { job: self.job.arg("--upload-only") }
    }

    /// Runs it to a good end and returns what it reported.
    pub fn run(self, limit: Duration) -> Result<Value> {
        let finished = self.job.output(Output::Capture).limit(limit).run_successfully()?;
        last_line(&finished.stdout)
    }
}
