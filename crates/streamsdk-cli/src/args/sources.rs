//! What is streamed, where that may be more than one file.

use std::ffi::{OsStr, OsString};
use std::path::{Path, PathBuf};

use streamsdk_fleet::SourceName;

use crate::failure::Failure;

/// What is streamed.
#[derive(Debug)]
pub(crate) enum Sources {
    /// One source of any sort.
    One(SourceName),
    /// Several sources: given one by one, as a folder, or as a pattern of names.
    #[cfg_attr(not(feature = "fleet"), allow(dead_code))]
    Many(Vec<SourceName>),
}

impl Sources {
    /// Takes folders and patterns for the files that they stand for.
    pub(super) fn find(given: &[OsString]) -> Result<Self, Failure> {
        if let [one] = given
            && !stands_for_several(one)
        {
            return Ok(Self::One(SourceName::parse(one).map_err(Failure::usage)?));
        }
        let mut sources = Vec::new();
        for given in given {
            match stands_for_several(given) {
                true => sources.extend(files_of(given)?.into_iter().map(SourceName::File)),
                false => sources.push(SourceName::parse(given).map_err(Failure::usage)?),
            }
        }
        Ok(Self::Many(sources))
    }

    /// Each of them.
    pub(crate) fn all(&self) -> &[SourceName] {
        match self {
            Self::One(source) => std::slice::from_ref(source),
            Self::Many(sources) => sources,
        }
    }
}

/// Whether it is a folder, or a pattern and no file that is called so.
fn stands_for_several(given: &OsStr) -> bool {
    let path = Path::new(given);
    let is_pattern = || given.to_str().is_some_and(|text| text.contains(['*', '?', '[']));
    let is_url = || given.to_str().is_some_and(|text| text.contains("://"));
    path.is_dir() || !path.exists() && is_pattern() && !is_url()
}

fn files_of(given: &OsStr) -> Result<Vec<PathBuf>, Failure> {
    let path = Path::new(given);
    let mut files = if path.is_dir() { videos_in(path)? } else { files_like(given)? };
    files.sort();
    match files.is_empty() {
        true => {
            Err(Failure::Usage(format!("there is no video file in or like {}", path.display())))
        }
        false => Ok(files),
    }
}

/// The files in a folder that are called like videos; those in folders in it are left alone.
fn videos_in(folder: &Path) -> Result<Vec<PathBuf>, Failure> {
    let unreadable = |error: std::io::Error| {
        Failure::Usage(format!("the folder {} cannot be read: {error}", folder.display()))
    };
    let mut files = Vec::new();
    for entry in std::fs::read_dir(folder).map_err(unreadable)? {
        let path = entry.map_err(unreadable)?.path();
        if path.is_file() && SourceName::is_called_like_a_video(&path) {
            files.push(path);
        }
    }
    Ok(files)
}

fn files_like(pattern: &OsStr) -> Result<Vec<PathBuf>, Failure> {
    let pattern = pattern.to_str().unwrap_or_default();
    let paths = glob::glob(pattern).map_err(Failure::usage)?;
    let files = paths.collect::<Result<Vec<_>, _>>().map_err(Failure::usage)?;
    Ok(files.into_iter().filter(|path| path.is_file()).collect())
}

#[cfg(test)]
mod tests {
    use super::*;

    fn names(given: &[&Path]) -> Vec<String> {
        let given: Vec<OsString> = given.iter().map(|path| path.as_os_str().to_owned()).collect();
        let sources = Sources::find(&given).unwrap();
        sources.all().iter().map(SourceName::label).collect()
    }

    #[test]
    fn a_folder_and_a_pattern_stand_for_their_files() {
        let folder = tempfile::tempdir().unwrap();
        for name in ["b.mp4", "a.MOV", "notes.txt", "c[1].mp4"] {
            std::fs::write(folder.path().join(name), "x").unwrap();
        }
        std::fs::create_dir(folder.path().join("inner.mp4")).unwrap();
        let at = |name: &str| folder.path().join(name);
        assert_eq!(names(&[folder.path()]), ["a.MOV", "b.mp4", "c[1].mp4"]);
        assert_eq!(names(&[&at("*.mp4")]), ["b.mp4", "c[1].mp4"]);
        assert_eq!(names(&[&at("?.*"), &at("b.mp4")]), ["a.MOV", "b.mp4", "b.mp4"]);
        // A file that exists is that file.
        let one = Sources::find(&[at("c[1].mp4").into()]).unwrap();
        assert!(matches!(one, Sources::One(_)), "{one:?}");
        let none = Sources::find(&[at("*.mkv").into()]).unwrap_err().to_string();
        assert!(none.contains("no video file"), "{none}");
    }

    #[test]
    fn a_url_is_no_pattern() {
        for url in ["http://h/1?x=[1]*", "rtsp://h/a?b=*"] {
            let source = Sources::find(&[url.into()]).unwrap();
            assert!(matches!(source, Sources::One(_)), "{url}");
        }
    }
}
