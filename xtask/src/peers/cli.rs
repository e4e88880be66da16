use std::ffi::{OsStr, OsString};
use std::fs;
use std::path::{Path, PathBuf};
use std::time::Duration;

use anyhow::{Context, Result};
use serde_json::Value;

use super::{API_KEY, cost, repeated, workflow};
use crate::process::{Finished, Job, Output};

/// A session of our own client, through the command-line program, that is about to be run.
pub struct CliRun {
    cli: PathBuf,
    /// The option that says where the server is, and its value.
    server: [String; 2],
    source: OsString,
    /// The options that say what the server runs.
    processing: Vec<OsString>,
    stream_output: Vec<String>,
    data_output: Vec<String>,
    parameters: Vec<String>,
    video: Vec<String>,
    /// Where the files go that it writes, without their endings.
    outputs: PathBuf,
}

/// What our own client saw.
pub struct CliReport {
    pub finished: Finished,
    /// What it wrote with `--summary-json`; `Null` when it wrote nothing.
    pub summary: Value,
    /// What it wrote with `--jsonl`.
    pub frames: Vec<Value>,
}

impl CliRun {
    /// `outputs` is a path without an ending: what it writes is put beside each other there.
    pub fn new(
        cli: &Path,
        server: impl Into<String>,
        source: impl AsRef<OsStr>,
        outputs: PathBuf,
    ) -> Self {
        Self {
            cli: cli.into(),
            server: ["--server".into(), server.into()],
            source: source.as_ref().into(),
            processing: vec!["--workflow".into(), workflow("motion").into()],
            stream_output: Vec::new(),
            data_output: Vec::new(),
            parameters: Vec::new(),
            video: Vec::new(),
            outputs,
        }
    }

    /// Goes by way of a backend, which alone has the key, in the place of a server.
    pub fn backend(mut self, url: &str) -> Self {
        self.server = ["--backend".into(), url.into()];
        self
    }

    /// A workflow of `tests/peers/workflows`. Default is `motion`.
    pub fn workflow(mut self, name: &str) -> Self {
        self.processing = vec!["--workflow".into(), workflow(name).into()];
        self
    }

    /// A model, in the place of a workflow.
    pub fn model(mut self, id: &str, task: &str) -> Self {
        self.processing = ["--model", id, "--task", task].map(Into::into).into();
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

    /// A workflow parameter, `name=value`. Default is none.
    pub fn parameter(mut self, text: &str) -> Self {
        self.parameters.push(text.into());
        self
    }

    /// How video is carried on tracks. Default is nothing.
    pub fn video_options(mut self, options: &[&str]) -> Self {
        self.video.extend(options.iter().map(|&option| option.into()));
        self
    }

    /// Runs it. A session that fails is no error: the report says how it failed.
    pub fn run(self, limit: Duration) -> Result<CliReport> {
        let (frames, summary) =
            (self.outputs.with_extension("jsonl"), self.outputs.with_extension("summary.json"));
        for stale in [&frames, &summary] {
            let _ = fs::remove_file(stale);
        }
        let finished = Job::new(self.cli)
            .arg("run")
            .arg(self.source)
            .args(self.server)
            .args(self.processing)
            .args(repeated("--stream-output", &self.stream_output))
            .args(repeated("--data-output", &self.data_output))
            .args(repeated("--param", &self.parameters))
            .args(self.video)
            .arg("--jsonl")
            .arg(&frames)
            .arg("--summary-json")
            .arg(&summary)
            .env("ROBOFLOW_API_KEY", API_KEY)
            .output(Output::Capture)
            .limit(limit)
            .run()?;
        Ok(CliReport { finished, summary: read_summary(&summary)?, frames: read_frames(&frames)? })
    }
}

impl CliReport {
    pub fn cost(&self) -> String {
        cost(&self.finished)
    }

    /// Everything that it let anybody see.
    pub fn told_the_key(&self) -> bool {
        let written = [&self.finished.stdout, &self.finished.stderr];
        let recorded = self.frames.iter().chain([&self.summary]).map(Value::to_string);
        written.iter().any(|text| text.contains(API_KEY))
            || recorded.into_iter().any(|text| text.contains(API_KEY))
    }
}

/// What it wrote with `--summary-json`; `Null` when it wrote nothing.
pub fn read_summary(path: &Path) -> Result<Value> {
    let Ok(text) = fs::read_to_string(path) else { return Ok(Value::Null) };
    serde_json::from_str(&text).with_context(|| format!("{} is not JSON", path.display()))
}

/// What it wrote with `--jsonl`.
pub fn read_frames(path: &Path) -> Result<Vec<Value>> {
    let text = fs::read_to_string(path).unwrap_or_default();
    let lines = text.lines().enumerate();
    lines
        .map(|(index, line)| {
            let place = || format!("{} line {} is not JSON", path.display(), index + 1);
            serde_json::from_str(line).with_context(place)
        })
        .collect()
}
