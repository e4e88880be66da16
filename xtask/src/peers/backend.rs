use std::net::TcpStream;
use std::path::Path;
use std::time::Duration;

use anyhow::Result;

use super::{API_KEY, free_port};
use crate::process::{Background, Job};
use crate::project;

const START_LIMIT: Duration = Duration::from_secs(20);

/// A backend that alone has the key, between a client and a server. Ends when dropped.
pub struct Backend {
    /// Kept because dropping it ends it.
    _program: Background,
    url: String,
}

impl Backend {
    /// One that asks `server` by the functions of the real JavaScript SDK. Its log goes to `directory`.
    pub fn in_javascript(server: &str, directory: &Path) -> Result<Self> {
        let port = free_port()?;
        let job = Job::new("node").arg(project::peers_directory().join("js/backend.js")).args([
            "--server",
            server,
            "--api-key",
            API_KEY,
            "--port",
            &port.to_string(),
        ]);
        Self::start(job, port, directory)
    }

    /// Our own: `program` is that of `examples/backend`.
    pub fn ours(program: &Path, server: &str, directory: &Path) -> Result<Self> {
        let port = free_port()?;
        let address = format!("127.0.0.1:{port}");
        let job = Job::new(program).args([server, &address]).env("ROBOFLOW_API_KEY", API_KEY);
        Self::start(job, port, directory)
    }

    fn start(job: Job, port: u16, directory: &Path) -> Result<Self> {
        let mut program = job.start(directory.join("backend.log"))?;
        program.wait_until(START_LIMIT, || TcpStream::connect(("127.0.0.1", port)).ok())?;
        Ok(Self { _program: program, url: format!("http://127.0.0.1:{port}/api/init-webrtc") })
    }

    /// Where offers go.
    pub fn url(&self) -> &str {
        &self.url
    }
}
