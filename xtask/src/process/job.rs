use std::ffi::{OsStr, OsString};
use std::fs::File;
use std::path::{Path, PathBuf};
use std::process::{Child, Command, ExitStatus, Stdio};
use std::thread;
use std::time::{Duration, Instant};

use anyhow::{Context, Result, bail};
use nix::sys::signal::{Signal, kill};
use nix::unistd::Pid;

use super::background::Background;
use super::groups::Group;
use super::output::{Collectors, Output};
use super::text::last_lines;
use super::usage::{Meter, Usage};

const POLL_INTERVAL: Duration = Duration::from_millis(20);

/// A program that is about to be run.
pub struct Job {
    command: Command,
    output: Output,
    limit: Option<Duration>,
    interrupt_when: Option<Condition>,
}

/// Whether something has happened.
type Condition = Box<dyn FnMut() -> bool + Send>;

/// A program that has ended, or that was ended when its time was up.
pub struct Finished {
    pub what: String,
    /// `None` when it was killed for taking too long.
    pub status: Option<ExitStatus>,
    pub stdout: String,
    pub stderr: String,
    pub duration: Duration,
    /// How long it took until it had written the first of its output; `None` if there was none, or it was not collected.
    pub first_output: Option<Duration>,
    /// The same of the last.
    pub last_output: Option<Duration>,
    pub usage: Usage,
}

impl Job {
    pub fn new(program: impl AsRef<OsStr>) -> Self {
        let mut command = Command::new(program);
        command.stdin(Stdio::null());
        Self { command, output: Output::Inherit, limit: None, interrupt_when: None }
    }

    pub fn arg(mut self, arg: impl AsRef<OsStr>) -> Self {
        self.command.arg(arg);
        self
    }

    pub fn args(mut self, args: impl IntoIterator<Item = impl AsRef<OsStr>>) -> Self {
        self.command.args(args);
        self
    }

    pub fn env(mut self, name: impl AsRef<OsStr>, value: impl AsRef<OsStr>) -> Self {
        self.command.env(name, value);
        self
    }

    pub fn env_remove(mut self, name: impl AsRef<OsStr>) -> Self {
        self.command.env_remove(name);
        self
    }

    pub fn current_dir(mut self, directory: impl AsRef<Path>) -> Self {
        self.command.current_dir(directory);
        self
    }

    /// What becomes of what it writes. Default is [`Output::Inherit`].
    pub fn output(mut self, output: Output) -> Self {
        self.output = output;
        self
    }

    /// How long it may run before it is killed with everything it started. Default is for ever.
    pub fn limit(mut self, limit: Duration) -> Self {
        self.limit = Some(limit);
        self
    }

    /// Sends it a SIGINT as soon as this is so. Default is never.
    pub fn interrupt_when(mut self, is_so: impl FnMut() -> bool + Send + 'static) -> Self {
        self.interrupt_when = Some(Box::new(is_so));
        self
    }

    /// Runs to the end, or to the time limit. Only a program that cannot be started is an error.
    pub fn run(mut self) -> Result<Finished> {
        self.output.apply(&mut self.command);
        let what = self.to_string();
        let started = Instant::now();
        let (mut child, group) = self.spawn()?;
        let collectors = Collectors::attach(&mut child, self.output);
        let deadline = self.limit.map(|limit| started + limit);
        let (status, usage) = wait(&mut child, deadline, self.interrupt_when)?;
        let duration = started.elapsed();
        // Only now is it certain that nobody holds the pipes open any more.
        group.end(&mut child);
        let (stdout, stderr, output) = collectors.finish();
        let times = output.map(|times| [*times.start(), *times.end()]);
        let times = times.map(|times| times.map(|time| time.duration_since(started)));
        let (first_output, last_output) = times.map(|[first, last]| (first, last)).unzip();
        Ok(Finished { what, status, stdout, stderr, duration, first_output, last_output, usage })
    }

    /// Runs to the end, and takes every end but success for an error.
    pub fn run_successfully(self) -> Result<Finished> {
        let finished = self.run()?;
        finished.check()?;
        Ok(finished)
    }

    /// Starts it and returns. Both its outputs go to `log`, which is written anew.
    pub fn start(mut self, log: PathBuf) -> Result<Background> {
        let file = File::create(&log).with_context(|| format!("cannot write {}", log.display()))?;
        self.command.stdout(file.try_clone()?).stderr(file);
        let what = self.to_string();
        let (child, group) = self.spawn()?;
        Ok(Background::new(what, child, group, log))
    }

    fn spawn(&mut self) -> Result<(Child, Group)> {
        let what = self.to_string();
        Group::spawn(&mut self.command).with_context(|| format!("cannot start `{what}`"))
    }
}

/// The command line, shortened to its program's file name.
impl std::fmt::Display for Job {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        let program = Path::new(self.command.get_program());
        let name = program.file_name().unwrap_or(program.as_os_str());
        let words: Vec<_> = std::iter::once(name)
            .chain(self.command.get_args())
            .map(|word| OsString::from(word).to_string_lossy().into_owned())
            .collect();
        f.write_str(&words.join(" "))
    }
}

impl Finished {
    pub fn succeeded(&self) -> bool {
        self.status.is_some_and(|status| status.success())
    }

    /// `exit status 2`, `signal 9`, `time limit after 120 s`.
    pub fn ending(&self) -> String {
        match self.status {
            Some(status) => status.to_string(),
            None => format!("time limit after {:.0} s", self.duration.as_secs_f64()),
        }
    }

    pub fn check(&self) -> Result<()> {
        if self.succeeded() {
            return Ok(());
        }
        match self.last_words() {
            "" => bail!("`{}` ended with {}", self.what, self.ending()),
            words => bail!("`{}` ended with {}: {words}", self.what, self.ending()),
        }
    }

    /// The last lines of what it wrote, where programs say what went wrong. Empty if it was not collected.
    pub fn last_words(&self) -> &str {
        let text = if self.stderr.trim().is_empty() { &self.stdout } else { &self.stderr };
        last_lines(text, 5)
    }
}

fn wait(
    child: &mut Child,
    deadline: Option<Instant>,
    mut interrupt_when: Option<Condition>,
) -> Result<(Option<ExitStatus>, Usage)> {
    let mut meter = Meter::new(child.id());
    loop {
        if interrupt_when.as_mut().is_some_and(|is_so| is_so()) {
            interrupt(child)?;
            interrupt_when = None;
        }
        // The figures of an ended program can be read until it is waited for: read first, then wait.
        if meter.read_and_see_the_end()
            && let Some(status) = child.try_wait()?
        {
            return Ok((Some(status), meter.usage()));
        }
        if deadline.is_some_and(|deadline| Instant::now() > deadline) {
            return Ok((None, meter.usage()));
        }
        thread::sleep(POLL_INTERVAL);
    }
}

fn interrupt(child: &Child) -> Result<()> {
    kill(Pid::from_raw(child.id().cast_signed()), Signal::SIGINT).context("cannot interrupt it")
}

#[cfg(test)]
mod tests {
    use super::*;

    fn shell(script: &str) -> Job {
        Job::new("sh").args(["-c", script]).output(Output::Capture)
    }

    #[test]
    fn both_outputs_and_the_status_come_back() {
        let finished = shell("echo out; echo err >&2; exit 3").run().unwrap();
        assert_eq!((finished.stdout.as_str(), finished.stderr.as_str()), ("out\n", "err\n"));
        assert_eq!(finished.status.unwrap().code(), Some(3));
        assert!(finished.check().unwrap_err().to_string().ends_with(": err"));
    }

    #[test]
    fn a_time_limit_ends_what_the_program_started_too() {
        let started = Instant::now();
        let finished = shell("sleep 60 & echo $!; wait").limit(Duration::from_millis(300)).run();
        let finished = finished.unwrap();
        assert!(finished.status.is_none() && started.elapsed() < Duration::from_secs(30));
        let grandchild = nix::unistd::Pid::from_raw(finished.stdout.trim().parse().unwrap());
        eventually(|| !is_alive(grandchild));
    }

    #[test]
    fn a_program_is_interrupted_as_soon_as_something_is_so() {
        let name = format!("xtask-interrupted-{}", std::process::id());
        let is_ready = std::env::temp_dir().join(name);
        let script = "trap 'exit 7' INT; : > $READY; while :; do sleep 0.02; done";
        let job = shell(script).env("READY", &is_ready).limit(Duration::from_secs(30));
        let seen = is_ready.clone();
        let finished = job.interrupt_when(move || seen.exists()).run().unwrap();
        std::fs::remove_file(is_ready).unwrap();
        assert_eq!(finished.status.and_then(|status| status.code()), Some(7));
    }

    #[test]
    fn a_survivor_that_holds_the_pipes_does_not_hold_the_caller() {
        let started = Instant::now();
        let finished = shell("sleep 60 & echo done").limit(Duration::from_secs(20)).run().unwrap();
        assert!(finished.succeeded() && finished.stdout == "done\n");
        assert!(started.elapsed() < Duration::from_secs(20));
    }

    #[test]
    #[cfg(target_os = "linux")]
    fn the_cost_of_a_program_is_measured() {
        let busy = "i=0; while [ $i -lt 200000 ]; do i=$((i+1)); done";
        let usage = shell(busy).run().unwrap().usage;
        assert!(usage.cpu_s.unwrap() > 0.02, "{usage:?}");
        assert!(usage.peak_rss_mb.unwrap() > 0.5, "{usage:?}");
    }

    #[test]
    fn a_missing_program_is_named() {
        let error = Job::new("no-such-program-anywhere").arg("x").run().err().unwrap();
        assert!(error.to_string().contains("`no-such-program-anywhere x`"));
    }

    fn is_alive(pid: nix::unistd::Pid) -> bool {
        let stat = std::fs::read_to_string(format!("/proc/{pid}/stat")).unwrap_or_default();
        let zombie = stat.contains(") Z ");
        nix::sys::signal::kill(pid, None).is_ok() && !zombie
    }

    fn eventually(condition: impl Fn() -> bool) {
        let deadline = Instant::now() + Duration::from_secs(10);
        while !condition() {
            assert!(Instant::now() < deadline, "it did not happen");
            thread::sleep(POLL_INTERVAL);
        }
    }
}
