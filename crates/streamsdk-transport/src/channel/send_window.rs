//! How much of a channel may be with the engine that the peer has not acknowledged.
//!
//! What is outstanding is in flight or waits for its turn. On a path of 90 ms 10 MB/s are in flight only if 900 kB may be;
//! and on a slow one, whatever waits is in the way of all other channels of the connection. So the window is what is
//! acknowledged in a round trip, a few times over.

use std::sync::{Arc, Mutex, PoisonError};
use std::time::Duration;

use tokio::time::Instant;
use webrtc::data_channel::DataChannel;

use crate::runtime::tuning::RuntimeTuning;

/// The window of a short path and of a slow one. Peers with a small socket buffer lose packets of more at once.
pub(crate) const FIRST_SEND_WINDOW: usize = 128 << 10;
/// While SCTP's own window doubles with each round trip, the next one needs twice what was acknowledged in the
/// last, and something has to wait for it.
const ROUND_TRIPS: f64 = 3.0;
/// On a shorter path the first window is 64 MB/s or more.
const MIN_ROUND_TRIP: Duration = Duration::from_millis(2);
/// Whoever sends after a pause of so many round trips is measured anew.
const MAX_PAUSE: u32 = 4;

/// The window of a channel, which follows the path that its connection has.
pub(crate) struct SendWindow {
    tuning: Arc<RuntimeTuning>,
    most: usize,
    state: Mutex<State>,
}

#[derive(Debug)]
struct State {
    bytes: usize,
    sent: u64,
    round: Option<Round>,
}

/// What is measured, from a moment on at which the window was full.
#[derive(Debug, Clone, Copy)]
struct Round {
    since: Instant,
    acknowledged: u64,
}

impl SendWindow {
    /// Never more than `most` bytes.
    pub(crate) fn new(tuning: &Arc<RuntimeTuning>, most: usize) -> Self {
        let state = State { bytes: FIRST_SEND_WINDOW.min(most), sent: 0, round: None };
        Self { tuning: Arc::clone(tuning), most, state: Mutex::new(state) }
    }

    /// Waits until `channel` has room. With nothing outstanding there always is, for a message of any size.
    pub(super) async fn room(&self, channel: &dyn DataChannel) -> webrtc::error::Result<()> {
        loop {
            let mut round_of_engine = std::pin::pin!(self.tuning.end_of_round());
            // From here on none is missed.
            round_of_engine.as_mut().enable();
            if self.has_room(channel.outstanding_bytes().await?) {
                return Ok(());
            }
            round_of_engine.await;
        }
    }

    pub(super) fn count_sent(&self, bytes: usize) {
        self.state.lock().unwrap_or_else(PoisonError::into_inner).sent += bytes as u64;
    }

    fn has_room(&self, outstanding: usize) -> bool {
        let mut state = self.state.lock().unwrap_or_else(PoisonError::into_inner);
        if outstanding == 0 || outstanding < state.bytes {
            return true;
        }
        if let Some(round_trip) = self.tuning.path.round_trip() {
            let acknowledged = state.sent.saturating_sub(outstanding as u64);
            let most = self.tuning.most_under_way(round_trip).max(FIRST_SEND_WINDOW);
            state.measure(acknowledged, round_trip, most.min(self.most));
        }
        outstanding < state.bytes
    }
}

impl State {
    /// The window is full, and that much of everything is acknowledged.
    fn measure(&mut self, acknowledged: u64, round_trip: Duration, most: usize) {
        if round_trip < MIN_ROUND_TRIP {
            return;
        }
        let now = Instant::now();
        let since = |round: Round| now.duration_since(round.since);
        let begun = self.round.filter(|round| since(*round) < round_trip * MAX_PAUSE);
        let Some(round) = begun else {
            self.round = Some(Round { since: now, acknowledged });
            return;
        };
        let elapsed = since(round);
        if elapsed >= round_trip {
            let in_round = acknowledged.saturating_sub(round.acknowledged) as f64;
            let in_round_trip = in_round * round_trip.as_secs_f64() / elapsed.as_secs_f64();
            let window = (in_round_trip * ROUND_TRIPS) as usize;
            self.bytes = window.max(FIRST_SEND_WINDOW).min(most);
            self.round = Some(Round { since: now, acknowledged });
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const MOST: usize = 1 << 20;
    const ROUND_TRIP: Duration = Duration::from_millis(90);

    fn state() -> State {
        State { bytes: FIRST_SEND_WINDOW, sent: 0, round: None }
    }

    /// A path that carries that much in each round trip, and a sender that keeps the window full.
    async fn after_round_trips(state: &mut State, count: u32, bytes: u64) -> usize {
        let mut acknowledged = state.round.map_or(0, |round| round.acknowledged);
        for _ in 0..count {
            state.measure(acknowledged, ROUND_TRIP, MOST);
            tokio::time::advance(ROUND_TRIP).await;
            acknowledged += bytes;
        }
        state.measure(acknowledged, ROUND_TRIP, MOST);
        state.bytes
    }

    #[tokio::test(start_paused = true)]
    async fn the_window_is_what_the_path_carries_in_a_round_trip_a_few_times_over() {
        let mut state = state();
        assert_eq!(after_round_trips(&mut state, 3, 100_000).await, 300_000);
        assert_eq!(after_round_trips(&mut state, 3, 1_000_000).await, MOST);
    }

    #[tokio::test(start_paused = true)]
    async fn a_fast_path_that_is_short_keeps_its_first_window() {
        let (mut state, round_trip) = (state(), Duration::from_millis(1));
        for millisecond in 0..10 {
            state.measure(millisecond * 200_000, round_trip, MOST);
            tokio::time::advance(Duration::from_millis(1)).await;
        }
        assert_eq!(state.bytes, FIRST_SEND_WINDOW);
    }

    #[tokio::test(start_paused = true)]
    async fn a_path_that_becomes_slow_has_its_first_window_again() {
        let mut state = state();
        assert_eq!(after_round_trips(&mut state, 3, 1_000_000).await, MOST);
        assert_eq!(after_round_trips(&mut state, 3, 10_000).await, FIRST_SEND_WINDOW);
    }

    #[tokio::test(start_paused = true)]
    async fn a_pause_is_no_sign_of_a_slow_path() {
        let mut state = state();
        assert_eq!(after_round_trips(&mut state, 3, 200_000).await, 600_000);
        tokio::time::advance(Duration::from_secs(1)).await;
        assert_eq!(after_round_trips(&mut state, 0, 0).await, 600_000);
    }
}
