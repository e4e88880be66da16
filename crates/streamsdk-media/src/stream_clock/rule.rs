//! How far timestamps are believed.

use std::time::Duration;

use super::{Coming, ticks};
use crate::TimeBase;

/// What is known about when frames come, in ticks.
#[derive(Debug, Clone)]
pub(super) enum ClockRule {
    Live(LiveRule),
    Relayed(Relayed),
    Recorded(Recorded),
}

/// Times keep to arrival.
#[derive(Debug, Clone)]
pub(super) struct LiveRule {
    second: i64,
    /// The time of a frame that comes when the first one came.
    first: i64,
    /// How far times are ahead of arrival where frames are in time.
    lead: i64,
    /// Since when no frame has come that had been there; `None` until the connection's first.
    opened: Option<i64>,
    late: Option<Late>,
}

/// Since when, or since which look at it, frames have been late, and by how much.
#[derive(Debug, Clone, Copy)]
struct Late {
    arrival: i64,
    lateness: i64,
}

/// Times may leave arrival behind, or stay behind it, little by little.
#[derive(Debug, Clone)]
pub(super) struct Relayed {
    longest: i64,
    first: i64,
    /// How far times have been ahead of arrival.
    lead: i64,
    /// The newest distance of two timestamps.
    interval: Option<i64>,
}

/// Nobody waits for frames to come.
#[derive(Debug, Clone)]
pub(super) struct Recorded {
    longest: i64,
    frame_time: i64,
    repetitions: u32,
}

impl ClockRule {
    pub(super) fn live(base: TimeBase) -> Self {
        let second = ticks(base, Duration::from_secs(1));
        Self::Live(LiveRule { second, first: 0, lead: 0, opened: None, late: None })
    }

    pub(super) fn relayed(base: TimeBase) -> Self {
        let longest = ticks(base, MAX_RELAYED_STEP);
        Self::Relayed(Relayed { longest, first: 0, lead: 0, interval: None })
    }

    pub(super) fn recorded(base: TimeBase, frame_time: Duration) -> Self {
        let frame_time = ticks(base, frame_time).max(1);
        let longest = ticks(base, MAX_RECORDED_STEP);
        Self::Recorded(Recorded { longest, frame_time, repetitions: 0 })
    }

    pub(super) fn longest_step(mut self, ticks: i64) -> Self {
        match &mut self {
            Self::Live(_) => {}
            Self::Relayed(relayed) => relayed.longest = ticks,
            Self::Recorded(recorded) => recorded.longest = ticks,
        }
        self
    }

    pub(super) fn begin(&mut self, pts: i64) {
        match self {
            Self::Live(live) => live.first = pts,
            Self::Relayed(relayed) => relayed.first = pts,
            Self::Recorded(_) => {}
        }
    }

    pub(super) fn restart(&mut self) {
        match self {
            Self::Live(live) => {
                (live.lead, live.opened, live.late) = (0, None, None);
            }
            Self::Relayed(relayed) => relayed.interval = None,
            Self::Recorded(recorded) => recorded.repetitions = 0,
        }
    }

    /// When a frame came that is there now. Frames of a file come at their declared rate.
    pub(super) fn arrival(&self, last: i64, now: i64) -> i64 {
        match self {
            Self::Recorded(recorded) => last.saturating_add(recorded.frame_time),
            _ => now.max(last),
        }
    }

    /// How much later a frame is shown whose timestamp says nothing.
    pub(super) fn spacing(&self, last: i64, coming: Coming) -> i64 {
        let Coming { arrival, passed, .. } = coming;
        match self {
            Self::Live(live) => {
                let ahead = live.ahead(last, arrival.saturating_sub(passed)).max(0);
                passed - ahead.min(passed / 8)
            }
            _ => passed,
        }
    }

    /// How much later a frame is shown whose timestamp is that of the one before.
    pub(super) fn repetition(&mut self, passed: i64) -> i64 {
        match self {
            Self::Live(_) => passed,
            // The sender may have been held up.
            Self::Relayed(relayed) => relayed.interval.map_or(passed, |most| passed.min(most)),
            Self::Recorded(recorded) => {
                recorded.repetitions = recorded.repetitions.saturating_add(1);
                // One of two pictures of a frame, or a clock that stands still.
                if recorded.repetitions == 1 { passed / 2 } else { passed }
            }
        }
    }

    /// Whether a timestamp that goes on by `distance` is believed.
    pub(super) fn admits(&mut self, pts: i64, distance: i64, coming: Coming) -> bool {
        match self {
            Self::Live(live) => live.admits(pts, distance, coming),
            Self::Relayed(relayed) => relayed.admits(pts, distance, coming.arrival),
            Self::Recorded(recorded) => {
                recorded.repetitions = 0;
                distance <= recorded.longest.max(recorded.frame_time.saturating_mul(4))
            }
        }
    }

    /// The time, or the time of arrival if the stream is late for good.
    pub(super) fn catch_up(&mut self, pts: i64, arrival: i64) -> i64 {
        match self {
            Self::Live(live) => live.catch_up(pts, arrival),
            Self::Relayed(_) | Self::Recorded(_) => pts,
        }
    }
}

impl LiveRule {
    fn on_time(&self, arrival: i64) -> i64 {
        self.first.saturating_add(arrival).saturating_add(self.lead)
    }

    fn ahead(&self, pts: i64, arrival: i64) -> i64 {
        pts.saturating_sub(self.on_time(arrival))
    }

    fn admits(&mut self, pts: i64, distance: i64, coming: Coming) -> bool {
        let ahead = self.ahead(pts, coming.arrival);
        let opened = *self.opened.get_or_insert(coming.arrival);
        let is_open = coming.arrival.saturating_sub(opened) < self.second;
        if is_open && ahead > 0 && self.was_there(distance, coming.waited) {
            self.lead = self.lead.saturating_add(ahead);
            self.opened = Some(coming.arrival);
            return true;
        }
        ahead <= self.second * 3 / 4
    }

    /// Whether a frame had come before it was asked for, and is one that a server may have kept.
    fn was_there(&self, distance: i64, waited: i64) -> bool {
        let is_awaited = waited > (distance / 2).min(self.second / 100);
        !is_awaited && distance < self.second.saturating_mul(2) && self.lead < self.second * 10
    }

    fn catch_up(&mut self, pts: i64, arrival: i64) -> i64 {
        if self.is_late_for_good(pts, arrival) { self.on_time(arrival) } else { pts }
    }

    fn is_late_for_good(&mut self, pts: i64, arrival: i64) -> bool {
        let lateness = self.ahead(pts, arrival).saturating_neg();
        if lateness <= self.second * 2 / 5 {
            self.late = None;
            return false;
        }
        let late = *self.late.get_or_insert(Late { arrival, lateness });
        let waited = arrival.saturating_sub(late.arrival);
        if waited < self.second / 2 {
            return false;
        }
        let caught_up = late.lateness.saturating_sub(lateness);
        // What was held up comes a little faster than it was taken, at least.
        let is_catching_up = caught_up > waited / 10;
        self.late = is_catching_up.then_some(Late { arrival, lateness });
        !is_catching_up
    }
}

impl Relayed {
    fn admits(&mut self, pts: i64, distance: i64, arrival: i64) -> bool {
        let ahead = pts.saturating_sub(self.first.saturating_add(arrival));
        if ahead.saturating_sub(self.lead) > self.longest {
            return false;
        }
        self.lead = self.lead.max(ahead);
        self.interval = Some(distance);
        true
    }
}

const MAX_RELAYED_STEP: Duration = Duration::from_secs(2);
const MAX_RECORDED_STEP: Duration = Duration::from_secs(10);
