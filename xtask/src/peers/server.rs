use std::fs;
use std::path::Path;
use std::time::{Duration, Instant};

use anyhow::{Result, bail};

use super::{Peers, free_port, http};
use crate::process::{Background, Job};
use crate::project;

/// It imports for about ten seconds on an idle machine.
const START_LIMIT: Duration = Duration::from_secs(120);
/// How long a session's process may live on after the client is gone.
const SESSION_END_LIMIT: Duration = Duration::from_secs(45);
const POLL_INTERVAL: Duration = Duration::from_millis(100);

/// The real Roboflow inference server, offline. Ends when dropped.
pub struct InferenceServer {
    program: Background,
    port: u16,
}

impl InferenceServer {
    /// Starts it and waits until it answers. Its log and its files go to `directory`.
    pub fn start(peers: &Peers, directory: &Path) -> Result<Self> {
        let port = free_port()?;
        let mut program = Job::new(project::peers_directory().join("serve.sh"))
            .arg(peers.prefix())
            .arg(port.to_string())
            .env("STREAMSDK_SERVER_STATE", directory.join("server-state"))
            .start(directory.join("server.log"))?;
        program.wait_until(START_LIMIT, || http::answers(port, "/info").then_some(()))?;
        Ok(Self { program, port })
    }

    pub fn url(&self) -> String {
        format!("http://127.0.0.1:{}", self.port)
    }

    /// Waits until the process that it starts for each session has ended for all of them.
    pub fn wait_until_idle(&self) -> Result<()> {
        let deadline = Instant::now() + SESSION_END_LIMIT;
        loop {
            let sessions = self.session_processes().count();
            if sessions == 0 {
                return Ok(());
            }
            if Instant::now() > deadline {
                bail!(
                    "{sessions} of its session processes did not end within {SESSION_END_LIMIT:?}"
                );
            }
            std::thread::sleep(POLL_INTERVAL);
        }
    }

    fn session_processes(&self) -> impl Iterator<Item = u32> {
        let parent = self.program.pid();
        let processes = fs::read_dir("/proc").into_iter().flatten().flatten();
        let pids = processes.filter_map(|entry| entry.file_name().to_str()?.parse().ok());
        pids.filter(move |&pid| is_session(pid, parent))
    }
}

/// The server starts sessions through Python's multiprocessing, which shows in the command line.
fn is_session(pid: u32, parent: u32) -> bool {
    let file = |name: &str| fs::read_to_string(format!("/proc/{pid}/{name}")).unwrap_or_default();
    let status = file("status");
    let parent_line = status.lines().find_map(|line| line.strip_prefix("PPid:"));
    parent_line.is_some_and(|line| line.trim() == parent.to_string())
        && file("cmdline").contains("spawn_main")
}
