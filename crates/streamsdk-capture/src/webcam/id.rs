//! Which camera is meant.

use std::fmt;
use std::path::{Path, PathBuf};

use super::list::{self, WebcamInfo};
use crate::CaptureError;

/// Which camera to open.
///
/// Made of a number, a path, or a string, which is a path if it begins with `/` and a name otherwise.
///
/// ```
/// use std::path::Path;
/// use streamsdk_capture::WebcamId;
///
/// assert_eq!(WebcamId::from(2), WebcamId::Index(2));
/// assert_eq!(WebcamId::from("/dev/video2"), WebcamId::from(Path::new("/dev/video2")));
/// assert_eq!(WebcamId::from("C920"), WebcamId::Name("C920".to_owned()));
/// ```
#[derive(Debug, Clone, PartialEq, Eq, Hash)]
pub enum WebcamId {
    /// The number in `/dev/video0`.
    Index(u32),
    /// The path of the device, or of a link to it, as in `/dev/v4l/by-id`.
    Path(PathBuf),
    /// The camera's name, or any part of it that no other camera's name has; for parts, small letters
    /// and capitals are the same.
    Name(String),
}

impl WebcamId {
    /// Where the device is, or should be.
    pub(super) fn path(&self) -> Result<PathBuf, CaptureError> {
        match self {
            Self::Index(index) => Ok(list::path_of(*index)),
            Self::Path(path) => Ok(path.clone()),
            Self::Name(name) => find(name, &list::webcams()?).map(|found| found.path.clone()),
        }
    }
}

impl From<u32> for WebcamId {
    fn from(index: u32) -> Self {
        Self::Index(index)
    }
}

impl From<&Path> for WebcamId {
    fn from(path: &Path) -> Self {
        Self::Path(path.to_owned())
    }
}

impl From<PathBuf> for WebcamId {
    fn from(path: PathBuf) -> Self {
        Self::Path(path)
    }
}

impl From<&str> for WebcamId {
    fn from(text: &str) -> Self {
        Self::from(text.to_owned())
    }
}

impl From<String> for WebcamId {
    fn from(text: String) -> Self {
        if text.starts_with('/') { Self::Path(text.into()) } else { Self::Name(text) }
    }
}

impl fmt::Display for WebcamId {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Index(index) => write!(f, "{}", list::path_of(*index).display()),
            Self::Path(path) => write!(f, "{}", path.display()),
            Self::Name(name) => f.write_str(name),
        }
    }
}

/// The one with that name, or else the only one with that part in its name.
fn find<'a>(name: &str, webcams: &'a [WebcamInfo]) -> Result<&'a WebcamInfo, CaptureError> {
    let exact: Vec<_> = webcams.iter().filter(|webcam| webcam.name == name).collect();
    let part = name.to_lowercase();
    let has_part = |webcam: &&WebcamInfo| webcam.name.to_lowercase().contains(&part);
    let found = if exact.is_empty() { webcams.iter().filter(has_part).collect() } else { exact };
    let wanted = format!("webcam with the name {name:?}");
    match found[..] {
        [webcam] => Ok(webcam),
        [] => Err(CaptureError::NotFound { origin: format!("{wanted}; {}", all_of(webcams)) }),
        _ => Err(CaptureError::Ambiguous { wanted, candidates: listed(found) }),
    }
}

fn all_of(webcams: &[WebcamInfo]) -> String {
    match webcams {
        [] => "no webcam at all was found".to_owned(),
        webcams => format!("found were {}", listed(webcams)),
    }
}

fn listed<'a>(webcams: impl IntoIterator<Item = &'a WebcamInfo>) -> String {
    let shown = |webcam: &WebcamInfo| format!("{} ({})", webcam.path.display(), webcam.name);
    webcams.into_iter().map(shown).collect::<Vec<_>>().join(", ")
}

#[cfg(test)]
mod tests {
    use super::*;

    fn webcams() -> Vec<WebcamInfo> {
        ["HD Pro Webcam C920", "Integrated Camera", "Camera", "Twin", "Twin"]
            .into_iter()
            .zip(0..)
            .map(|(name, index)| WebcamInfo::named(name, index))
            .collect()
    }

    #[test]
    fn a_name_or_a_part_that_is_the_only_one_is_found() {
        let webcams = webcams();
        for (name, index) in [("Camera", 2), ("c920", 0), ("INTEGRATED", 1), ("integrated cam", 1)]
        {
            assert_eq!(find(name, &webcams).unwrap().index, index, "{name}");
        }
    }

    #[test]
    fn a_name_of_several_or_of_none_is_an_error_that_lists_what_there_is() {
        let webcams = webcams();
        for (name, expected) in [("Twin", "/dev/video3 (Twin), /dev/video4 (Twin)"), ("", "C920")] {
            let error = find(name, &webcams).unwrap_err();
            assert!(matches!(error, CaptureError::Ambiguous { .. }), "{error}");
            assert!(error.to_string().contains(expected), "{error}");
        }
        let error = find("Kinect", &webcams).unwrap_err();
        assert!(matches!(error, CaptureError::NotFound { .. }), "{error}");
        assert!(error.to_string().contains("/dev/video1 (Integrated Camera)"), "{error}");
        assert!(find("Kinect", &[]).unwrap_err().to_string().contains("no webcam at all"));
    }
}
