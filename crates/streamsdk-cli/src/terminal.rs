//! Where words go. Standard output has results and nothing else; it may be closed or full, which is a
//! failure like others. Standard error has what is for people, and nobody is told when it cannot be had.

use std::fmt::Display;
use std::io::{IsTerminal, Write};

use clap::ColorChoice;

use crate::failure::Failure;

/// Writes a line to standard output.
pub(crate) fn print(line: impl Display) -> Result<(), Failure> {
    write(format!("{line}\n").as_bytes())
}

/// Writes to standard output.
pub(crate) fn write(bytes: &[u8]) -> Result<(), Failure> {
    let mut out = std::io::stdout().lock();
    out.write_all(bytes)
        .and_then(|()| out.flush())
        .map_err(|error| Failure::writing("standard output cannot be written", error))
}

/// Writes a line to standard error.
pub(crate) fn say(line: impl Display) {
    // There is nowhere left to say that this failed.
    let _ = std::io::stderr().lock().write_all(format!("{line}\n").as_bytes());
}

/// Says why the program ends early.
pub(crate) fn report(failure: &Failure, colored: bool) {
    failure.text(colored).iter().for_each(say);
}

/// Whether what goes to standard error has colours.
pub(crate) fn colors_stderr(choice: ColorChoice) -> bool {
    let is_wished = || std::env::var_os("NO_COLOR").is_none_or(|value| value.is_empty());
    match choice {
        ColorChoice::Always => true,
        ColorChoice::Never => false,
        ColorChoice::Auto => is_wished() && std::io::stderr().is_terminal(),
    }
}
