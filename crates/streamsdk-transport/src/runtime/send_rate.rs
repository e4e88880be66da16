//! How fast data leaves, and what that allows.

use std::sync::atomic::{AtomicU64, Ordering};
use std::sync::{Mutex, PoisonError};
use std::time::Duration;

use tokio::time::Instant;

/// Over how long the rate is measured.
const RATE_WINDOW: Duration = Duration::from_millis(16);
/// Bytes a second below which packets are not read in batches: there is little to gain then, and
/// what comes may be waited for.
const MIN_BULK_RATE: f64 = 1e6;
const MAX_PAUSE: Duration = Duration::from_millis(2);
/// What a timer may be late by.
const TIMER_LAG: Duration = Duration::from_millis(1);

/// How fast data leaves.
#[derive(Debug)]
pub(crate) struct SendRateMeter {
    send_buffer: usize,
    bytes: AtomicU64,
    window: Mutex<RateWindow>,
}

#[derive(Debug)]
struct RateWindow {
    since: Instant,
    per_second: f64,
}

impl SendRateMeter {
    pub(crate) fn new(send_buffer: usize) -> Self {
        let window = Mutex::new(RateWindow { since: Instant::now(), per_second: 0.0 });
        Self { send_buffer, bytes: AtomicU64::new(0), window }
    }

    pub(crate) fn count(&self, bytes: usize) {
        self.bytes.fetch_add(bytes as u64, Ordering::Relaxed);
    }

    /// Whether data leaves in bulk.
    pub(crate) fn is_bulk(&self) -> bool {
        self.per_second() >= MIN_BULK_RATE
    }

    /// How long acknowledgements can be left alone: so long that the peer, which has up to
    /// `send_buffer` bytes to work on, uses up no more than half of them.
    pub(crate) fn pause(&self) -> Option<Duration> {
        let per_second = self.per_second();
        if per_second < MIN_BULK_RATE {
            return None;
        }
        let half = Duration::from_secs_f64(self.send_buffer as f64 / per_second / 2.0);
        let pause = half.saturating_sub(TIMER_LAG).min(MAX_PAUSE);
        (pause >= TIMER_LAG).then_some(pause)
    }

    fn per_second(&self) -> f64 {
        let mut window = self.window.lock().unwrap_or_else(PoisonError::into_inner);
        let elapsed = window.since.elapsed();
        if elapsed >= RATE_WINDOW {
            let bytes = self.bytes.swap(0, Ordering::Relaxed);
            *window = RateWindow {
                since: Instant::now(),
                per_second: bytes as f64 / elapsed.as_secs_f64(),
            };
        }
        window.per_second
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    async fn pause_at(bytes_per_ms: usize) -> Option<Duration> {
        let send_rate = SendRateMeter::new(128 << 10);
        for _ in 0..20 {
            send_rate.count(bytes_per_ms);
            tokio::time::advance(Duration::from_millis(1)).await;
        }
        send_rate.pause()
    }

    #[tokio::test(start_paused = true)]
    async fn only_a_bulk_sender_whose_peer_is_slow_may_pause() {
        assert_eq!(pause_at(500).await, None, "live video");
        assert_eq!(pause_at(15_000).await, Some(MAX_PAUSE), "a slow peer");
        assert_eq!(pause_at(200_000).await, None, "a fast peer");
    }

    #[tokio::test(start_paused = true)]
    async fn the_pause_ends_when_nothing_is_sent() {
        let send_rate = SendRateMeter::new(128 << 10);
        send_rate.count(1_000_000);
        tokio::time::advance(Duration::from_millis(50)).await;
        assert!(send_rate.pause().is_some());
        tokio::time::advance(Duration::from_millis(50)).await;
        assert_eq!(send_rate.pause(), None);
    }
}
