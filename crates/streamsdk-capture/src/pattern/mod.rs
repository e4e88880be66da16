//! Frames that are drawn.

mod scene;

use std::fmt;
use std::time::{Duration, Instant, SystemTime};

use streamsdk_media::{Frame, MAX_DIMENSION, PixelFormat, TimeBase, Timestamp};

use self::scene::Scene;
use crate::{CaptureError, CapturedFrame, FrameProducer, ProducerFormat, StopHandle};

/// A moving picture that needs no camera: shapes over colour bars, the frame's number and a clock as
/// digits, and the number once more for machines, as a [`marker`](crate::marker).
///
/// Like a camera it gives a frame when its time has come, and leaves out frames that nobody takes in
/// time. The clock then shows the time of day in UTC. With [`TestPattern::paced`] switched off it gives
/// every frame right away, and the clock shows the frame's own time: the pictures are then the same
/// every time.
///
/// ```
/// use std::time::Duration;
/// use streamsdk_capture::{FrameProducer, TestPattern, marker};
///
/// let mut pattern = TestPattern::new(640, 360, 30.0);
/// let captured = pattern.next_frame(Duration::from_secs(1))?;
/// assert_eq!(marker::read(&captured.frame), Some(captured.sequence as u32));
/// # Ok::<(), streamsdk_capture::CaptureError>(())
/// ```
pub struct TestPattern {
    format: ProducerFormat,
    fps: f64,
    is_paced: bool,
    limit: u64,
    stop_handle: StopHandle,
    /// Made with the first frame.
    scene: Option<Scene>,
    started: Option<Instant>,
    next: u64,
}

impl TestPattern {
    /// A pattern of that size and rate in frames per second. Sizes from 1 to [`MAX_DIMENSION`] and
    /// rates from 0.01 to 1000 can be had; what lies outside is taken as the nearest of them, and a rate
    /// that is not a number as 30.
    ///
    /// The marker needs 240 pixels of width.
    pub fn new(width: u32, height: u32, fps: f64) -> Self {
        let (width, height) = (width.clamp(1, MAX_DIMENSION), height.clamp(1, MAX_DIMENSION));
        let fps = if fps.is_nan() { 30.0 } else { fps.clamp(0.01, 1000.0) };
        Self {
            format: ProducerFormat::new(PixelFormat::I420, width, height).frame_rate(fps),
            fps,
            is_paced: true,
            limit: u64::MAX,
            stop_handle: StopHandle::default(),
            scene: None,
            started: None,
            next: 0,
        }
    }

    /// How the pixels are stored. Default is I420, which is also drawn the fastest.
    #[must_use]
    pub fn pixel_format(mut self, pixel_format: PixelFormat) -> Self {
        self.format.pixel_format = pixel_format;
        self
    }

    /// Whether frames come in real time, or as fast as they are asked for. Default is `true`.
    #[must_use]
    pub fn paced(self, is_paced: bool) -> Self {
        Self { is_paced, ..self }
    }

    /// After how many frames, counting those left out, they end. Default is that they never do.
    #[must_use]
    pub fn limit(self, frames: u64) -> Self {
        Self { limit: frames, ..self }
    }

    /// Waits for the next frame's time, and says which one it is then.
    fn wait(&mut self, timeout: Duration) -> Result<u64, CaptureError> {
        let started = *self.started.get_or_insert_with(Instant::now);
        let since = started.elapsed();
        let due = self.time_of(self.next);
        let to_wait = due.saturating_sub(since);
        if self.stop_handle.wait(to_wait.min(timeout)) {
            return Err(CaptureError::Stopped);
        }
        if to_wait > timeout {
            return Err(CaptureError::TimedOut { waited: timeout });
        }
        let newest = (since.as_secs_f64() * self.fps) as u64;
        Ok(newest.max(self.next).min(self.limit - 1))
    }

    fn time_of(&self, number: u64) -> Duration {
        Duration::try_from_secs_f64(number as f64 / self.fps).unwrap_or(Duration::MAX)
    }

    fn draw(&mut self, number: u64) -> Result<Frame, CaptureError> {
        let time = self.time_of(number);
        let shown = match self.is_paced {
            true => SystemTime::UNIX_EPOCH.elapsed().unwrap_or_default(),
            false => time,
        };
        let ticks = time.as_secs_f64() * f64::from(TimeBase::RTP_VIDEO.den());
        let stamp = Timestamp::new(ticks.round() as i64, TimeBase::RTP_VIDEO);
        let scene = match &self.scene {
            Some(scene) => scene,
            None => self
                .scene
                .insert(Scene::new(self.format.width, self.format.height).map_err(failed)?),
        };
        let frame = scene.draw(number, &clock(shown)).at(stamp);
        frame.convert(self.format.pixel_format).map_err(failed)
    }
}

impl FrameProducer for TestPattern {
    fn format(&self) -> Option<&ProducerFormat> {
        Some(&self.format)
    }

    fn next_frame(&mut self, timeout: Duration) -> Result<CapturedFrame, CaptureError> {
        if self.stop_handle.is_stopped() {
            return Err(CaptureError::Stopped);
        }
        if self.next >= self.limit {
            return Err(CaptureError::EndOfStream);
        }
        let number = if self.is_paced { self.wait(timeout)? } else { self.next };
        let dropped = number - self.next;
        let frame = self.draw(number)?;
        self.next = number + 1;
        Ok(CapturedFrame::new(frame, number).dropped(dropped))
    }

    fn stop_handle(&self) -> StopHandle {
        self.stop_handle.clone()
    }
}

impl fmt::Debug for TestPattern {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("TestPattern")
            .field("format", &self.format)
            .field("paced", &self.is_paced)
            .field("next", &self.next)
            .finish_non_exhaustive()
    }
}

fn failed(reason: impl fmt::Display) -> CaptureError {
    CaptureError::Failed { origin: "the test pattern".to_owned(), reason: reason.to_string() }
}

/// Hours, minutes, seconds and milliseconds of the day.
fn clock(time: Duration) -> String {
    let seconds = time.as_secs();
    let (hours, minutes) = (seconds / 3600 % 24, seconds / 60 % 60);
    format!("{hours:02}:{minutes:02}:{:02}.{:03}", seconds % 60, time.subsec_millis())
}

#[cfg(test)]
mod tests;
