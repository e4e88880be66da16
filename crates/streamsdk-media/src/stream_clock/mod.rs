//! One time for the frames of a stream whose timestamps need not be true.

mod rule;
#[cfg(test)]
mod tests;

use std::time::{Duration, Instant};

use self::rule::ClockRule;
use crate::{TimeBase, Timestamp};

/// Gives the frames of a stream the times at which they are presented.
///
/// Timestamps are what a camera or a file says; arrival is what happened. A clock goes by the
/// timestamps as long as they agree with arrival, and by arrival where they do not. It reads no clock
/// of its own: whoever calls says when a frame was there.
///
/// Times always grow. What else is done about wrong timestamps:
///
/// | timestamps | times |
/// |---|---|
/// | go back, by any amount | go on by the time that passed, and then by the new timestamps |
/// | are missing, repeated, or stand still | go on by the time that passed |
/// | wrap | as a step back |
/// | step forward | see the kinds of clocks |
///
/// There are three kinds, for three kinds of streams:
///
/// * [`StreamClock::live`], for cameras. Times keep to arrival: a step forward, and a clock that is too
///   fast, get no more than 0.75 seconds ahead of it. Frames that are late because the network stood
///   still keep their timestamps, however many come at once afterwards. What stays more than 0.4
///   seconds late for half a second, without catching up, goes by arrival again. Frames that are there
///   when a stream begins, as servers keep some for whoever connects, do not count as ahead.
/// * [`StreamClock::relayed`], for frames of a sender that keeps time, which may come faster or slower
///   than they are to be shown. Only steps forward by more than
///   [`longest_step`](StreamClock::longest_step) go by arrival.
/// * [`StreamClock::recorded`], for files, whose frames come when they are asked for. What passes from
///   one frame to the next, where timestamps do not say, is the declared time of a frame. A step
///   forward is one by more than [`longest_step`](StreamClock::longest_step) and four frames.
///
/// ```
/// use std::time::{Duration, Instant};
/// use streamsdk_media::{StreamClock, TimeBase, Timestamp};
///
/// let mut clock = StreamClock::live(TimeBase::MILLISECONDS);
/// let start = Instant::now();
/// let mut time = |own, after| {
///     let own = Timestamp::new(own, TimeBase::MILLISECONDS);
///     clock.stamp(Some(own), start + Duration::from_millis(after)).pts
/// };
/// assert_eq!([time(5000, 0), time(5040, 43)], [5000, 5040]);
/// // The camera was told that it is five seconds earlier.
/// assert_eq!([time(80, 83), time(120, 123)], [5080, 5120]);
/// ```
#[derive(Debug, Clone)]
pub struct StreamClock {
    base: TimeBase,
    rule: ClockRule,
    begins_at_zero: bool,
    last: Option<Last>,
    /// The newest timestamp of the stream's own; `None` if there was none since the stream began.
    own: Option<i64>,
    /// What is added to the stream's own timestamps.
    shift: i64,
    /// Frames in a row whose timestamps were behind those before.
    behind: u32,
}

/// The frame before.
#[derive(Debug, Clone, Copy)]
struct Last {
    pts: i64,
    /// When it came, in ticks since the first.
    arrival: i64,
    started: Instant,
}

/// How a frame came, in ticks.
#[derive(Debug, Clone, Copy)]
struct Coming {
    /// Since the first frame.
    arrival: i64,
    /// Since the one before.
    passed: i64,
    /// The part of that in which it was waited for.
    waited: i64,
}

impl StreamClock {
    /// For a camera, whose frames come when they are taken. Times are in `base` and begin with the
    /// stream's own.
    pub fn live(base: TimeBase) -> Self {
        Self::new(base, ClockRule::live(base))
    }

    /// For frames of a sender that keeps time. Times are in `base` and begin with the sender's own.
    pub fn relayed(base: TimeBase) -> Self {
        Self::new(base, ClockRule::relayed(base))
    }

    /// For a file, a frame of which is shown for `frame_time` if nothing else is known. Times are in
    /// `base` and begin with the file's own; when frames come makes no difference.
    pub fn recorded(base: TimeBase, frame_time: Duration) -> Self {
        Self::new(base, ClockRule::recorded(base, frame_time))
    }

    /// How far timestamps may go forward without being taken for a step. Default is 2 seconds for
    /// relayed frames and 10 seconds for files; live streams pay no regard to it.
    #[must_use]
    pub fn longest_step(self, longest: Duration) -> Self {
        let longest = ticks(self.base, longest);
        Self { rule: self.rule.longest_step(longest), ..self }
    }

    /// Lets times begin with 0.
    #[must_use]
    pub fn from_zero(self) -> Self {
        Self { begins_at_zero: true, ..self }
    }

    /// The stream begins again, with timestamps that have nothing to do with those before: after a
    /// reconnection, for example. Times go on by the time that passes.
    pub fn restart(&mut self) {
        self.own = None;
        self.behind = 0;
        self.rule.restart();
    }

    /// The time of the next frame, which has a timestamp of its own, or none, and was there at `now`.
    pub fn stamp(&mut self, own: Option<Timestamp>, now: Instant) -> Timestamp {
        self.stamp_awaited(own, now, Duration::MAX)
    }

    /// As [`StreamClock::stamp`], for callers that do other things than waiting for frames: since the one
    /// before, this one was waited for only so long. One that was not waited for had come before.
    pub fn stamp_awaited(
        &mut self,
        own: Option<Timestamp>,
        now: Instant,
        waited: Duration,
    ) -> Timestamp {
        let own = own.and_then(|own| own.rescale(self.base)).map(|own| own.pts);
        let pts = match self.last {
            None => self.begin(own, now),
            Some(last) => self.go_on(last, own, now, ticks(self.base, waited)),
        };
        Timestamp::new(pts, self.base)
    }

    fn begin(&mut self, own: Option<i64>, now: Instant) -> i64 {
        // A stream that begins at the end of time has no room for times that grow.
        let is_usable = |own: &i64| !self.begins_at_zero && own.unsigned_abs() < MAX_TICKS;
        let pts = own.filter(is_usable).unwrap_or(0);
        self.shift = own.map_or(0, |own| pts.saturating_sub(own));
        self.own = own;
        self.rule.begin(pts);
        self.last = Some(Last { pts, arrival: 0, started: now });
        pts
    }

    fn go_on(&mut self, last: Last, own: Option<i64>, now: Instant, waited: i64) -> i64 {
        let since_start = ticks(self.base, now.saturating_duration_since(last.started));
        let arrival = self.rule.arrival(last.arrival, since_start);
        let passed = arrival.saturating_sub(last.arrival);
        let coming = Coming { arrival, passed, waited: waited.min(passed) };
        let pts = self.follow(last.pts, own, coming).max(last.pts.saturating_add(1));
        let presented = self.rule.catch_up(pts, arrival);
        self.shift = self.shift.saturating_add(presented.saturating_sub(pts));
        self.last = Some(Last { pts: presented, arrival, ..last });
        presented
    }

    /// The time by the stream's own timestamp where that can be, and by what passed otherwise.
    fn follow(&mut self, last: i64, own: Option<i64>, coming: Coming) -> i64 {
        let by_arrival = last.saturating_add(self.rule.spacing(last, coming));
        let Some(own) = own else { return by_arrival };
        let Some(before) = self.own.replace(own) else {
            return self.anchor(own, by_arrival);
        };
        let candidate = own.saturating_add(self.shift);
        if own == before {
            return last.saturating_add(self.rule.repetition(coming.passed)).min(by_arrival);
        }
        if candidate <= last {
            self.behind = self.behind.saturating_add(1);
            let back = last.saturating_sub(candidate);
            return match back > ticks(self.base, MAX_REORDER_GAP)
                || self.behind >= MIN_STEPS_IN_A_ROW
            {
                true => self.anchor(own, by_arrival),
                false => by_arrival,
            };
        }
        if !self.rule.admits(candidate, own.saturating_sub(before), coming) {
            return self.anchor(own, by_arrival);
        }
        self.behind = 0;
        candidate
    }

    /// From now on the stream's own timestamp `own` means `pts`.
    fn anchor(&mut self, own: i64, pts: i64) -> i64 {
        self.behind = 0;
        self.shift = pts.saturating_sub(own);
        pts
    }

    fn new(base: TimeBase, rule: ClockRule) -> Self {
        Self { base, rule, begins_at_zero: false, last: None, own: None, shift: 0, behind: 0 }
    }
}

fn ticks(base: TimeBase, duration: Duration) -> i64 {
    (duration.as_secs_f64() / base.seconds()).round() as i64
}

/// Timestamps that are so far behind may be no step: pictures that change places, or one that came when
/// the clock had gone on without it.
const MAX_REORDER_GAP: Duration = Duration::from_millis(200);
/// So many of those in a row are one.
const MIN_STEPS_IN_A_ROW: u32 = 8;

const MAX_TICKS: u64 = 1 << 62;
