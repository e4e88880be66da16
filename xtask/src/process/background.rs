use std::fs;
use std::path::{Path, PathBuf};
use std::process::{Child, ExitStatus};
use std::thread;
use std::time::{Duration, Instant};

use anyhow::{Context, Result, bail};
use nix::sys::signal::{Signal, kill};
use nix::unistd::Pid;

use super::groups::Group;
use super::text::last_lines;
use super::usage::{Meter, Usage};

const POLL_INTERVAL: Duration = Duration::from_millis(50);

/// A program that runs beside us. Dropping it ends it and everything it started.
pub struct Background {
    what: String,
    child: Child,
    group: Group,
    log: PathBuf,
}

impl Background {
    pub(super) fn new(what: String, child: Child, group: Group, log: PathBuf) -> Self {
        Self { what, child, group, log }
    }

    pub fn pid(&self) -> u32 {
        self.child.id()
    }

    pub fn log(&self) -> &Path {
        &self.log
    }

    /// What it has cost so far. All `None` where this cannot be measured.
    pub fn usage(&self) -> Usage {
        let mut meter = Meter::new(self.child.id());
        meter.read_and_see_the_end();
        meter.usage()
    }

    /// Polls until `ready` gives a value. An early end of the program and the limit are errors.
    pub fn wait_until<T>(
        &mut self,
        limit: Duration,
        mut ready: impl FnMut() -> Option<T>,
    ) -> Result<T> {
        let deadline = Instant::now() + limit;
        loop {
            if let Some(value) = ready() {
                return Ok(value);
            }
            if let Some(status) = self.child.try_wait()? {
                bail!("`{}` ended with {status} before it was ready{}", self.what, self.words());
            }
            if Instant::now() > deadline {
                bail!("`{}` was not ready within {limit:?}{}", self.what, self.words());
            }
            thread::sleep(POLL_INTERVAL);
        }
    }

    /// Waits for the first whole line in its log that begins with `prefix`; returns what follows.
    pub fn wait_for_line(&mut self, prefix: &str, limit: Duration) -> Result<String> {
        let log = self.log.clone();
        self.wait_until(limit, || rest_of_line(&fs::read_to_string(&log).ok()?, prefix))
    }

    /// Ends it at once, with SIGKILL.
    pub fn kill(self) -> Result<()> {
        self.signal(Signal::SIGKILL)
    }

    pub fn signal(&self, signal: Signal) -> Result<()> {
        let pid = Pid::from_raw(self.child.id().cast_signed());
        kill(pid, signal).with_context(|| format!("cannot send {signal} to `{}`", self.what))
    }

    /// How it ended, if it has.
    pub fn ending(&mut self) -> Result<Option<ExitStatus>> {
        Ok(self.child.try_wait()?)
    }

    /// Whether a whole line in its log begins with `prefix`.
    pub fn has_said(&self, prefix: &str) -> bool {
        let log = fs::read(&self.log).unwrap_or_default();
        rest_of_line(&String::from_utf8_lossy(&log), prefix).is_some()
    }

    fn words(&self) -> String {
        let text = fs::read(&self.log).unwrap_or_default();
        let text = String::from_utf8_lossy(&text);
        match last_lines(&text, 5) {
            "" => String::new(),
            words => format!(": {words}"),
        }
    }
}

impl Drop for Background {
    fn drop(&mut self) {
        self.group.end_gently(&mut self.child);
    }
}

fn rest_of_line(text: &str, prefix: &str) -> Option<String> {
    let whole_lines = text.split_inclusive('\n').filter_map(|line| line.strip_suffix('\n'));
    whole_lines.filter_map(|line| line.strip_prefix(prefix)).map(String::from).next()
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::process::Job;

    fn shell(name: &str, script: &str) -> Background {
        let log = std::env::temp_dir().join(format!("xtask-{name}-{}.log", std::process::id()));
        Job::new("sh").args(["-c", script]).start(log).unwrap()
    }

    #[test]
    fn a_program_is_ready_when_it_says_so() {
        let mut program = shell("ready", "echo starting; echo listening on here; exec sleep 60");
        let rest = program.wait_for_line("listening on ", Duration::from_secs(10)).unwrap();
        assert_eq!(rest, "here");
    }

    #[test]
    fn a_program_that_ends_too_early_is_reported_with_its_last_words() {
        let mut program = shell("early", "echo no port left >&2; exit 4");
        let error = program.wait_for_line("listening", Duration::from_secs(10)).unwrap_err();
        assert!(error.to_string().contains("exit status: 4"), "{error}");
        assert!(error.to_string().ends_with("no port left"), "{error}");
    }

    #[test]
    fn dropping_a_program_ends_it() {
        let program = shell("drop", "exec sleep 60");
        let pid = nix::unistd::Pid::from_raw(program.pid().cast_signed());
        drop(program);
        assert!(nix::sys::signal::kill(pid, None).is_err());
    }

    #[test]
    fn half_a_line_is_not_a_line() {
        assert_eq!(rest_of_line("listening on http://127.", "listening on "), None);
        assert_eq!(rest_of_line("a\nlistening on b\n", "listening on ").as_deref(), Some("b"));
    }
}
