//! Whether two names are of one file.

use std::ffi::OsString;
use std::fs::{self, Metadata};
use std::io;
use std::path::{Path, PathBuf};

/// Which file it is, whatever it is called.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) enum Identity {
    /// It exists, and links do not hide it.
    Existing(FileId),
    /// It would be made, under this name in this folder.
    Missing(FileId, OsString),
}

/// What the system tells a file by.
#[cfg(unix)]
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) struct FileId {
    device: u64,
    inode: u64,
}

#[cfg(not(unix))]
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) struct FileId(PathBuf);

impl Identity {
    /// Takes a path whose last part is not a link that leads nowhere.
    pub(super) fn of(path: &Path) -> io::Result<Self> {
        match fs::metadata(path) {
            Ok(metadata) => FileId::of(path, &metadata).map(Self::Existing),
            Err(error) if error.kind() == io::ErrorKind::NotFound => Self::of_missing(path),
            Err(error) => Err(error),
        }
    }

    fn of_missing(path: &Path) -> io::Result<Self> {
        let name = path.file_name().ok_or(io::ErrorKind::InvalidInput)?;
        let folder = folder_of(path);
        let metadata = fs::metadata(&folder)?;
        Ok(Self::Missing(FileId::of(&folder, &metadata)?, name.to_owned()))
    }
}

impl FileId {
    #[cfg(unix)]
    pub(super) fn of(_path: &Path, metadata: &Metadata) -> io::Result<Self> {
        use std::os::unix::fs::MetadataExt;
        Ok(Self { device: metadata.dev(), inode: metadata.ino() })
    }

    #[cfg(not(unix))]
    pub(super) fn of(path: &Path, _metadata: &Metadata) -> io::Result<Self> {
        fs::canonicalize(path).map(Self)
    }
}

/// The folder that a file is in; `.` for a bare name.
fn folder_of(path: &Path) -> PathBuf {
    match path.parent() {
        Some(folder) if folder != Path::new("") => folder.to_owned(),
        _ => PathBuf::from("."),
    }
}

/// The path that a path leads to, whether there is something or not.
pub(super) fn behind_links(path: &Path) -> io::Result<PathBuf> {
    let mut path = path.to_owned();
    for _ in 0..MAX_LINKS {
        let Ok(next) = fs::read_link(&path) else { return Ok(path) };
        path = folder_of(&path).join(next);
    }
    Err(io::Error::other("too many links"))
}

/// As many as Linux follows.
const MAX_LINKS: usize = 40;

#[cfg(all(test, unix))]
mod tests {
    use std::os::unix::fs::symlink;

    use super::*;

    #[test]
    fn one_file_is_one_whatever_it_is_called() {
        let folder = tempfile::tempdir().unwrap();
        let path = |name: &str| folder.path().join(name);
        fs::write(path("a"), "a").unwrap();
        fs::write(path("b"), "b").unwrap();
        fs::hard_link(path("a"), path("hard")).unwrap();
        symlink("a", path("soft")).unwrap();
        let identity = |name: &str| Identity::of(&path(name)).unwrap();
        for other in ["hard", "soft", "./a"] {
            assert_eq!(identity(other), identity("a"), "{other}");
        }
        assert_ne!(identity("a"), identity("b"));
    }

    #[test]
    fn what_does_not_exist_is_known_by_its_folder_and_name() {
        let folder = tempfile::tempdir().unwrap();
        symlink(folder.path(), folder.path().join("again")).unwrap();
        symlink("new", folder.path().join("dangling")).unwrap();
        let identity =
            |name: &str| Identity::of(&behind_links(&folder.path().join(name)).unwrap()).unwrap();
        assert_eq!(identity("new"), identity("again/new"));
        assert_eq!(identity("new"), identity("dangling"));
        assert_ne!(identity("new"), identity("newer"));
        assert!(Identity::of(&folder.path().join("no/new")).is_err());
    }

    #[test]
    fn links_in_a_circle_are_an_error() {
        let folder = tempfile::tempdir().unwrap();
        symlink("b", folder.path().join("a")).unwrap();
        symlink("a", folder.path().join("b")).unwrap();
        assert!(behind_links(&folder.path().join("a")).is_err());
    }
}
