//! The nodes: processes of the product, each in a network namespace of its own.

use std::fs;
use std::path::{Path, PathBuf};
use std::process::ExitStatus;
use std::time::Duration;

use anyhow::{Context, Result};
use nix::sys::signal::Signal;

use super::laid::LaidNetwork;
use crate::process::Background;

/// What each node is told.
pub(super) struct Settings {
    pub(super) program: PathBuf,
    pub(super) nats: String,
    pub(super) capacity: usize,
    pub(super) files_at_once: usize,
    pub(super) ttl: Duration,
}

pub(super) struct Node {
    index: usize,
    pub(super) name: String,
    directory: PathBuf,
    /// How often it was started.
    starts: usize,
    process: Option<Background>,
}

impl Node {
    pub(super) fn new(index: usize, directory: &Path) -> Self {
        let name = format!("n{}", index + 1);
        Self { index, name, directory: directory.to_owned(), starts: 0, process: None }
    }

    /// Does not wait until it runs. It always has the same folder.
    pub(super) fn start(&mut self, network: &LaidNetwork, settings: &Settings) -> Result<()> {
        self.starts += 1;
        let folder = self.directory.join(&self.name);
        let log = self.directory.join(format!("{}-{}.log", self.name, self.starts));
        let job = network
            .at_node(self.index, &settings.program)
            .args(["fleet", "node", "--nats", &settings.nats, "--name", &self.name])
            .args(["--capacity", &settings.capacity.to_string()])
            .args(["--files-at-once", &settings.files_at_once.to_string()])
            .args(["--ttl", &settings.ttl.as_secs_f64().to_string(), "--folder"])
            .arg(folder);
        self.process = Some(job.start(log)?);
        Ok(())
    }

    pub(super) fn runs(&self) -> bool {
        let line = format!("node {} runs", self.name);
        self.process.as_ref().is_some_and(|process| process.has_said(&line))
    }

    pub(super) fn signal(&self, signal: Signal) -> Result<()> {
        let process = self.process.as_ref();
        process.with_context(|| format!("{} has no process", self.name))?.signal(signal)
    }

    /// How its process ended, if it has.
    pub(super) fn ending(&mut self) -> Result<Option<ExitStatus>> {
        self.process.as_mut().map_or(Ok(None), Background::ending)
    }

    /// What is left of its process is gone afterwards.
    pub(super) fn kill(&mut self) -> Result<()> {
        self.process.take().map_or(Ok(()), Background::kill)
    }

    /// The last line that its process wrote.
    pub(super) fn last_words(&self) -> String {
        let log = self.process.as_ref().and_then(|process| fs::read(process.log()).ok());
        let log = log.unwrap_or_default();
        String::from_utf8_lossy(&log).lines().last().unwrap_or_default().to_owned()
    }

    /// Of a process that has ended.
    pub(super) fn forget(&mut self) {
        self.process = None;
    }

    pub(super) fn has_process(&self) -> bool {
        self.process.is_some()
    }
}
