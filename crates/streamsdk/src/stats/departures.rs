//! Which of the frames that left have been confirmed. Without a clock, a task or a connection.

use std::collections::VecDeque;
use std::time::{Duration, Instant};

/// How long a frame that was handed over may wait to leave.
const MAX_DEPARTURE: Duration = Duration::from_millis(250);
/// Frames whose times are known one by one: half a minute at 30 a second. The newest share one time beyond that.
const MAX_TIMES: usize = 1024;

/// When the frames of one link left. What is confirmed up to a moment becomes a number of frames.
#[derive(Debug, Default)]
pub(super) struct Departures {
    /// When a frame was handed over, and how many had been by then. Those that are not confirmed.
    times: VecDeque<(Instant, u64)>,
    left: u64,
    confirmed: u64,
}

impl Departures {
    /// Notes a frame that was handed over.
    pub(super) fn frame_left(&mut self, at: Instant) {
        self.left += 1;
        if self.times.len() == MAX_TIMES {
            self.times.pop_back();
        }
        self.times.push_back((at, self.left));
    }

    /// Frames that had left when the path was last known to be whole, which was at `confirmed`.
    pub(super) fn confirmed(&mut self, confirmed: Option<Instant>) -> u64 {
        let Some(confirmed) = confirmed else { return self.confirmed };
        while let Some((at, frames)) = self.times.front()
            && *at + MAX_DEPARTURE <= confirmed
        {
            self.confirmed = *frames;
            self.times.pop_front();
        }
        self.confirmed
    }

    /// When the last frame was handed over, where that is not confirmed.
    pub(super) fn unconfirmed_since(&self) -> Option<Instant> {
        self.times.back().map(|(at, _)| *at)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const FRAME: Duration = Duration::from_millis(33);

    #[test]
    fn frames_are_confirmed_that_had_left_by_then_and_no_others() {
        let start = Instant::now();
        let mut departures = Departures::default();
        (0..30).for_each(|n| departures.frame_left(start + FRAME * n));
        assert_eq!(departures.confirmed(None), 0);
        assert_eq!(departures.confirmed(Some(start + FRAME * 9)), 2, "the others may wait yet");
        assert_eq!(departures.confirmed(Some(start)), 2, "what is confirmed stays so");
        assert_eq!(departures.unconfirmed_since(), Some(start + FRAME * 29));
        assert_eq!(departures.confirmed(Some(start + FRAME * 29 + MAX_DEPARTURE)), 30);
        assert_eq!(departures.unconfirmed_since(), None);
    }

    #[test]
    fn a_path_that_is_silent_for_long_costs_no_memory_and_no_frame() {
        let start = Instant::now();
        let mut departures = Departures::default();
        (0..5000).for_each(|n| departures.frame_left(start + FRAME * n));
        assert!(departures.times.len() <= MAX_TIMES);
        assert_eq!(departures.confirmed(Some(start + FRAME * 4000)), MAX_TIMES as u64 - 1);
        assert_eq!(departures.confirmed(Some(start + FRAME * 5100)), 5000);
    }
}
