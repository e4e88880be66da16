//! Giving frames when their time has come.

use std::time::{Duration, Instant, SystemTime};

use streamsdk_media::Frame;

use crate::{CaptureError, CapturedFrame, Stopper};

/// Holds the next frame back until it is due.
pub(super) struct Playback {
    is_paced: bool,
    stopper: Stopper,
    waiting: Option<CapturedFrame>,
    /// When playing began, and the time in seconds of the frame that it began with.
    started: Option<(Instant, f64)>,
    next_sequence: u64,
}

impl Playback {
    pub(super) fn new(is_paced: bool) -> Self {
        Self {
            is_paced,
            stopper: Stopper::default(),
            waiting: None,
            started: None,
            next_sequence: 0,
        }
    }

    pub(super) fn stopper(&self) -> Stopper {
        self.stopper.clone()
    }

    /// Whether there is no frame that waits, and one can be put.
    pub(super) fn is_empty(&self) -> bool {
        self.waiting.is_none() && !self.stopper.is_stopped()
    }

    pub(super) fn put(&mut self, frame: Frame) {
        self.waiting = Some(CapturedFrame::new(frame, self.next_sequence));
        self.next_sequence += 1;
    }

    /// Gives the frame when it is due.
    pub(super) fn take(&mut self, timeout: Duration) -> Result<CapturedFrame, CaptureError> {
        let to_wait = self.until_due();
        if self.stopper.wait(to_wait.min(timeout)) {
            return Err(CaptureError::Stopped);
        }
        let due = self.waiting.take_if(|_| to_wait <= timeout);
        let mut captured = due.ok_or(CaptureError::TimedOut { waited: timeout })?;
        captured.arrived = SystemTime::now();
        Ok(captured)
    }

    fn until_due(&mut self) -> Duration {
        let timestamp = self.waiting.as_ref().and_then(|captured| captured.frame.timestamp());
        let Some(timestamp) = timestamp.filter(|_| self.is_paced) else { return Duration::ZERO };
        let seconds = timestamp.seconds();
        let (started, first) = *self.started.get_or_insert((Instant::now(), seconds));
        let due = Duration::try_from_secs_f64(seconds - first).unwrap_or_default();
        due.saturating_sub(started.elapsed())
    }
}
