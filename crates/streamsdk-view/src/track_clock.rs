use std::time::Duration;

use streamsdk_codec::VIDEO_CLOCK_RATE;
use tokio::time::Instant;

/// A step of more than this is another clock's.
const MAX_STEP: u32 = 10 * VIDEO_CLOCK_RATE;

/// The times of a viewer's track. They go on where those of the source begin anew, as after it was connected again.
#[derive(Debug, Default)]
pub(crate) struct TrackClock {
    last: Option<Last>,
    /// From a time of the source to one of the track.
    offset: u32,
}

#[derive(Debug, Clone, Copy)]
struct Last {
    source: u32,
    at: Instant,
}

impl TrackClock {
    /// The time on the track of a frame that has the time `source`, in ticks of 90 kHz.
    pub(crate) fn time(&mut self, source: u32, now: Instant) -> u32 {
        if let Some(last) = self.last {
            let step = source.wrapping_sub(last.source);
            if step == 0 || step > MAX_STEP {
                let passed = ticks(now.saturating_duration_since(last.at)).max(1);
                let time = last.source.wrapping_add(self.offset).wrapping_add(passed);
                self.offset = time.wrapping_sub(source);
            }
        }
        self.last = Some(Last { source, at: now });
        source.wrapping_add(self.offset)
    }
}

fn ticks(time: Duration) -> u32 {
    (time.as_secs_f64() * f64::from(VIDEO_CLOCK_RATE)) as u32
}

#[cfg(test)]
mod tests {
    use super::*;

    #[tokio::test(start_paused = true)]
    async fn times_are_the_sources_until_it_begins_anew_and_go_on_then() {
        let (mut clock, start) = (TrackClock::default(), Instant::now());
        let mut time = |source, ms| clock.time(source, start + Duration::from_millis(ms));
        assert_eq!(time(u32::MAX, 0), u32::MAX);
        assert_eq!(time(2999, 33), 2999);
        // 3001 ticks are 34 ms: the source's clock is another one now.
        assert_eq!(time(2_000_000_000, 67), 2999 + 3060);
        assert_eq!(time(2_000_003_000, 100), 2999 + 6060);
        assert_eq!(time(2_000_003_000, 100), 2999 + 6061);
        assert_eq!(time(1_000_000_000, 110), 2999 + 6961);
    }
}
