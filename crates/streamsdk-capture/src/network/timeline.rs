//! Timestamps that never go back.

use std::time::Instant;

use streamsdk_media::{TimeBase, Timestamp};

/// Gives the frames of one stream after another a common time.
pub(super) struct Timeline {
    base: TimeBase,
    last: Option<(i64, Instant)>,
    /// What is added to the stream's own timestamps.
    shift: i64,
}

impl Timeline {
    pub(super) fn new(base: TimeBase) -> Self {
        Self { base, last: None, shift: 0 }
    }

    /// The timestamp of a frame that came at `now` with one of its own, or without.
    pub(super) fn stamp(&mut self, own: Option<Timestamp>, now: Instant) -> Timestamp {
        let own = own.and_then(|own| own.rescale(self.base)).map(|own| own.pts);
        let shifted = own.map(|own| own.saturating_add(self.shift));
        let pts = match (shifted, self.last) {
            (Some(pts), Some((last, _))) if pts > last => pts,
            (Some(pts), None) => pts,
            (_, last) => {
                let pts = last.map_or(0, |(last, then)| last.saturating_add(self.ticks(then, now)));
                self.shift = own.map_or(0, |own| pts.saturating_sub(own));
                pts
            }
        };
        self.last = Some((pts, now));
        Timestamp::new(pts, self.base)
    }

    /// At least one, since no two frames belong at the same time.
    fn ticks(&self, from: Instant, to: Instant) -> i64 {
        let seconds = to.saturating_duration_since(from).as_secs_f64();
        ((seconds / self.base.seconds()).round() as i64).max(1)
    }
}

#[cfg(test)]
mod tests {
    use std::time::Duration;

    use super::*;

    #[test]
    fn a_stream_that_starts_again_goes_on_by_the_time_that_passed() {
        let mut timeline = Timeline::new(TimeBase::MILLISECONDS);
        let start = Instant::now();
        let mut stamp = |pts: Option<i64>, base, at: u64| {
            let own = pts.map(|pts| Timestamp::new(pts, base));
            timeline.stamp(own, start + Duration::from_millis(at)).pts
        };
        let (ms, us) = (TimeBase::MILLISECONDS, TimeBase::MICROSECONDS);
        assert_eq!(stamp(Some(500), ms, 0), 500);
        assert_eq!(stamp(Some(540), ms, 7), 540);
        // A new connection with another time base, two seconds later.
        assert_eq!(stamp(Some(0), us, 2007), 2540);
        assert_eq!(stamp(Some(40_000), us, 2050), 2580);
        assert_eq!(stamp(None, us, 2060), 2590);
        // Two frames at the same time are one tick apart.
        assert_eq!(stamp(Some(i64::MIN), ms, 2060), 2591);
    }

    #[test]
    fn without_timestamps_the_time_of_arrival_counts() {
        let mut timeline = Timeline::new(TimeBase::MICROSECONDS);
        let start = Instant::now();
        let mut stamp = |at| timeline.stamp(None, start + Duration::from_millis(at)).pts;
        assert_eq!([stamp(0), stamp(33), stamp(70)], [0, 33_000, 70_000]);
    }
}
