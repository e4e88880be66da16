//! Where files are kept.

use std::env;
use std::fs::{self, File};
use std::io;
use std::path::{Path, PathBuf};

use tempfile::NamedTempFile;
use tokio::task::spawn_blocking;

use crate::DownloadError;

/// Below the home directory.
const DEFAULT_FOLDER: &[&str] = &[".cache", "inference-sdk", "videos"];

/// Where a download is written, and what becomes of it.
pub(crate) enum Place {
    /// In the cache: beside its name until it is complete.
    Cache { part: NamedTempFile, target: PathBuf },
    /// Without a name where the system allows that, and gone when it is closed.
    Temporary(File),
}

pub(crate) fn default_folder() -> Result<PathBuf, DownloadError> {
    let home = env::home_dir().filter(|home| !home.as_os_str().is_empty());
    let home = home.ok_or(DownloadError::NoCacheDirectory)?;
    Ok(DEFAULT_FOLDER.iter().fold(home, |folder, name| folder.join(name)))
}

/// The file of that name, if there is one that is not empty.
pub(crate) async fn find(target: &Path) -> Result<Option<File>, DownloadError> {
    let path = target.to_path_buf();
    blocking(target, move || find_now(&path)).await
}

fn find_now(target: &Path) -> io::Result<Option<File>> {
    let is_there = fs::metadata(target).is_ok_and(|found| found.is_file() && found.len() > 0);
    is_there.then(|| File::open(target)).transpose()
}

impl Place {
    pub(crate) async fn in_cache(target: PathBuf) -> Result<Self, DownloadError> {
        let folder = target.parent().unwrap_or(Path::new("")).to_path_buf();
        let created = move || {
            let folder = target.parent().unwrap_or(Path::new(""));
            fs::create_dir_all(folder)?;
            let stem = target.file_stem().unwrap_or_default().to_owned();
            let part =
                tempfile::Builder::new().prefix(&stem).suffix(".part").tempfile_in(folder)?;
            Ok(Self::Cache { part, target })
        };
        blocking(&folder, created).await
    }

    pub(crate) async fn temporary() -> Result<Self, DownloadError> {
        blocking(&env::temp_dir(), || tempfile::tempfile().map(Self::Temporary)).await
    }

    /// What is written to.
    pub(crate) fn file(&self) -> Result<(File, PathBuf), DownloadError> {
        let (file, path) = match self {
            Self::Cache { part, .. } => (part.as_file(), part.path().to_path_buf()),
            Self::Temporary(file) => (file, env::temp_dir()),
        };
        let cloned = file.try_clone().map_err(DownloadError::disk(&path))?;
        Ok((cloned, path))
    }

    /// Gives a complete file its name, if it is to have one.
    pub(crate) async fn keep(self) -> Result<(File, Option<PathBuf>), DownloadError> {
        match self {
            Self::Temporary(file) => Ok((file, None)),
            Self::Cache { part, target } => {
                let path = target.clone();
                let file = blocking(&target, move || put_in_place(part, &path)).await?;
                Ok((file, Some(target)))
            }
        }
    }
}

fn put_in_place(part: NamedTempFile, target: &Path) -> io::Result<File> {
    match part.persist(target) {
        Ok(file) => Ok(file),
        // Where open files cannot be replaced, another download may have been faster.
        Err(failed) => find_now(target)?.ok_or(failed.error),
    }
}

async fn blocking<T: Send + 'static>(
    path: &Path,
    work: impl FnOnce() -> io::Result<T> + Send + 'static,
) -> Result<T, DownloadError> {
    let done = spawn_blocking(work).await.unwrap_or_else(|panicked| Err(panicked.into()));
    done.map_err(DownloadError::disk(path))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[tokio::test]
    async fn only_a_file_that_is_not_empty_is_found() {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("a.mp4");
        assert!(find(&path).await.unwrap().is_none());
        assert!(find(folder.path()).await.unwrap().is_none());
        fs::write(&path, []).unwrap();
        assert!(find(&path).await.unwrap().is_none());
        fs::write(&path, [1]).unwrap();
        assert!(find(&path).await.unwrap().is_some());
    }

    #[tokio::test]
    async fn what_is_not_kept_leaves_nothing() {
        let folder = tempfile::tempdir().unwrap();
        let target = folder.path().join("sub").join("a.mp4");
        let place = Place::in_cache(target.clone()).await.unwrap();
        let (_, part) = place.file().unwrap();
        assert!(part.exists() && part.extension().is_some_and(|extension| extension == "part"));
        drop(place);
        assert!(!part.exists() && !target.exists());
    }

    #[tokio::test]
    async fn a_folder_that_cannot_be_made_is_named() {
        let file = tempfile::NamedTempFile::new().unwrap();
        let error = Place::in_cache(file.path().join("a.mp4")).await.err().unwrap();
        assert!(matches!(error, DownloadError::Disk { .. }));
        assert!(error.to_string().contains(file.path().to_str().unwrap()), "{error}");
    }
}
