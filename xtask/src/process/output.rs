use std::io::{self, Read, Write};
use std::process::{Child, Command, Stdio};
use std::sync::{Arc, OnceLock};
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
    first_output: Arc<OnceLock<Instant>>,
}

impl Collectors {
    pub(super) fn attach(child: &mut Child, output: Output) -> Self {
        let show = output == Output::Tee;
        let first_output = Arc::<OnceLock<Instant>>::default();
        let seen = Arc::clone(&first_output);
        let stdout = child.stdout.take();
        let stdout = stdout.map(|pipe| collect(pipe, show.then(io::stdout), Some(seen)));
        let stderr = child.stderr.take();
        let stderr = stderr.map(|pipe| collect(pipe, show.then(io::stderr), None));
        Self { stdout, stderr, first_output }
    }

    /// When the first of its output came.
    pub(super) fn first_output(&self) -> Arc<OnceLock<Instant>> {
        Arc::clone(&self.first_output)
    }

    /// Waits until both pipes are closed.
    pub(super) fn finish(self) -> (String, String) {
        let text = |thread: Option<JoinHandle<Vec<u8>>>| {
            let bytes = thread.map(|thread| thread.join().unwrap_or_default()).unwrap_or_default();
            String::from_utf8_lossy(&bytes).into_owned()
        };
        (text(self.stdout), text(self.stderr))
    }
}

fn collect(
    mut pipe: impl Read + Send + 'static,
    mut echo: Option<impl Write + Send + 'static>,
    first: Option<Arc<OnceLock<Instant>>>,
) -> JoinHandle<Vec<u8>> {
    thread::spawn(move || {
        let mut collected = Vec::new();
        let mut piece = [0; 8192];
        while let Ok(length @ 1..) = pipe.read(&mut piece) {
            if let Some(first) = &first {
                first.get_or_init(Instant::now);
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
