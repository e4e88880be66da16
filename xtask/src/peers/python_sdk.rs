use std::path::{Path, PathBuf};
use std::time::Duration;

use anyhow::{Context, Result};
use serde_json::Value;

use super::{API_KEY, Peers, cost, repeated, workflow};
use crate::process::{Finished, Job, Output};
use crate::project;

/// What `tests/peers/python_client.py` does.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Mode {
    /// The SDK's defaults: it never acknowledges.
    File,
    /// It acknowledges every frame.
    FileAcknowledged,
}

/// A session of the real Python SDK that is about to be run.
pub struct PythonRun<'a> {
    peers: &'a Peers,
    mode: Mode,
    server: String,
    video: PathBuf,
    workflow: PathBuf,
    stream_output: Vec<String>,
    data_output: Vec<String>,
}

/// What the real Python SDK saw.
pub struct PythonReport {
    pub finished: Finished,
    /// The JSON line that the script printed; its fields are described there.
    pub report: Value,
}

impl<'a> PythonRun<'a> {
    pub fn new(peers: &'a Peers, server: impl Into<String>, video: &Path) -> Self {
        Self {
            peers,
            mode: Mode::File,
            server: server.into(),
            video: video.into(),
            workflow: workflow("motion"),
            stream_output: Vec::new(),
            data_output: Vec::new(),
        }
    }

    /// Default is [`Mode::File`].
    pub fn mode(mut self, mode: Mode) -> Self {
        self.mode = mode;
        self
    }

    /// A workflow of `tests/peers/workflows`. Default is `motion`.
    pub fn workflow(mut self, name: &str) -> Self {
        self.workflow = workflow(name);
        self
    }

    /// Default is none.
    pub fn stream_output(mut self, name: &str) -> Self {
        self.stream_output.push(name.into());
        self
    }

    /// Default is none.
    pub fn data_output(mut self, name: &str) -> Self {
        self.data_output.push(name.into());
        self
    }

    /// Runs it. A session that fails is no error: the report says how it failed.
    pub fn run(self, limit: Duration) -> Result<PythonReport> {
        let mode = match self.mode {
            Mode::File => "file",
            Mode::FileAcknowledged => "file_ack",
        };
        let job = Job::new(self.peers.python("client"))
            .arg(project::peers_directory().join("python_client.py"))
            .args([mode, "--server", &self.server])
            .arg("--video")
            .arg(self.video)
            .arg("--workflow")
            .arg(self.workflow)
            .args(repeated("--stream-output", &self.stream_output))
            .args(repeated("--data-output", &self.data_output));
        PythonReport::of(job, limit)
    }
}

impl PythonReport {
    /// Runs one of the scripts that print a report, which have these options in common.
    pub(super) fn of(script: Job, limit: Duration) -> Result<Self> {
        // A little less than the limit, so that the script itself can still report.
        let own_limit = limit.mul_f32(0.8).as_secs().to_string();
        let finished = script
            .args(["--api-key", API_KEY, "--timeout", &own_limit])
            .output(Output::Capture)
            .limit(limit)
            .run()?;
        let line = finished.stdout.lines().last().unwrap_or_default();
        let report = serde_json::from_str(line).with_context(|| {
            format!("the Python client ended with {}: {}", finished.ending(), finished.last_words())
        })?;
        Ok(Self { finished, report })
    }

    pub fn cost(&self) -> String {
        cost(&self.finished)
    }
}
