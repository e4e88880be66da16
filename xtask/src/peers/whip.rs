use std::fs;
use std::path::{Path, PathBuf};
use std::time::Duration;

use anyhow::{Context, Result};
use serde_json::Value;

use super::{CliReport, Peers, free_port, read_summary};
use crate::process::{Background, Job, Output};
use crate::project;

const START_LIMIT: Duration = Duration::from_secs(20);
/// Until the first frame is decoded, or the end of a session is told.
const REPORT_LIMIT: Duration = Duration::from_secs(60);

/// The bearer token of every server. It opens nothing; it must show up nowhere.
pub const WHIP_TOKEN: &str = "not-a-real-token-83ac";

/// A WHIP server on aiortc, in a process of its own. Ends when dropped.
pub struct WhipServer {
    program: Background,
    url: String,
    port: u16,
}

impl WhipServer {
    /// Starts it with options of its own and waits until it says that it listens. Its log is `log`.
    pub fn start(peers: &Peers, log: PathBuf, options: &[&str]) -> Result<Self> {
        Self::start_at(peers, log, options, free_port()?)
    }

    /// The same in the place of one that has ended.
    pub fn start_at(peers: &Peers, log: PathBuf, options: &[&str], port: u16) -> Result<Self> {
        let mut program = Job::new(peers.python("client"))
            .arg(project::peers_directory().join("whip_server.py"))
            .args(["--port", &port.to_string(), "--token", WHIP_TOKEN])
            .args(options)
            .start(log)?;
        let url = program.wait_for_line("listening on ", START_LIMIT)?;
        Ok(Self { program, url, port })
    }

    pub fn url(&self) -> &str {
        &self.url
    }

    pub fn port(&self) -> u16 {
        self.port
    }

    /// Waits until it has decoded a frame.
    pub fn wait_for_a_frame(&mut self) -> Result<()> {
        self.program.wait_for_line("first frame of ", REPORT_LIMIT).map(drop)
    }

    /// What it says of its first session, once that is over.
    pub fn report(&mut self) -> Result<Value> {
        let line = self.program.wait_for_line("session ", REPORT_LIMIT)?;
        serde_json::from_str(&line).with_context(|| format!("no report: {line}"))
    }

    /// Ends it without giving it the time to say so.
    pub fn kill(self) -> Result<()> {
        self.program.kill()
    }
}

/// A session of our own program that publishes to a WHIP server and is about to be run.
pub struct PublishRun {
    job: Job,
    summary: PathBuf,
}

impl PublishRun {
    /// `outputs` is a path without an ending: what it reads and writes is put beside each other there.
    pub fn new(
        cli: &Path,
        url: &str,
        token: &str,
        source: impl AsRef<std::ffi::OsStr>,
        outputs: &Path,
    ) -> Result<Self> {
        let (token_file, summary) =
            (outputs.with_extension("token"), outputs.with_extension("summary.json"));
        fs::write(&token_file, format!("{token}\n"))?;
        let _ = fs::remove_file(&summary);
        let job = Job::new(cli)
            .arg("run")
            .arg(source)
            .args(["--whip", url, "--token-file"])
            .arg(token_file)
            .arg("--summary-json")
            .arg(&summary);
        Ok(Self { job, summary })
    }

    pub fn options(mut self, options: &[&str]) -> Self {
        self.job = self.job.args(options);
        self
    }

    /// Interrupts it as soon as this is so. Default is never.
    pub fn interrupt_when(mut self, is_so: impl FnMut() -> bool + Send + 'static) -> Self {
        self.job = self.job.interrupt_when(is_so);
        self
    }

    /// Runs it. A session that fails is no error: the report says how it failed.
    pub fn run(self, limit: Duration) -> Result<CliReport> {
        let finished = self.job.output(Output::Capture).limit(limit).run()?;
        Ok(CliReport { finished, summary: read_summary(&self.summary)?, frames: Vec::new() })
    }
}
