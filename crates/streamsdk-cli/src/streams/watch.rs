//! Whether a file is another one than it was.

use std::path::{Path, PathBuf};
use std::time::Duration;

use tokio::time::sleep;

/// It is read this often: a file of streams is small, and what tells of changes does not work everywhere, as where a
/// cluster puts another folder behind a link.
const INTERVAL: Duration = Duration::from_secs(2);

/// Watches a file by what is in it.
pub(super) struct FileWatch {
    path: PathBuf,
    /// `None` if it could not be read.
    seen: Option<Vec<u8>>,
}

impl FileWatch {
    pub(super) fn new(path: &Path) -> Self {
        Self { path: path.to_owned(), seen: std::fs::read(path).ok() }
    }

    /// Returns when something else is in it. Being gone for a moment is no change: many programs write a file anew.
    pub(super) async fn changed(&mut self) {
        loop {
            sleep(INTERVAL).await;
            let now = std::fs::read(&self.path).ok();
            if now.is_some() && now != self.seen {
                self.seen = now;
                return;
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[tokio::test]
    async fn a_file_has_changed_when_something_else_is_in_it() {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("streams.toml");
        std::fs::write(&path, "a").unwrap();
        let mut watch = FileWatch::new(&path);
        std::fs::remove_file(&path).unwrap();
        let unchanged = tokio::time::timeout(INTERVAL + INTERVAL / 2, watch.changed());
        assert!(unchanged.await.is_err(), "a file that is gone");
        std::fs::write(&path, "b").unwrap();
        watch.changed().await;
    }
}
