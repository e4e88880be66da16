//! The time of frames on a track.

use std::time::Instant;

use streamsdk_media::{TimeBase, Timestamp};

/// Turns the timestamps of one producer after another into times on a track's clock, which begin at 0
/// and grow.
#[derive(Debug, Default)]
pub(crate) struct TrackClock {
    /// The timestamp that the producer began with, and the track's time then.
    origin: Option<(Timestamp, i64)>,
    last: Option<(i64, Instant)>,
}

impl TrackClock {
    /// Prepares for another producer, whose first frame comes as much later as it comes.
    pub(crate) fn restart(&mut self) {
        self.origin = None;
    }

    /// The time in ticks of 90 kHz of a frame that is there at `now`. A frame that does not come after the
    /// one before it is put one tick after it: two frames of one time would be one to the receiver.
    pub(crate) fn next(&mut self, timestamp: Timestamp, now: Instant) -> i64 {
        let begin = self.last.map_or(0, |(last, then)| last.saturating_add(ticks(then, now)));
        let (first, begin) = *self.origin.get_or_insert((timestamp, begin));
        let in_ticks = |timestamp: Timestamp| timestamp.rescale(TimeBase::RTP_VIDEO);
        let since_first = in_ticks(timestamp)
            .zip(in_ticks(first))
            .and_then(|(at, first)| at.pts.checked_sub(first.pts)?.checked_add(begin));
        let after_last = self.last.map_or(0, |(last, _)| last.saturating_add(1));
        let time = since_first.unwrap_or(after_last).max(after_last);
        self.last = Some((time, now));
        time
    }
}

fn ticks(from: Instant, to: Instant) -> i64 {
    (to.saturating_duration_since(from).as_secs_f64() * 90_000.0) as i64
}

#[cfg(test)]
mod tests {
    use std::time::Duration;

    use super::*;

    #[test]
    fn times_begin_at_zero_and_never_stand_still() {
        let mut clock = TrackClock::default();
        let now = Instant::now();
        let times: Vec<_> = [500, 533, 533, 400, 600, i64::MAX]
            .map(|pts| clock.next(Timestamp::new(pts, TimeBase::MILLISECONDS), now))
            .into();
        assert_eq!(times, [0, 2970, 2971, 2972, 9000, 9001]);
    }

    #[test]
    fn another_producer_goes_on_by_the_time_that_passed() {
        let mut clock = TrackClock::default();
        let start = Instant::now();
        let next = |clock: &mut TrackClock, pts, at| {
            let timestamp = Timestamp::new(pts, TimeBase::MILLISECONDS);
            clock.next(timestamp, start + Duration::from_millis(at))
        };
        assert_eq!(next(&mut clock, 7000, 0), 0);
        assert_eq!(next(&mut clock, 7100, 100), 9000);
        clock.restart();
        assert_eq!(next(&mut clock, 50, 600), 54_000);
        assert_eq!(next(&mut clock, 90, 640), 57_600);
    }
}
