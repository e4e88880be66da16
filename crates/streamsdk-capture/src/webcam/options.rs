//! How a camera is opened.

use std::time::Duration;

use super::{Webcam, WebcamFormat, WebcamId};
use crate::{CaptureError, StopHandle};

/// How a [`Webcam`] is opened; made by [`Webcam::options`].
///
/// Resolution and frame rate are wishes: a camera takes what comes closest, and
/// [`format`](crate::FrameProducer::format) says what that is.
#[derive(Debug, Clone)]
#[must_use]
pub struct WebcamOptions {
    pub(super) which: WebcamId,
    pub(super) resolution: (u32, u32),
    pub(super) frame_rate: f64,
    pub(super) format: Option<WebcamFormat>,
    pub(super) read_timeout: Duration,
    pub(super) stop_handle: StopHandle,
}

impl WebcamOptions {
    pub(super) fn new(which: WebcamId) -> Self {
        Self {
            which,
            resolution: (640, 480),
            frame_rate: DEFAULT_RATE,
            format: None,
            read_timeout: Duration::from_secs(5),
            stop_handle: StopHandle::default(),
        }
    }

    /// Width and height in pixels. Default is 640 by 480.
    pub fn resolution(self, width: u32, height: u32) -> Self {
        Self { resolution: (width, height), ..self }
    }

    /// Frames per second; what is no rate is taken as the default. Default is 30.
    pub fn frame_rate(self, frame_rate: f64) -> Self {
        let is_rate = frame_rate.is_finite() && frame_rate > 0.0;
        Self { frame_rate: if is_rate { frame_rate } else { DEFAULT_RATE }, ..self }
    }

    /// How the camera sends its pictures; this is not only a wish. Default is the first of YUYV, NV12,
    /// BGR3 and RGB3 in which the camera offers the rate at the resolution, or else MJPG, or what is
    /// fastest at that resolution. Pictures without colours are taken only from cameras that have no
    /// others.
    pub fn format(self, format: WebcamFormat) -> Self {
        Self { format: Some(format), ..self }
    }

    /// How long there may be no picture that is whole. Default is 5 seconds.
    pub fn read_timeout(self, timeout: Duration) -> Self {
        Self { read_timeout: timeout, ..self }
    }

    /// A stop handle of the caller's. Default is one that [`stop_handle`](crate::FrameProducer::stop_handle) gives
    /// out afterwards.
    pub fn stop_handle(self, stop_handle: StopHandle) -> Self {
        Self { stop_handle, ..self }
    }

    /// Opens the camera and has it start.
    ///
    /// # Errors
    ///
    /// [`NotFound`](CaptureError::NotFound) and [`Ambiguous`](CaptureError::Ambiguous), which say what
    /// there is, [`PermissionDenied`](CaptureError::PermissionDenied), [`Busy`](CaptureError::Busy),
    /// [`Disconnected`](CaptureError::Disconnected); [`Unsupported`](CaptureError::Unsupported) for
    /// what is no camera, and for a format that the camera does not offer. A driver that contradicts
    /// itself is [`Failed`](CaptureError::Failed).
    pub fn open(self) -> Result<Webcam, CaptureError> {
        Webcam::open_with(self)
    }
}

const DEFAULT_RATE: f64 = 30.0;

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_rate_that_is_none_is_not_wished_for() {
        let rate = |wanted| Webcam::options(0).frame_rate(wanted).frame_rate;
        assert_eq!(rate(12.5), 12.5);
        for odd in [0.0, -5.0, f64::NAN, f64::INFINITY] {
            assert_eq!(rate(odd), DEFAULT_RATE);
        }
    }
}
