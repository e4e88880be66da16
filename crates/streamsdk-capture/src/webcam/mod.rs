//! Frames from the cameras of this machine, through Video4Linux.

mod buffers;
mod capabilities;
mod control;
mod device;
mod failure;
mod format;
mod frame_decoder;
mod list;
mod negotiation;
mod options;
mod stamps;
mod stream;
mod v4l2;
mod wakeup;

use std::fmt;
use std::time::Duration;

pub use self::capabilities::{WebcamFormatInfo, WebcamMode, WebcamRates, WebcamSize, WebcamSteps};
pub use self::control::{WebcamControl, WebcamControlError, WebcamControlKind, WebcamMenuItem};
use self::device::Device;
pub use self::format::WebcamFormat;
use self::frame_decoder::FrameDecoder;

pub use self::list::{WebcamId, WebcamInfo, webcams};
use self::negotiation::{Agreement, agree};
pub use self::options::WebcamOptions;
use self::stream::CaptureStream;
use crate::{CaptureError, CapturedFrame, FrameProducer, ProducerFormat, StopHandle};

/// A camera of this machine.
///
/// Uncompressed pictures are given as they come, with one copy; JPEGs are decoded when the frame is
/// asked for, on the caller's thread. Timestamps are those of the driver: microseconds of the monotonic
/// clock, at the end of the exposure or of the transfer as the driver has it.
///
/// A slow consumer gets fewer frames, not older ones. [`CapturedFrame::dropped`] counts what it missed,
/// and what the camera lost or damaged.
///
/// ```no_run
/// use std::time::Duration;
/// use streamsdk_capture::{FrameProducer, Webcam};
///
/// let mut webcam = Webcam::options(0).resolution(1280, 720).frame_rate(30.0).open()?;
/// println!("{:?}", webcam.format());
/// let captured = webcam.next_frame(Duration::from_secs(5))?;
/// println!("{:?}", captured.frame);
/// # Ok::<(), streamsdk_capture::CaptureError>(())
/// ```
///
/// Dropping it stops the camera.
pub struct Webcam {
    stream: CaptureStream,
    format: Option<ProducerFormat>,
    end: Option<CaptureError>,
}

impl Webcam {
    /// Opens a camera with the default options: by its number, its path, or its name.
    ///
    /// # Errors
    ///
    /// As [`WebcamOptions::open`].
    pub fn open(which: impl Into<WebcamId>) -> Result<Self, CaptureError> {
        Self::options(which).open()
    }

    /// Opens a camera otherwise than by default.
    pub fn options(which: impl Into<WebcamId>) -> WebcamOptions {
        WebcamOptions::new(which.into())
    }

    fn open_with(options: WebcamOptions) -> Result<Self, CaptureError> {
        if options.stop_handle.is_stopped() {
            return Err(CaptureError::Stopped);
        }
        let device = Device::open(&options.which.path()?).and_then(Device::capturing)?;
        let Agreement { format, pixels, rate } = agree(&device, &options)?;
        let (width, height) = (pixels.width, pixels.height);
        let pictures = FrameDecoder::new(format, &pixels).ok_or_else(|| CaptureError::Failed {
            origin: device.origin().to_owned(),
            reason: format!("{format} of {width}x{height}, {} bytes per row", pixels.bytesperline),
        })?;
        let stream = CaptureStream::start(
            device,
            pictures,
            rate,
            options.read_timeout,
            options.stop_handle,
        )?;
        let format = ProducerFormat::new(format.pixel_format(), width, height).frame_rate(rate);
        Ok(Self { stream, format: Some(format), end: None })
    }

    /// Its controls (brightness, exposure and so on) as they are now, in the driver's order. Those that
    /// it disabled are left out.
    ///
    /// # Errors
    ///
    /// If the camera was unplugged, or the driver gives an error.
    pub fn controls(&self) -> Result<Vec<WebcamControl>, CaptureError> {
        control::list(self.stream.device())
    }

    /// Sets a control, while the camera runs. A number that lies between two steps is rounded by the
    /// driver.
    ///
    /// # Errors
    ///
    /// If there is no such control, it cannot be set, not now, or not to that value.
    pub fn set_control(&self, id: u32, value: i64) -> Result<(), WebcamControlError> {
        control::set(self.stream.device(), id, value)
    }
}

impl FrameProducer for Webcam {
    fn format(&self) -> Option<&ProducerFormat> {
        self.format.as_ref()
    }

    /// The newest frame, as soon as there is one that was not given yet.
    ///
    /// # Errors
    ///
    /// Besides time-outs and the end by [`StopHandle::stop`]: [`Silent`](CaptureError::Silent) if no
    /// picture came for [`WebcamOptions::read_timeout`], [`Disconnected`](CaptureError::Disconnected)
    /// if the camera was unplugged, and [`Decode`](CaptureError::Decode) if 64 pictures in a row could
    /// not be decoded; fewer are counted as dropped.
    fn next_frame(&mut self, timeout: Duration) -> Result<CapturedFrame, CaptureError> {
        if let Some(end) = &self.end {
            return Err(end.clone());
        }
        match self.stream.next(timeout) {
            Ok(captured) => {
                ProducerFormat::follow(&mut self.format, &captured.frame);
                Ok(captured)
            }
            Err(error) => {
                self.end = Some(error.clone()).filter(|error| !error.is_timeout());
                Err(error)
            }
        }
    }

    fn stop_handle(&self) -> StopHandle {
        self.stream.stop_handle()
    }
}

impl fmt::Debug for Webcam {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Webcam")
            .field("origin", &self.stream.device().origin())
            .field("format", &self.format)
            .finish_non_exhaustive()
    }
}
