use std::io::{self, Read, Write};
use std::ops::RangeInclusive;
use std::process::{Child, Command, Stdio};
use std::sync::{Arc, Mutex, PoisonError};
use std::thread::{self, JoinHandle};
use std::time::Instant;

/// What becomes of what a program writes.
#[derive(Clone, Copy, PartialEq, Eq)]
pub enum Output {
    /// It goes where ours goes.
    Inherit,
    /// It is collected and not shown.
    Capture,
    /// It goes where ours goes, and is collected.
    Tee,
}

impl Output {
    pub(super) fn apply(self, command: &mut Command) {
        if self != Self::Inherit {
            command.stdout(Stdio::piped()).stderr(Stdio::piped());
        }
    }
}

/// The threads that empty a program's pipes.
pub(super) struct Collectors {
    stdout: Option<JoinHandle<Vec<u8>>>,
    stderr: Option<JoinHandle<Vec<u8>>>,
    output: OutputTimes,
}

/// When the first and the last of a program's output came; `None` before anything has.
type OutputTimes = Arc<Mutex<Option<RangeInclusive<Instant>>>>;

impl Collectors {
    pub(super) fn attach(child: &mut Child, output: Output) -> Self {
        let show = output == Output::Tee;
        let output = OutputTimes::default();
        let seen = Arc::clone(&output);
        let stdout = child.stdout.take();
        let stdout = stdout.map(|pipe| collect(pipe, show.then(io::stdout), Some(seen)));
        let stderr = child.stderr.take();
        let stderr = stderr.map(|pipe| collect(pipe, show.then(io::stderr), None));
        Self { stdout, stderr, output }
    }

    /// Waits until both pipes are closed. Gives what came on each, and when it came on the first of them.
    pub(super) fn finish(self) -> (String, String, Option<RangeInclusive<Instant>>) {
        let text = |thread: Option<JoinHandle<Vec<u8>>>| {
            let bytes = thread.map(|thread| thread.join().unwrap_or_default()).unwrap_or_default();
            String::from_utf8_lossy(&bytes).into_owned()
        };
        let (stdout, stderr) = (text(self.stdout), text(self.stderr));
        let output = self.output.lock().unwrap_or_else(PoisonError::into_inner).take();
        (stdout, stderr, output)
    }
}

fn collect(
    mut pipe: impl Read + Send + 'static,
    mut echo: Option<impl Write + Send + 'static>,
    times: Option<OutputTimes>,
) -> JoinHandle<Vec<u8>> {
    thread::spawn(move || {
        let mut collected = Vec::new();
        let mut piece = [0; 8192];
        while let Ok(length @ 1..) = pipe.read(&mut piece) {
            if let Some(times) = &times {
                let now = Instant::now();
                let mut times = times.lock().unwrap_or_else(PoisonError::into_inner);
                let first = times.take().map_or(now, |times| *times.start());
                *times = Some(first..=now);
            }
            collected.extend_from_slice(&piece[..length]);
            if let Some(echo) = &mut echo {
                // Nobody may be reading ours any more; the program's output is still wanted.
                let _ = echo.write_all(&piece[..length]).and_then(|()| echo.flush());
            }
        }
        collected
    })
}
