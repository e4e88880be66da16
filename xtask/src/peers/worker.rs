use std::ffi::OsStr;
use std::path::{Path, PathBuf};
use std::time::Duration;

use anyhow::Result;

use super::{API_KEY, free_port};
use crate::process::{Background, Job};

const START_LIMIT: Duration = Duration::from_secs(20);

/// Our own worker, in a process of its own. Ends when dropped.
pub struct Worker {
    program: Background,
    url: String,
}

impl Worker {
    /// Starts it and waits until it says that it listens. Its log goes to `directory`.
    pub fn start(cli: &Path, directory: &Path) -> Result<Self> {
        Self::start_at(cli, free_port()?, &[], directory.join("worker.log"))
    }

    /// The same at this port, with options of its own.
    pub fn start_at(cli: &Path, port: u16, options: &[&OsStr], log: PathBuf) -> Result<Self> {
        let address = format!("127.0.0.1:{port}");
        let mut program =
            Job::new(cli).args(["worker", "--listen", &address]).args(options).start(log)?;
        let url = program.wait_for_line("listening on ", START_LIMIT)?;
        Ok(Self { program, url })
    }

    pub fn url(&self) -> &str {
        &self.url
    }

    pub fn program(&self) -> &Background {
        &self.program
    }

    /// Ends it without giving it the time to say so to anybody.
    pub fn kill(self) -> Result<()> {
        self.program.kill()
    }

    /// Whether the clients' key got into what it wrote.
    pub fn told_the_key(&self) -> bool {
        let log = std::fs::read(self.program.log()).unwrap_or_default();
        String::from_utf8_lossy(&log).contains(API_KEY)
    }
}
