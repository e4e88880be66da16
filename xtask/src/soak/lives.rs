//! The worker, which is killed and started again.

use std::path::{Path, PathBuf};
use std::time::Duration;

use anyhow::{Context, Result};

use super::clock;
use super::figures::Figures;
use crate::peers::{Worker, free_port};

/// A worker's life that is over.
#[derive(Clone, Copy, Debug)]
pub(super) struct Life {
    pub(super) begun: Duration,
    pub(super) ended: Duration,
    /// Right before its end.
    pub(super) figures: Figures,
}

impl Life {
    pub(super) fn seconds(&self) -> f64 {
        self.ended.saturating_sub(self.begun).as_secs_f64()
    }
}

pub(super) struct Lives {
    program: PathBuf,
    directory: PathBuf,
    pub(super) port: u16,
    worker: Option<(Worker, Duration)>,
    over: Vec<Life>,
}

impl Lives {
    pub(super) fn new(program: &Path, directory: &Path) -> Result<Self> {
        let (program, directory) = (program.to_owned(), directory.to_owned());
        Ok(Self { program, directory, port: free_port()?, worker: None, over: Vec::new() })
    }

    /// Starts it, waits until it listens, and says when it was started.
    pub(super) fn begin(&mut self) -> Result<Duration> {
        let begun = clock::now();
        let log = self.log(self.over.len());
        self.worker = Some((Worker::start_at(&self.program, self.port, &[], log)?, begun));
        Ok(begun)
    }

    /// Kills it.
    pub(super) fn end(&mut self) -> Result<()> {
        self.take_down()?;
        let (worker, _) = self.worker.take().context("there is no worker")?;
        worker.kill()
    }

    /// Takes down what it has come to, as if its life were over.
    pub(super) fn take_down(&mut self) -> Result<()> {
        let (worker, begun) = self.worker.as_ref().context("there is no worker")?;
        let (figures, ended) = (Figures::of(worker.program())?, clock::now());
        self.over.push(Life { begun: *begun, ended, figures });
        Ok(())
    }

    pub(super) fn figures(&self) -> Result<Figures> {
        let (worker, _) = self.worker.as_ref().context("there is no worker")?;
        Figures::of(worker.program())
    }

    pub(super) fn over(&self) -> &[Life] {
        &self.over
    }

    /// What each of them wrote.
    pub(super) fn logs(&self) -> impl Iterator<Item = PathBuf> {
        (0..self.over.len()).map(|life| self.log(life))
    }

    fn log(&self, life: usize) -> PathBuf {
        self.directory.join(format!("worker-{}.log", life + 1))
    }
}
