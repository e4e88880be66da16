#![allow(dead_code, reason = "each test program uses a part")]

use std::io::{BufRead, BufReader};
use std::path::{Path, PathBuf};
use std::process::{Child, Command, Stdio};
use std::time::{Duration, Instant};

use serde_json::Value;

/// A clip of the test data.
pub(crate) fn clip(name: &str) -> PathBuf {
    PathBuf::from(env!("CARGO_MANIFEST_DIR")).join("../../tests/data/video").join(name)
}

/// The program under test.
pub(crate) fn streamsdk() -> Command {
    let mut command = Command::new(env!("CARGO_BIN_EXE_streamsdk"));
    command.env_remove("ROBOFLOW_API_KEY");
    command
}

/// A worker in a process of its own, killed when dropped.
pub(crate) struct WorkerProcess {
    child: Child,
    pub(crate) url: String,
}

impl WorkerProcess {
    pub(crate) fn start() -> Self {
        Self::start_with(&[])
    }

    pub(crate) fn start_with(options: &[&str]) -> Self {
        Self::start_in(&std::env::temp_dir(), options)
    }

    /// With a folder of its own for temporary files.
    pub(crate) fn start_in(temporary: &Path, options: &[&str]) -> Self {
        let mut command = streamsdk();
        command.env("TMPDIR", temporary).args(["worker", "--listen", "127.0.0.1:0"]).args(options);
        Self::spawn(command)
    }

    /// With so many descriptors, and no more.
    pub(crate) fn start_with_descriptors(count: u32) -> Self {
        let mut command = Command::new("sh");
        command.args(["-c", &format!("ulimit -n {count}; exec \"$@\""), "sh"]);
        command.arg(env!("CARGO_BIN_EXE_streamsdk")).args(["worker", "--listen", "127.0.0.1:0"]);
        Self::spawn(command)
    }

    /// At an address that is free.
    pub(crate) fn start_at(address: &str) -> Self {
        let mut command = streamsdk();
        command.args(["worker", "--listen", address]);
        Self::spawn(command)
    }

    fn spawn(mut command: Command) -> Self {
        let mut child = command.stdout(Stdio::piped()).spawn().unwrap();
        let mut line = String::new();
        BufReader::new(child.stdout.take().unwrap()).read_line(&mut line).unwrap();
        let url = line.trim().strip_prefix("listening on ").unwrap().to_owned();
        Self { child, url }
    }

    pub(crate) fn process(&mut self) -> &mut Child {
        &mut self.child
    }

    /// SIGKILL: no final message of any kind.
    pub(crate) fn kill(&mut self) {
        self.child.kill().unwrap();
        self.child.wait().unwrap();
    }
}

impl Drop for WorkerProcess {
    fn drop(&mut self) {
        // It may be dead already, which is what is wanted.
        let _ = self.child.kill();
        let _ = self.child.wait();
    }
}

/// Sends a signal to a process.
#[cfg(unix)]
pub(crate) fn signal(child: &Child, signal: nix::sys::signal::Signal) {
    let id = nix::unistd::Pid::from_raw(child.id().try_into().unwrap());
    nix::sys::signal::kill(id, signal).unwrap();
}

/// What a command printed to standard error, and its exit code.
pub(crate) fn errors_of(command: &mut Command) -> (i32, String) {
    let output = command.output().unwrap();
    (output.status.code().unwrap(), String::from_utf8(output.stderr).unwrap())
}

/// Names of the files in a folder, sorted.
pub(crate) fn names_in(folder: &Path) -> Vec<String> {
    let entries = std::fs::read_dir(folder).unwrap();
    let mut names: Vec<String> =
        entries.map(|entry| entry.unwrap().file_name().into_string().unwrap()).collect();
    names.sort();
    names
}

/// Waits for a process, and fails the test when it takes too long.
pub(crate) fn exit_code(child: &mut Child, limit: Duration) -> i32 {
    let start = Instant::now();
    loop {
        if let Some(status) = child.try_wait().unwrap() {
            return status.code().unwrap();
        }
        assert!(start.elapsed() < limit, "the program did not end within {limit:?}");
        std::thread::sleep(Duration::from_millis(20));
    }
}

/// Waits until `file` has some bytes.
pub(crate) fn wait_for_bytes(file: &Path, limit: Duration) {
    let start = Instant::now();
    while std::fs::metadata(file).map_or(0, |metadata| metadata.len()) == 0 {
        assert!(start.elapsed() < limit, "{} stayed empty", file.display());
        std::thread::sleep(Duration::from_millis(20));
    }
}

pub(crate) fn json(path: &Path) -> Value {
    serde_json::from_slice(&std::fs::read(path).unwrap()).unwrap()
}
