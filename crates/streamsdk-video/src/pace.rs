//! Frames that come in bursts leave one after the other.

use std::time::{Duration, Instant};

use streamsdk_codec::VIDEO_CLOCK_RATE;

/// Share of the time from one frame to the next that has to pass between them: so much faster than it
/// was taken does video leave that comes faster than it was taken, until it is on time again.
const SHARE: f64 = 0.8;
/// A longer pause in the video need not be kept.
const MAX_PAUSE: Duration = Duration::from_millis(200);

/// Says when the next frame may leave.
#[derive(Debug, Default)]
pub(crate) struct Pace {
    last: Option<(i64, Instant)>,
}

impl Pace {
    /// How long a frame of that time, in ticks of 90 kHz, has to wait at `now`.
    pub(crate) fn wait(&mut self, time: i64, now: Instant) -> Duration {
        let due = self.last.map_or(now, |(last_time, left)| {
            let interval =
                time.saturating_sub(last_time).max(0) as f64 / f64::from(VIDEO_CLOCK_RATE);
            left + Duration::from_secs_f64((interval * SHARE).min(MAX_PAUSE.as_secs_f64()))
        });
        let leaves = due.max(now);
        self.last = Some((time, leaves));
        leaves - now
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_burst_is_spread_and_what_comes_in_time_does_not_wait() {
        let start = Instant::now();
        let mut pace = Pace::default();
        let mut wait = |frame: i64, at| pace.wait(frame * 3000, start + Duration::from_millis(at));
        assert_eq!([wait(0, 0), wait(1, 33), wait(2, 66)], [Duration::ZERO; 3]);
        // Three at once, one of them in time.
        let waits = [wait(3, 100), wait(4, 100), wait(5, 100)].map(|wait| wait.as_millis());
        assert_eq!(waits, [0, 26, 53]);
        // The time stood still for a while.
        assert_eq!(wait(605, 200).as_millis(), 153);
        assert_eq!(wait(3, 10_000), Duration::ZERO);
    }
}
