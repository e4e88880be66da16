//! Giving frames when their time has come.

use std::time::{Duration, Instant, SystemTime};

use streamsdk_media::{Frame, Timestamp};

use crate::{CaptureError, CapturedFrame, StopHandle};

/// How a file is played.
#[derive(Debug, Clone)]
pub(super) struct Pacing {
    pub(super) is_paced: bool,
    pub(super) drops_late: bool,
    pub(super) max_wait: Duration,
}

impl Default for Pacing {
    fn default() -> Self {
        Self { is_paced: false, drops_late: false, max_wait: Duration::from_secs(2) }
    }
}

/// Holds the next frame back until it is due.
pub(super) struct Playback {
    schedule: Option<Schedule>,
    stop_handle: StopHandle,
    waiting: Option<WaitingFrame>,
    next_sequence: u64,
    /// Frames that came too late since the last one that did not.
    left_out: u64,
}

struct WaitingFrame {
    frame: Frame,
    due: Option<Instant>,
}

impl Playback {
    /// A frame of the file is shown for `frame_time`, as far as is known.
    pub(super) fn new(pacing: &Pacing, frame_time: Duration) -> Self {
        Self {
            schedule: pacing.is_paced.then(|| Schedule::new(pacing, frame_time)),
            stop_handle: StopHandle::default(),
            waiting: None,
            next_sequence: 0,
            left_out: 0,
        }
    }

    pub(super) fn stop_handle(&self) -> StopHandle {
        self.stop_handle.clone()
    }

    /// Whether there is no frame that waits, and one can be put.
    pub(super) fn is_empty(&self) -> bool {
        self.waiting.is_none() && !self.stop_handle.is_stopped()
    }

    /// Leaves the frame out if it comes too late.
    pub(super) fn put(&mut self, frame: Frame) {
        let timestamp = frame.timestamp();
        let due = match self.schedule.as_mut().zip(timestamp) {
            None => Due::Now,
            Some((schedule, timestamp)) => schedule.due(timestamp, Instant::now()),
        };
        match due {
            Due::Now => self.waiting = Some(WaitingFrame { frame, due: None }),
            Due::At(due) => self.waiting = Some(WaitingFrame { frame, due: Some(due) }),
            Due::TooLate => self.left_out = self.left_out.saturating_add(1),
        }
    }

    /// Gives the frame when it is due.
    pub(super) fn take(&mut self, timeout: Duration) -> Result<CapturedFrame, CaptureError> {
        let due = self.waiting.as_ref().and_then(|waiting| waiting.due);
        let to_wait =
            due.map_or(Duration::ZERO, |due| due.saturating_duration_since(Instant::now()));
        if self.stop_handle.wait(to_wait.min(timeout)) {
            return Err(CaptureError::Stopped);
        }
        let waiting = self.waiting.take_if(|_| to_wait <= timeout);
        let waiting = waiting.ok_or(CaptureError::TimedOut { waited: timeout })?;
        let dropped = std::mem::take(&mut self.left_out);
        let sequence = self.next_sequence.saturating_add(dropped);
        self.next_sequence = sequence.saturating_add(1);
        let mut captured = CapturedFrame::new(waiting.frame, sequence).dropped(dropped);
        captured.arrived = SystemTime::now();
        Ok(captured)
    }
}

/// When frames are due, at a file's own speed.
struct Schedule {
    /// How late a frame may be; `None` if it is given however late it is.
    max_lateness: Option<Duration>,
    max_wait: Duration,
    /// When the frame before was due, and its time.
    last: Option<(Instant, Timestamp)>,
}

/// When a frame is due.
#[derive(Debug, PartialEq)]
enum Due {
    Now,
    At(Instant),
    TooLate,
}

impl Schedule {
    fn new(pacing: &Pacing, frame_time: Duration) -> Self {
        let max_lateness = pacing.drops_late.then_some(frame_time.max(MAX_LATENESS));
        Self { max_lateness, max_wait: pacing.max_wait, last: None }
    }

    fn due(&mut self, timestamp: Timestamp, now: Instant) -> Due {
        let due = self.last.map_or(Some(now), |(due, last)| {
            let pause = Duration::try_from_secs_f64(timestamp.seconds() - last.seconds());
            due.checked_add(pause.unwrap_or_default().min(self.max_wait))
        });
        let due = due.unwrap_or(now);
        let lateness = now.saturating_duration_since(due);
        // What cannot be played at its own speed is played as fast as it can be.
        let is_hopeless = lateness > self.max_wait.max(MAX_STALL);
        self.last = Some((if is_hopeless { now } else { due }, timestamp));
        match self.max_lateness {
            Some(max_lateness) if lateness > max_lateness && !is_hopeless => Due::TooLate,
            _ => Due::At(due),
        }
    }
}

/// A machine that is busy for a moment is no reason to leave frames out.
const MAX_LATENESS: Duration = Duration::from_millis(200);
/// Nobody is to wait longer for a frame while all that there are come too late.
const MAX_STALL: Duration = Duration::from_secs(1);

#[cfg(test)]
mod tests {
    use streamsdk_media::TimeBase;

    use super::*;

    const FRAME_TIME: Duration = Duration::from_millis(40);

    fn schedule(drops_late: bool) -> (Schedule, Instant) {
        let pacing = Pacing { is_paced: true, drops_late, ..Pacing::default() };
        (Schedule::new(&pacing, FRAME_TIME), Instant::now())
    }

    fn at(ms: i64) -> Timestamp {
        Timestamp::new(ms, TimeBase::MILLISECONDS)
    }

    #[test]
    fn no_pause_is_waited_for_longer_than_the_limit() {
        let (mut schedule, start) = schedule(true);
        let after = |ms| Due::At(start + Duration::from_millis(ms));
        assert_eq!(schedule.due(at(1000), start), after(0));
        assert_eq!(schedule.due(at(1500), start), after(500));
        assert_eq!(schedule.due(at(9_001_500), start), after(2500));
        assert_eq!(schedule.due(at(9_001_540), start), after(2540));
        assert_eq!(schedule.due(at(i64::MAX), start), after(4540));
        assert_eq!(schedule.due(at(i64::MIN), start), after(4540));
    }

    #[test]
    fn what_is_late_is_left_out_only_where_that_is_wanted() {
        for drops_late in [true, false] {
            let (mut schedule, start) = schedule(drops_late);
            let now = start + Duration::from_millis(300);
            schedule.due(at(0), start);
            let is_left_out = schedule.due(at(40), now) == Due::TooLate;
            assert_eq!(is_left_out, drops_late);
            assert_eq!(schedule.due(at(280), now), Due::At(start + Duration::from_millis(280)));
        }
    }

    #[test]
    fn a_file_that_decodes_too_slowly_is_shown_all_the_same() {
        let (mut schedule, start) = schedule(true);
        let shown = (0..500).filter(|n| {
            let now = start + FRAME_TIME * 3 * *n;
            schedule.due(at(i64::from(*n) * 40), now) != Due::TooLate
        });
        assert!(shown.count() >= 15);
    }
}
