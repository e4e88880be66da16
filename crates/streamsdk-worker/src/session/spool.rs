//! Where an upload is kept until it is decoded.
//!
//! On Linux it is a file without a name, which the kernel removes with its last descriptor, and so with
//! the process, however that ends. Elsewhere it has a name and a lock: the lock ends with the process, and
//! the next worker removes what nobody holds.

use std::fs::File;
use std::io::{self, Write};
use std::path::{Path, PathBuf};
use std::sync::Arc;

use tempfile::NamedTempFile;

use super::disk::{DiskShare, UploadDisk};

const PREFIX: &str = "streamsdk-worker-upload-";
/// Where Linux has names for what a process holds open.
#[cfg(target_os = "linux")]
const DESCRIPTORS: &str = "/proc/self/fd";

/// A file for an upload. It is gone when this is dropped.
#[derive(Debug)]
pub(crate) struct Spool {
    file: SpoolFile,
    share: DiskShare,
}

impl Spool {
    /// Makes an empty one.
    pub(crate) fn create(disk: &Arc<UploadDisk>) -> io::Result<Self> {
        Ok(Self { file: SpoolFile::create()?, share: disk.share() })
    }

    /// A name by which it can be opened, in this process only, as long as this value lives.
    pub(crate) fn path(&self) -> PathBuf {
        self.file.path()
    }

    /// Adds what fits on the disk.
    pub(crate) fn write_all(&mut self, bytes: &[u8]) -> io::Result<()> {
        self.share.grow(bytes.len())?;
        self.file.write_all(bytes)
    }
}

#[derive(Debug)]
enum SpoolFile {
    #[cfg(target_os = "linux")]
    Nameless(File),
    Named(NamedTempFile),
}

impl SpoolFile {
    fn create() -> io::Result<Self> {
        #[cfg(target_os = "linux")]
        if Path::new(DESCRIPTORS).exists() {
            return tempfile::tempfile().map(Self::Nameless);
        }
        Self::create_named(&std::env::temp_dir())
    }

    fn create_named(folder: &Path) -> io::Result<Self> {
        loop {
            let file = tempfile::Builder::new().prefix(PREFIX).tempfile_in(folder)?;
            // Another worker may look for what nobody holds at just this moment.
            if lock(file.as_file())? && file.path().exists() {
                return Ok(Self::Named(file));
            }
        }
    }

    fn path(&self) -> PathBuf {
        match self {
            #[cfg(target_os = "linux")]
            Self::Nameless(file) => {
                use std::os::fd::AsRawFd;
                Path::new(DESCRIPTORS).join(file.as_raw_fd().to_string())
            }
            Self::Named(file) => file.path().to_owned(),
        }
    }

    fn write_all(&mut self, bytes: &[u8]) -> io::Result<()> {
        match self {
            #[cfg(target_os = "linux")]
            Self::Nameless(file) => file.write_all(bytes),
            Self::Named(file) => file.write_all(bytes),
        }
    }
}

/// Removes the uploads of workers that were killed.
pub(crate) fn remove_orphans() {
    remove_orphans_in(&std::env::temp_dir());
}

fn remove_orphans_in(folder: &Path) {
    let Ok(entries) = std::fs::read_dir(folder) else { return };
    for entry in entries.flatten() {
        let is_ours = entry.file_name().to_string_lossy().starts_with(PREFIX);
        // Never through a link, which somebody else may have put there.
        let is_file = entry.file_type().is_ok_and(|kind| kind.is_file());
        if is_ours && is_file && is_orphan(&entry.path()) {
            // Whoever else removes it meanwhile is as welcome.
            let _ = std::fs::remove_file(entry.path());
        }
    }
}

fn is_orphan(path: &Path) -> bool {
    File::open(path).and_then(|file| lock(&file)).unwrap_or(false)
}

/// Whether nobody else holds it; it is held from now on.
#[cfg(unix)]
fn lock(file: &File) -> io::Result<bool> {
    use rustix::fs::{FlockOperation, flock};
    match flock(file, FlockOperation::NonBlockingLockExclusive) {
        Ok(()) => Ok(true),
        Err(rustix::io::Errno::WOULDBLOCK) => Ok(false),
        Err(error) => Err(error.into()),
    }
}

/// Here files cannot be removed while they are open, which is as good.
#[cfg(not(unix))]
fn lock(_file: &File) -> io::Result<bool> {
    Ok(true)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_is_written_can_be_read_by_name_as_long_as_it_lives() {
        let folder = tempfile::tempdir().unwrap();
        for mut spool in
            [SpoolFile::create().unwrap(), SpoolFile::create_named(folder.path()).unwrap()]
        {
            spool.write_all(b"film").unwrap();
            assert_eq!(std::fs::read(spool.path()).unwrap(), b"film");
            let path = spool.path();
            drop(spool);
            assert!(!path.exists());
        }
    }

    #[test]
    fn what_finds_no_room_on_the_disk_is_not_written() {
        let disk = Arc::new(UploadDisk::new(6));
        let mut spool = Spool::create(&disk).unwrap();
        spool.write_all(b"film").unwrap();
        assert!(spool.write_all(b"film").is_err());
        assert_eq!(std::fs::read(spool.path()).unwrap(), b"film");
        drop(spool);
        Spool::create(&disk).unwrap().write_all(b"film").unwrap();
    }

    #[cfg(target_os = "linux")]
    #[test]
    fn an_upload_has_no_name_that_a_killed_worker_could_leave() {
        assert!(matches!(SpoolFile::create().unwrap(), SpoolFile::Nameless(_)));
    }

    #[cfg(unix)]
    #[test]
    fn only_what_nobody_holds_is_removed() {
        let folder = tempfile::tempdir().unwrap();
        let held = SpoolFile::create_named(folder.path()).unwrap();
        let orphan = folder.path().join(format!("{PREFIX}orphan"));
        let others = folder.path().join("streamsdk-notes");
        let link = folder.path().join(format!("{PREFIX}link"));
        std::fs::write(&orphan, "half a film").unwrap();
        std::fs::write(&others, "mine").unwrap();
        std::os::unix::fs::symlink(&others, &link).unwrap();

        remove_orphans_in(folder.path());
        assert!(!orphan.exists());
        for kept in [&held.path(), &others, &link] {
            assert!(kept.exists(), "{}", kept.display());
        }
    }
}
