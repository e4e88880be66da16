use std::io::{self, Read, Write};
use std::process::{Child, Command, Stdio};
use std::thread::{self, JoinHandle};

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
}

impl Collectors {
    pub(super) fn attach(child: &mut Child, output: Output) -> Self {
        let show = output == Output::Tee;
        Self {
            stdout: child.stdout.take().map(|pipe| collect(pipe, show.then(io::stdout))),
            stderr: child.stderr.take().map(|pipe| collect(pipe, show.then(io::stderr))),
        }
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
) -> JoinHandle<Vec<u8>> {
    thread::spawn(move || {
        let mut collected = Vec::new();
        let mut piece = [0; 8192];
        while let Ok(length @ 1..) = pipe.read(&mut piece) {
            collected.extend_from_slice(&piece[..length]);
            if let Some(echo) = &mut echo {
                // Nobody may be reading ours any more; the program's output is still wanted.
                let _ = echo.write_all(&piece[..length]).and_then(|()| echo.flush());
            }
        }
        collected
    })
}
