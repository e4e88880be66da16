use std::path::Path;
use std::time::Duration;

use anyhow::Result;

use crate::process::{Background, Job};
use crate::project;

const START_LIMIT: Duration = Duration::from_secs(20);

/// A camera that plays a file once to everybody who connects. Ends when dropped.
pub struct RtspServer {
    /// Kept because dropping it ends it.
    _program: Background,
    url: String,
}

impl RtspServer {
    /// Starts it and waits until it says that it listens. Its log goes to `directory`.
    pub fn start(clip: &Path, directory: &Path) -> Result<Self> {
        let mut program = Job::new(project::peers_directory().join("rtsp/serve.py"))
            .arg(clip)
            .start(directory.join("rtsp.log"))?;
        let url = program.wait_for_line("listening on ", START_LIMIT)?;
        Ok(Self { _program: program, url })
    }

    pub fn url(&self) -> &str {
        &self.url
    }
}
