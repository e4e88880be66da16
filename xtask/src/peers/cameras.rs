use std::path::{Path, PathBuf};
use std::time::Duration;

use anyhow::Result;

use crate::process::{Background, Job};
use crate::project;

const START_LIMIT: Duration = Duration::from_secs(20);

/// A camera with RTSP that plays a file once to everybody who connects. Ends when dropped.
pub struct RtspServer(Camera);

/// The same with MJPEG.
pub struct MjpegServer(Camera);

struct Camera {
    /// Kept because dropping it ends it.
    _program: Background,
    url: String,
}

impl RtspServer {
    /// Starts it and waits until it says that it listens. Its log goes to `directory`.
    pub fn start(clip: &Path, directory: &Path) -> Result<Self> {
        Self::start_many_times(1, clip, directory)
    }

    /// The same, and the file is played so many times, one after the other.
    pub fn start_many_times(times: u32, clip: &Path, directory: &Path) -> Result<Self> {
        let options = ["--times", &times.to_string()];
        Camera::start("rtsp/serve.py", clip, &options, directory.join("rtsp.log")).map(Self)
    }

    pub fn url(&self) -> &str {
        &self.0.url
    }
}

impl MjpegServer {
    /// As [`RtspServer::start`].
    pub fn start(clip: &Path, directory: &Path) -> Result<Self> {
        Camera::start("mjpeg_server.py", clip, &[], directory.join("mjpeg.log")).map(Self)
    }

    /// The same, and the file begins again whenever it is over.
    pub fn start_endless(clip: &Path, directory: &Path) -> Result<Self> {
        let log = directory.join("mjpeg.log");
        Camera::start("mjpeg_server.py", clip, &["--endless"], log).map(Self)
    }

    pub fn url(&self) -> &str {
        &self.0.url
    }
}

impl Camera {
    fn start(script: &str, clip: &Path, options: &[&str], log: PathBuf) -> Result<Self> {
        let job = Job::new(project::peers_directory().join(script)).arg(clip);
        let mut program = job.args(options).start(log)?;
        let url = program.wait_for_line("listening on ", START_LIMIT)?;
        Ok(Self { _program: program, url })
    }
}
