//! What a process holds and has used, from `/proc`.

use std::fs;

use anyhow::{Context, Result};

use crate::process::Background;

#[derive(Clone, Copy, Debug, Default, PartialEq)]
pub(super) struct Figures {
    /// Resident.
    pub(super) memory_mb: f64,
    pub(super) threads: f64,
    pub(super) descriptors: f64,
    /// Since it began.
    pub(super) cpu_s: f64,
}

impl Figures {
    pub(super) fn of(program: &Background) -> Result<Self> {
        let pid = program.pid();
        let status = fs::read_to_string(format!("/proc/{pid}/status"))
            .with_context(|| format!("process {pid} is gone"))?;
        let number = |name| {
            number(&status, name).with_context(|| format!("/proc/{pid}/status has no {name}"))
        };
        Ok(Self {
            memory_mb: number("VmRSS")? / 1024.0,
            threads: number("Threads")?,
            descriptors: fs::read_dir(format!("/proc/{pid}/fd"))?.count() as f64,
            cpu_s: program.usage().cpu_s.context("there is no CPU time")?,
        })
    }
}

/// The first number behind a name in `/proc/PID/status`.
fn number(status: &str, name: &str) -> Option<f64> {
    let rest = status.lines().find_map(|line| line.strip_prefix(name)?.strip_prefix(':'))?;
    rest.split_ascii_whitespace().next()?.parse().ok()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn numbers_are_found_by_their_names() {
        let status = "Name:\tx\nVmRSS:\t  2048 kB\nThreads:\t7\n";
        assert_eq!(number(status, "VmRSS"), Some(2048.0));
        assert_eq!(number(status, "Threads"), Some(7.0));
        assert_eq!(number(status, "Thread"), None);
    }
}
