//! The time of frames on a track.

use streamsdk_media::{TimeBase, Timestamp};

/// Turns the timestamps of a producer into times on a track's clock, which begin at 0 and grow.
#[derive(Debug, Default)]
pub(crate) struct TrackClock {
    first: Option<Timestamp>,
    last: Option<i64>,
}

impl TrackClock {
    /// The time of the next frame in ticks of 90 kHz. A frame that does not come after the one before it
    /// is put one tick after it: two frames of one time would be one to the receiver.
    pub(crate) fn next(&mut self, timestamp: Timestamp) -> i64 {
        let first = *self.first.get_or_insert(timestamp);
        let ticks = |timestamp: Timestamp| timestamp.rescale(TimeBase::RTP_VIDEO);
        let since_first = ticks(timestamp)
            .zip(ticks(first))
            .and_then(|(at, first)| at.pts.checked_sub(first.pts));
        let after_last = self.last.map_or(0, |last| last.saturating_add(1));
        let time = since_first.unwrap_or(after_last).max(after_last);
        self.last = Some(time);
        time
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn times_begin_at_zero_and_never_stand_still() {
        let mut clock = TrackClock::default();
        let times: Vec<_> = [500, 533, 533, 400, 600, i64::MAX]
            .map(|pts| clock.next(Timestamp::new(pts, TimeBase::MILLISECONDS)))
            .into();
        assert_eq!(times, [0, 2970, 2971, 2972, 9000, 9001]);
    }
}
