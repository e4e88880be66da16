//! The process groups that are running now. They end with this program, however it ends.

use std::collections::BTreeSet;
use std::env;
use std::io;
use std::os::unix::process::CommandExt;
use std::process::{self, Child, Command};
use std::sync::{Mutex, MutexGuard, PoisonError};
use std::thread;
use std::time::{Duration, Instant};

use anyhow::Context;
use nix::sys::signal::{Signal, killpg};
use nix::unistd::Pid;

/// Set for an xtask that was started by an xtask. It has to be done before the outer one gives up.
pub const NESTED: &str = "XTASK_NESTED";

/// How long a group has between the request to end and the end.
const GRACE: Duration = Duration::from_secs(5);
const GRACE_WHEN_NESTED: Duration = Duration::from_secs(2);
const POLL_INTERVAL: Duration = Duration::from_millis(20);
const EXIT_STATUS_OF_AN_INTERRUPT: i32 = 130;

static RUNNING: Mutex<Running> = Mutex::new(Running { groups: BTreeSet::new(), closed: false });

struct Running {
    groups: BTreeSet<i32>,
    closed: bool,
}

/// Ctrl-C, SIGTERM and SIGHUP end everything that was started, and then this program.
pub fn end_started_processes_on_signals() -> anyhow::Result<()> {
    let handler = || {
        end_all();
        process::exit(EXIT_STATUS_OF_AN_INTERRUPT);
    };
    ctrlc::set_handler(handler).context("cannot listen for Ctrl-C")
}

/// Ends every group. Nothing can be started afterwards.
pub fn end_all() {
    let groups = {
        let mut running = running();
        running.closed = true;
        std::mem::take(&mut running.groups)
    };
    for &group in &groups {
        signal(group, Signal::SIGTERM);
    }
    let deadline = Instant::now() + grace();
    while groups.iter().any(|&group| exists(group)) && Instant::now() < deadline {
        thread::sleep(POLL_INTERVAL);
    }
    for &group in &groups {
        signal(group, Signal::SIGKILL);
    }
}

/// One program and everything it started.
pub(super) struct Group(i32);

impl Group {
    pub(super) fn spawn(command: &mut Command) -> io::Result<(Child, Self)> {
        // Held while it starts, so that `end_all` can miss none.
        let mut running = running();
        if running.closed {
            return Err(io::Error::other("interrupted"));
        }
        let child = command.process_group(0).spawn()?;
        let group = Self(child.id().cast_signed());
        running.groups.insert(group.0);
        Ok((child, group))
    }

    /// Kills what is left of the group at once.
    pub(super) fn end(self, child: &mut Child) {
        signal(self.0, Signal::SIGKILL);
        self.reap(child);
    }

    /// Asks the group to end, and kills what has not ended in time.
    pub(super) fn end_gently(&self, child: &mut Child) {
        signal(self.0, Signal::SIGTERM);
        let deadline = Instant::now() + grace();
        while Instant::now() < deadline && matches!(child.try_wait(), Ok(None)) {
            thread::sleep(POLL_INTERVAL);
        }
        signal(self.0, Signal::SIGKILL);
        self.reap(child);
    }

    fn reap(&self, child: &mut Child) {
        // It was killed: waiting can only fail because it was waited for before.
        let _ = child.wait();
        running().groups.remove(&self.0);
    }
}

fn grace() -> Duration {
    if env::var_os(NESTED).is_some() { GRACE_WHEN_NESTED } else { GRACE }
}

fn running() -> MutexGuard<'static, Running> {
    RUNNING.lock().unwrap_or_else(PoisonError::into_inner)
}

fn signal(group: i32, signal: Signal) {
    // The group may be gone already, which is what was wanted.
    let _ = killpg(Pid::from_raw(group), signal);
}

fn exists(group: i32) -> bool {
    killpg(Pid::from_raw(group), None).is_ok()
}
