//! Can this machine's cameras be used?

use crate::{Code, Finding};

/// What came of opening a camera.
#[derive(Debug, Clone, PartialEq, Eq)]
#[cfg_attr(
    not(all(feature = "webcam", target_os = "linux")),
    allow(dead_code, reason = "only what reads cameras says so")
)]
pub(crate) enum CameraState {
    Free(String),
    Busy(String),
    Forbidden(String),
    Broken { name: String, why: String },
}

pub(crate) fn judge(cameras: &[CameraState]) -> Vec<Finding> {
    if cameras.is_empty() {
        return vec![Finding::new(Code::NoCamera, "This machine has no camera.")];
    }
    cameras.iter().map(one).collect()
}

fn one(camera: &CameraState) -> Finding {
    let (code, what) = match camera {
        CameraState::Free(name) => (Code::CameraFree, format!("{name} can be used.")),
        CameraState::Busy(name) => {
            (Code::CameraBusy, format!("{name} is in use by another program."))
        }
        CameraState::Forbidden(name) => {
            (Code::CameraForbidden, format!("{name} may not be used by this user."))
        }
        CameraState::Broken { name, why } => {
            (Code::CameraBroken, format!("{name} cannot be used: {why}."))
        }
    };
    Finding::new(code, what)
}

#[cfg(all(feature = "webcam", target_os = "linux"))]
pub(crate) use with_cameras::of_this_machine;

#[cfg(all(feature = "webcam", target_os = "linux"))]
mod with_cameras {
    use streamsdk_capture::{CaptureError, Webcam, WebcamInfo, webcams};

    use super::CameraState;

    /// Opens each for a moment, since only that tells. Blocks.
    pub(crate) fn of_this_machine() -> Vec<CameraState> {
        match webcams() {
            Ok(cameras) => cameras.iter().map(state).collect(),
            Err(error) => vec![failed("A camera".to_owned(), &error)],
        }
    }

    fn state(camera: &WebcamInfo) -> CameraState {
        let name = format!("The camera {} ({})", camera.name, camera.path.display());
        match Webcam::open(camera.path.clone()) {
            Ok(_) => CameraState::Free(name),
            Err(error) => failed(name, &error),
        }
    }

    fn failed(name: String, error: &CaptureError) -> CameraState {
        match error {
            CaptureError::Busy { .. } => CameraState::Busy(name),
            CaptureError::PermissionDenied { .. } => CameraState::Forbidden(name),
            error => CameraState::Broken { name, why: error.to_string() },
        }
    }
}
