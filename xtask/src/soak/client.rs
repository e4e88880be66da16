//! The client, and how it ends.

use std::fs;
use std::path::{Path, PathBuf};
use std::process::ExitStatus;
use std::thread;
use std::time::{Duration, Instant};

use anyhow::{Context, Result, bail};
use nix::sys::signal::Signal;

use super::figures::Figures;
use super::state::{self, State};
use crate::process::{Background, Job};

const START_LIMIT: Duration = Duration::from_secs(20);
/// It takes 10 s at most by itself, if nothing else is said. This is for seeing how much later it is.
const END_LIMIT: Duration = Duration::from_secs(60);
const POLL_INTERVAL: Duration = Duration::from_millis(50);

pub(super) struct Client {
    program: Background,
    admin_port: u16,
}

/// How it ended after it was told to.
pub(super) struct End {
    /// `None` where it did not.
    pub(super) status: Option<ExitStatus>,
    pub(super) took: Duration,
    /// All that it wrote.
    pub(super) log: String,
}

impl Client {
    pub(super) fn start(
        program: &Path,
        config: &Path,
        admin_port: u16,
        log: PathBuf,
    ) -> Result<Self> {
        let mut program = Job::new(program).args(["run", "--config"]).arg(config).start(log)?;
        program.wait_for_line("admin address: ", START_LIMIT)?;
        Ok(Self { program, admin_port })
    }

    pub(super) fn figures(&self) -> Result<Figures> {
        Figures::of(&self.program)
    }

    pub(super) fn state(&mut self) -> Result<State> {
        if let Some(status) = self.program.ending()? {
            bail!("the client has ended by itself with {status}: {}", self.program.log().display());
        }
        state::ask(self.admin_port)
    }

    /// Returns when it is so of its streams.
    pub(super) fn wait_until(
        &mut self,
        limit: Duration,
        is_so: impl Fn(&State) -> bool,
    ) -> Result<()> {
        let port = self.admin_port;
        let ready = || state::ask(port).is_ok_and(|state| is_so(&state)).then_some(());
        self.program.wait_until(limit, ready)
    }

    /// Tells it to end, and waits for that.
    pub(super) fn end(mut self) -> Result<End> {
        let started = Instant::now();
        self.program.signal(Signal::SIGTERM)?;
        let mut status = self.program.ending()?;
        while status.is_none() && started.elapsed() < END_LIMIT {
            thread::sleep(POLL_INTERVAL);
            status = self.program.ending()?;
        }
        let took = started.elapsed();
        let log = fs::read(self.program.log()).context("the client's log cannot be read")?;
        Ok(End { status, took, log: String::from_utf8_lossy(&log).into_owned() })
    }
}
