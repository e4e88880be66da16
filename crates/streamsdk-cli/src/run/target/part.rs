//! A file that comes into being beside the one that it will replace.

use std::ffi::OsString;
use std::fs::{self, File, OpenOptions};
use std::io;
use std::path::{Path, PathBuf};

use super::identity::FileId;

/// What becomes of a part that another start left behind.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(in crate::run) enum Remains {
    /// It stays, under its name: it is a recording, as far as that got.
    #[cfg_attr(not(feature = "save"), allow(dead_code, reason = "only recordings stay"))]
    Kept,
    /// It is of no use, and its place is taken.
    Reused,
}

/// A file that is being written, and becomes what it is for when it is done. What is never put in
/// place is removed, unless it is a recording with something in it.
#[derive(Debug)]
pub(in crate::run) struct Part {
    path: PathBuf,
    target: PathBuf,
    remains: Remains,
    /// Holds the lock that says that somebody is writing.
    file: File,
    /// Whether nothing more is to be done with it.
    settled: bool,
}

/// A part, and the recordings that were found beside it.
#[derive(Debug)]
pub(in crate::run) struct Reserved {
    pub(in crate::run) part: Part,
    #[cfg_attr(not(feature = "save"), allow(dead_code, reason = "only recordings stay"))]
    pub(in crate::run) found: Vec<PathBuf>,
}

impl Part {
    /// Makes the part for `target`, which is no link: `.NAME.part` in the same folder, or if that is
    /// taken `.NAME.1.part` and so on.
    pub(in crate::run) fn reserve(target: &Path, remains: Remains) -> io::Result<Reserved> {
        let mut found = Vec::new();
        for number in 0..MAX_PARTS {
            let path = part_path(target, number)?;
            let Some(file) = open_locked(&path)? else { continue };
            if remains == Remains::Kept && file.metadata()?.len() > 0 {
                found.push(path);
                continue;
            }
            file.set_len(0)?;
            let (target, settled) = (target.to_owned(), false);
            let part = Self { path, target, remains, file, settled };
            part.take_permissions()?;
            return Ok(Reserved { part, found });
        }
        Err(io::Error::other("there are too many unfinished recordings beside it"))
    }

    #[cfg_attr(not(feature = "save"), allow(dead_code, reason = "only recordings stay"))]
    pub(in crate::run) fn path(&self) -> &Path {
        &self.path
    }

    pub(in crate::run) fn file(&mut self) -> &mut File {
        &mut self.file
    }

    /// Puts it in place.
    pub(in crate::run) fn commit(mut self) -> io::Result<()> {
        self.file.sync_all()?;
        fs::rename(&self.path, &self.target)?;
        self.settled = true;
        Ok(())
    }

    /// Whoever could read the old file can read the new one.
    fn take_permissions(&self) -> io::Result<()> {
        match fs::metadata(&self.target) {
            Ok(old) => fs::set_permissions(&self.path, old.permissions()),
            Err(_) => Ok(()),
        }
    }

    fn is_worth_keeping(&self) -> bool {
        self.remains == Remains::Kept && self.file.metadata().is_ok_and(|it| it.len() > 0)
    }
}

impl Drop for Part {
    fn drop(&mut self) {
        if !self.settled && !self.is_worth_keeping() {
            // There is nobody to tell, and nothing is lost when an empty file stays.
            let _ = fs::remove_file(&self.path);
        }
    }
}

fn part_path(target: &Path, number: u32) -> io::Result<PathBuf> {
    let mut name = OsString::from(".");
    name.push(target.file_name().ok_or(io::ErrorKind::InvalidInput)?);
    if number > 0 {
        name.push(format!(".{number}"));
    }
    name.push(".part");
    Ok(target.with_file_name(name))
}

/// Opens or makes a file that nobody else is writing; `None` if somebody is.
fn open_locked(path: &Path) -> io::Result<Option<File>> {
    let file = OpenOptions::new().read(true).write(true).create(true).truncate(false).open(path)?;
    if !lock(&file)? {
        return Ok(None);
    }
    // Its writer may have put it in place between the two steps: then the name is of another file.
    let opened = FileId::of(path, &file.metadata()?)?;
    let is_it = fs::symlink_metadata(path).and_then(|it| FileId::of(path, &it));
    Ok(is_it.is_ok_and(|named| named == opened).then_some(file))
}

/// Whether nobody else holds it. The lock ends with the file, and so with the process, however that ends.
#[cfg(unix)]
fn lock(file: &File) -> io::Result<bool> {
    use rustix::fs::{FlockOperation, flock};
    use rustix::io::Errno;
    match flock(file, FlockOperation::NonBlockingLockExclusive) {
        Ok(()) => Ok(true),
        Err(Errno::WOULDBLOCK) => Ok(false),
        // Some file systems of other machines know no locks.
        Err(Errno::NOLCK | Errno::OPNOTSUPP | Errno::NOSYS) => Ok(true),
        Err(error) => Err(error.into()),
    }
}

#[cfg(not(unix))]
fn lock(_file: &File) -> io::Result<bool> {
    Ok(true)
}

/// More than anybody leaves lying around.
const MAX_PARTS: u32 = 1000;

#[cfg(test)]
mod tests {
    use std::io::Write;

    use super::*;

    fn reserve(target: &Path, remains: Remains) -> Reserved {
        Part::reserve(target, remains).unwrap()
    }

    #[test]
    fn a_part_becomes_the_file_and_keeps_who_may_read_it() {
        let folder = tempfile::tempdir().unwrap();
        let target = folder.path().join("out.json");
        fs::write(&target, "old").unwrap();
        #[cfg(unix)]
        fs::set_permissions(&target, std::os::unix::fs::PermissionsExt::from_mode(0o604)).unwrap();
        let permissions = fs::metadata(&target).unwrap().permissions();

        let mut part = reserve(&target, Remains::Reused).part;
        part.file().write_all(b"new").unwrap();
        assert_eq!(fs::read_to_string(&target).unwrap(), "old");
        part.commit().unwrap();
        assert_eq!(fs::read_to_string(&target).unwrap(), "new");
        assert_eq!(fs::metadata(&target).unwrap().permissions(), permissions);
        assert_eq!(fs::read_dir(folder.path()).unwrap().count(), 1);
    }

    #[test]
    fn what_is_not_put_in_place_is_removed_unless_it_is_a_recording() {
        let folder = tempfile::tempdir().unwrap();
        let target = folder.path().join("out.mp4");
        for (remains, written, stays) in [
            (Remains::Reused, "text", false),
            (Remains::Kept, "", false),
            (Remains::Kept, "film", true),
        ] {
            let mut part = reserve(&target, remains).part;
            part.file().write_all(written.as_bytes()).unwrap();
            let path = part.path().to_owned();
            drop(part);
            assert_eq!(path.exists(), stays, "{remains:?} {written:?}");
        }
    }

    #[test]
    fn a_recording_that_was_left_stays_and_is_named() {
        let folder = tempfile::tempdir().unwrap();
        let target = folder.path().join("out.mp4");
        fs::write(folder.path().join(".out.mp4.part"), "film").unwrap();
        let Reserved { part, found } = reserve(&target, Remains::Kept);
        assert_eq!(found, [folder.path().join(".out.mp4.part")]);
        assert_eq!(part.path(), folder.path().join(".out.mp4.1.part"));
        part.commit().unwrap();
        assert_eq!(fs::read_to_string(&found[0]).unwrap(), "film");
    }

    #[test]
    fn what_is_of_no_use_does_not_pile_up() {
        let folder = tempfile::tempdir().unwrap();
        let target = folder.path().join("out.json");
        fs::write(folder.path().join(".out.json.part"), "half").unwrap();
        let Reserved { part, found } = reserve(&target, Remains::Reused);
        assert!(found.is_empty());
        part.commit().unwrap();
        assert_eq!(fs::read_to_string(&target).unwrap(), "");
        assert_eq!(fs::read_dir(folder.path()).unwrap().count(), 1);
    }

    #[cfg(unix)]
    #[test]
    fn a_part_that_is_being_written_is_left_alone() {
        let folder = tempfile::tempdir().unwrap();
        let target = folder.path().join("out.mp4");
        let mut first = reserve(&target, Remains::Kept).part;
        first.file().write_all(b"film").unwrap();
        let Reserved { part: second, found } = reserve(&target, Remains::Kept);
        assert!(found.is_empty() && second.path() != first.path());
    }
}
