//! The cameras of this machine, and which of them is meant.

use std::fmt;
use std::path::{Path, PathBuf};

use super::capabilities::{self, WebcamFormatInfo};
use super::device::{About, Device};
use crate::CaptureError;

/// A camera of this machine; listed by [`webcams`].
#[derive(Debug, Clone, PartialEq)]
#[non_exhaustive]
pub struct WebcamInfo {
    /// The number in its path.
    pub index: u32,
    /// Its path, `/dev/video0` for example.
    pub path: PathBuf,
    /// What it is called. Several may have the same name.
    pub name: String,
    /// The name of its driver.
    pub driver: String,
    /// Where it is plugged in, as the driver tells it.
    pub bus: String,
    formats: Vec<WebcamFormatInfo>,
}

impl WebcamInfo {
    /// The pixel formats that it offers, with sizes and rates, in the driver's order.
    pub fn formats(&self) -> &[WebcamFormatInfo] {
        &self.formats
    }

    fn new(index: u32, path: PathBuf, device: &Device) -> Self {
        let About { name, driver, bus, .. } = device.about().clone();
        Self { index, path, name, driver, bus, formats: capabilities::offered(device) }
    }

    #[cfg(test)]
    pub(super) fn named(name: &str, index: u32) -> Self {
        let (driver, bus) = (String::new(), String::new());
        Self {
            index,
            path: path_of(index),
            name: name.to_owned(),
            driver,
            bus,
            formats: Vec::new(),
        }
    }
}

/// The cameras of this machine, sorted by their numbers. Devices that show video or give only metadata
/// are left out, and so is what cannot be opened.
///
/// ```no_run
/// for webcam in streamsdk_capture::webcams()? {
///     println!("{} {}", webcam.path.display(), webcam.name);
/// }
/// # Ok::<(), streamsdk_capture::CaptureError>(())
/// ```
///
/// # Errors
///
/// [`PermissionDenied`](CaptureError::PermissionDenied) if there is no camera that may be used, and
/// there are devices that may not.
pub fn webcams() -> Result<Vec<WebcamInfo>, CaptureError> {
    let mut webcams = Vec::new();
    let mut denied = None;
    for index in indices()? {
        let path = path_of(index);
        match Device::open(&path).and_then(Device::capturing) {
            Ok(device) => webcams.push(WebcamInfo::new(index, path, &device)),
            Err(error @ CaptureError::PermissionDenied { .. }) => denied = Some(error),
            // No camera, or gone since the directory was read.
            Err(_) => {}
        }
    }
    match denied {
        Some(error) if webcams.is_empty() => Err(error),
        _ => Ok(webcams),
    }
}

pub(super) fn path_of(index: u32) -> PathBuf {
    Path::new(DEVICES).join(format!("{PREFIX}{index}"))
}

fn indices() -> Result<Vec<u32>, CaptureError> {
    let failed = |error: std::io::Error| CaptureError::Failed {
        origin: DEVICES.to_owned(),
        reason: error.to_string(),
    };
    let mut indices = Vec::new();
    for entry in std::fs::read_dir(DEVICES).map_err(failed)? {
        indices.extend(entry.map_err(failed)?.file_name().to_str().and_then(index_of));
    }
    indices.sort_unstable();
    Ok(indices)
}

fn index_of(name: &str) -> Option<u32> {
    let digits = name.strip_prefix(PREFIX)?;
    let index = digits.parse().ok()?;
    // What is written otherwise is another file.
    (digits == format!("{index}")).then_some(index)
}

const DEVICES: &str = "/dev";
const PREFIX: &str = "video";

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
            Self::Index(index) => Ok(path_of(*index)),
            Self::Path(path) => Ok(path.clone()),
            Self::Name(name) => find(name, &webcams()?).map(|found| found.path.clone()),
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
            Self::Index(index) => write!(f, "{}", path_of(*index).display()),
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

    #[test]
    fn devices_are_known_by_their_names() {
        assert_eq!(index_of("video12"), Some(12));
        for other in ["video", "video-1", "video+1", "video01", "video1a", "vbi0", "xvideo1"] {
            assert_eq!(index_of(other), None, "{other}");
        }
        assert_eq!(index_of("video99999999999"), None);
    }

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
