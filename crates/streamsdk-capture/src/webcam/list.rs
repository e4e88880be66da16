//! The cameras of this machine.

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
}
