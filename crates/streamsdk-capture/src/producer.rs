//! What all producers have in common.

use std::time::{Duration, SystemTime};

use streamsdk_media::video::EncodedFrame;
use streamsdk_media::{Frame, PixelFormat};

use crate::{Buffered, CaptureError, Damage, FrameStream, Frames, Latest, StopHandle, WhenFull};

/// Something that gives frames: a camera, a file, a stream from the network, a drawing.
///
/// Live producers give the newest frame and count what they left out; files give every frame.
///
/// ```
/// use std::time::Duration;
/// use streamsdk_capture::{CaptureError, FrameProducer};
///
/// fn widths(mut producer: impl FrameProducer) -> Result<Vec<u32>, CaptureError> {
///     let mut widths = Vec::new();
///     loop {
///         match producer.next_frame(Duration::from_secs(1)) {
///             Ok(captured) => widths.push(captured.frame.width()),
///             Err(error) if error.is_timeout() => continue,
///             Err(error) if error.is_end() => return Ok(widths),
///             Err(error) => return Err(error),
///         }
///     }
/// }
/// # let pattern = streamsdk_capture::TestPattern::new(320, 180, 30.0).paced(false).limit(2);
/// # assert_eq!(widths(pattern).unwrap(), [320, 320]);
/// ```
pub trait FrameProducer: Send {
    /// What is really given, which need not be what was asked for: the format of the newest frame, or
    /// before the first one what is announced. `None` if nobody can know yet.
    fn format(&self) -> Option<&ProducerFormat>;

    /// The next frame.
    ///
    /// # Errors
    ///
    /// [`TimedOut`](CaptureError::TimedOut) if none came in time; the producer can be asked again.
    /// After every other error there are no more frames, and every later call gives an error, too.
    fn next_frame(&mut self, timeout: Duration) -> Result<CapturedFrame, CaptureError>;

    /// Ends the producer from another thread: a running [`FrameProducer::next_frame`] at once.
    fn stop_handle(&self) -> StopHandle;

    /// What was missing or damaged up to the newest frame, and all of it once the frames have ended.
    /// Default is nothing, as of producers that cannot be damaged.
    fn damage(&self) -> Damage {
        Damage::default()
    }

    /// The frames one after another, without a limit of time.
    fn frames(self) -> Frames<Self>
    where
        Self: Sized,
    {
        Frames::new(self)
    }

    /// The newest frame only: a thread takes every frame and keeps the last one. For consumers that
    /// are slower than a producer which waits for them.
    fn latest(self) -> Latest
    where
        Self: Sized + 'static,
    {
        Latest::new(self)
    }

    /// The same frames through a queue: a thread takes every frame and keeps up to `capacity` of them, at
    /// least one. For producers that do not wait, in front of a consumer that needs its time now and then.
    fn buffered(self, capacity: usize, when_full: WhenFull) -> Buffered
    where
        Self: Sized + 'static,
    {
        Buffered::new(self, capacity, when_full)
    }

    /// The frames for asynchronous programs, whatever runs them: a thread takes the frames and keeps
    /// up to `capacity` of them, at least one.
    fn into_stream(self, capacity: usize, when_full: WhenFull) -> FrameStream
    where
        Self: Sized + 'static,
    {
        FrameStream::new(self, capacity, when_full)
    }
}

/// Something that gives video as it was encoded elsewhere.
pub trait EncodedProducer: Send {
    /// The next frame. Waits for it; [`EncodedProducer::stop_handle`] ends that at once.
    ///
    /// # Errors
    ///
    /// After any error there are no more frames.
    fn next_encoded(&mut self) -> Result<EncodedFrame, CaptureError>;

    /// Ends the producer from another thread.
    fn stop_handle(&self) -> StopHandle;

    /// What was missing or damaged up to the newest frame, as far as that can be known without decoding.
    /// Default is nothing.
    fn damage(&self) -> Damage {
        Damage::default()
    }
}

/// What a producer gives.
#[derive(Debug, Clone, Copy, PartialEq)]
#[non_exhaustive]
pub struct ProducerFormat {
    /// How the pixels are stored.
    pub pixel_format: PixelFormat,
    /// Width in pixels.
    pub width: u32,
    /// Height in pixels.
    pub height: u32,
    /// Frames per second, where the producer says so.
    pub frame_rate: Option<f64>,
}

impl ProducerFormat {
    /// Frames of that format and size, at a rate that is not known.
    pub fn new(pixel_format: PixelFormat, width: u32, height: u32) -> Self {
        Self { pixel_format, width, height, frame_rate: None }
    }

    /// The same at a rate in frames per second. Default is that none is known.
    #[must_use]
    pub fn frame_rate(self, frame_rate: impl Into<Option<f64>>) -> Self {
        Self { frame_rate: frame_rate.into(), ..self }
    }

    /// The format of a frame; the rate is kept.
    pub(crate) fn follow(format: &mut Option<Self>, frame: &Frame) {
        let rate = format.and_then(|format| format.frame_rate);
        let found = Self::new(frame.format(), frame.width(), frame.height());
        *format = Some(found.frame_rate(rate));
    }
}

/// A frame and its place among the others.
#[derive(Debug, Clone)]
#[non_exhaustive]
pub struct CapturedFrame {
    /// The picture, with a timestamp that says when it belongs.
    pub frame: Frame,
    /// The frame's number, counted from 0. Frames that were left out are counted too: it is one more
    /// than that of the frame before, and `dropped` more.
    pub sequence: u64,
    /// How many frames were left out since the one before, because nobody took them in time.
    pub dropped: u64,
    /// When the frame came to this machine, or was made, by the system's clock.
    pub arrived: SystemTime,
}

impl CapturedFrame {
    /// A frame that comes now, with none left out before it.
    pub fn new(frame: Frame, sequence: u64) -> Self {
        Self { frame, sequence, dropped: 0, arrived: SystemTime::now() }
    }

    /// The same with so many frames left out before it. Default is 0.
    #[must_use]
    pub fn dropped(self, dropped: u64) -> Self {
        Self { dropped, ..self }
    }
}

impl<P: FrameProducer + ?Sized> FrameProducer for Box<P> {
    fn format(&self) -> Option<&ProducerFormat> {
        (**self).format()
    }

    fn next_frame(&mut self, timeout: Duration) -> Result<CapturedFrame, CaptureError> {
        (**self).next_frame(timeout)
    }

    fn stop_handle(&self) -> StopHandle {
        (**self).stop_handle()
    }

    fn damage(&self) -> Damage {
        (**self).damage()
    }
}

impl<P: FrameProducer + ?Sized> FrameProducer for &mut P {
    fn format(&self) -> Option<&ProducerFormat> {
        (**self).format()
    }

    fn next_frame(&mut self, timeout: Duration) -> Result<CapturedFrame, CaptureError> {
        (**self).next_frame(timeout)
    }

    fn stop_handle(&self) -> StopHandle {
        (**self).stop_handle()
    }

    fn damage(&self) -> Damage {
        (**self).damage()
    }
}
