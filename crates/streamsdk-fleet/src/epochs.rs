//! Numbers for the sessions of streams that rise for ever, whoever runs them.

use std::io;
use std::path::{Path, PathBuf};
use std::sync::{Mutex, PoisonError};
use std::time::{SystemTime, UNIX_EPOCH};

/// Gives each session of a stream an epoch, behind those of all sessions before it.
///
/// An epoch is the time in milliseconds since 1970, or the one after the last if that is not past it: so it rises over restarts of
/// the program, and where a clock is put back. With a file that holds the last one it also rises where the clock is put back
/// while nothing runs.
#[derive(Debug, Default)]
pub(crate) struct Epochs {
    last: Mutex<u64>,
    file: Option<PathBuf>,
}

impl Epochs {
    /// Remembers the last one in `file`, which need not exist.
    pub(crate) fn in_file(file: PathBuf) -> io::Result<Self> {
        let last = match std::fs::read_to_string(&file) {
            Ok(text) => text.trim().parse().map_err(|_| {
                io::Error::new(io::ErrorKind::InvalidData, "there is no number in it")
            })?,
            Err(error) if error.kind() == io::ErrorKind::NotFound => 0,
            Err(error) => return Err(error),
        };
        let epochs = Self { last: Mutex::new(last), file: Some(file) };
        // That it can be written is found out before it matters.
        epochs.write(last)?;
        Ok(epochs)
    }

    /// The epoch for a session that begins now.
    pub(crate) fn next(&self) -> u64 {
        let mut last = self.last.lock().unwrap_or_else(PoisonError::into_inner);
        *last = now().max(last.saturating_add(1));
        if let Err(error) = self.write(*last) {
            tracing::warn!(%error, "the last epoch could not be written down");
        }
        *last
    }

    fn write(&self, epoch: u64) -> io::Result<()> {
        let Some(file) = &self.file else { return Ok(()) };
        let beside = temporary(file);
        std::fs::write(&beside, format!("{epoch}\n"))?;
        std::fs::rename(beside, file)
    }
}

fn temporary(file: &Path) -> PathBuf {
    let mut name = file.as_os_str().to_owned();
    name.push(".new");
    name.into()
}

fn now() -> u64 {
    let since = SystemTime::now().duration_since(UNIX_EPOCH).unwrap_or_default();
    u64::try_from(since.as_millis()).unwrap_or(u64::MAX / 2)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn epochs_rise_though_the_clock_was_put_back() {
        let folder = tempfile::tempdir().unwrap();
        let file = folder.path().join("epoch");
        let far = now() + 1_000_000_000;
        std::fs::write(&file, format!("{far}\n")).unwrap();
        let first = Epochs::in_file(file.clone()).unwrap().next();
        let again = Epochs::in_file(file).unwrap();
        assert_eq!((first, again.next(), again.next()), (far + 1, far + 2, far + 3));
    }

    #[test]
    fn epochs_begin_with_the_time_and_no_two_are_the_same() {
        let (before, epochs) = (now(), Epochs::default());
        let first = epochs.next();
        assert!(first >= before && epochs.next() > first);
    }

    #[test]
    fn a_file_with_something_else_in_it_is_not_written_over() {
        let folder = tempfile::tempdir().unwrap();
        let file = folder.path().join("epoch");
        std::fs::write(&file, "a recipe\n").unwrap();
        Epochs::in_file(file.clone()).unwrap_err();
        assert_eq!(std::fs::read_to_string(file).unwrap(), "a recipe\n");
    }
}
