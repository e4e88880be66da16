//! When waiting for a stream has to be given up.

use std::io;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, AtomicU64, Ordering};
use std::time::{Duration, Instant};

use crate::StopHandle;

/// A deadline and a number of bytes that are renewed, and the flag that ends everything.
#[derive(Clone)]
pub(crate) struct ReadWatchdog {
    stop_handle: StopHandle,
    started: Instant,
    limits: Arc<WatchdogLimits>,
}

#[derive(Default)]
struct WatchdogLimits {
    /// Milliseconds after the start.
    deadline: AtomicU64,
    /// How many bytes had been read when the limits were renewed; `UNKNOWN` until a reader asks.
    begin: AtomicU64,
    is_exceeded: AtomicBool,
}

impl ReadWatchdog {
    pub(crate) fn new(stop_handle: StopHandle) -> Self {
        Self { stop_handle, started: Instant::now(), limits: Arc::default() }
    }

    /// From now on there is so much time, and room for one large frame.
    pub(crate) fn allow(&self, limit: Duration) {
        let deadline = millis(self.started.elapsed().saturating_add(limit));
        self.limits.deadline.store(deadline, Ordering::Relaxed);
        self.limits.begin.store(UNKNOWN, Ordering::Relaxed);
    }

    /// What a reader asks while it waits or reads, having read so many bytes.
    pub(crate) fn is_over_at(&self, bytes: u64) -> bool {
        let begin = &self.limits.begin;
        let first = begin.compare_exchange(UNKNOWN, bytes, Ordering::Relaxed, Ordering::Relaxed);
        if first.is_err_and(|begin| bytes.saturating_sub(begin) > MAX_FRAME_BYTES) {
            self.limits.is_exceeded.store(true, Ordering::Relaxed);
        }
        self.is_over()
    }

    pub(crate) fn is_over(&self) -> bool {
        self.is_stopped() || self.has_expired() || self.is_exceeded()
    }

    pub(crate) fn is_stopped(&self) -> bool {
        self.stop_handle.is_stopped()
    }

    pub(crate) fn has_expired(&self) -> bool {
        millis(self.started.elapsed()) >= self.limits.deadline.load(Ordering::Relaxed)
    }

    /// Whether more came for one frame than any frame takes.
    pub(crate) fn is_exceeded(&self) -> bool {
        self.limits.is_exceeded.load(Ordering::Relaxed)
    }
}

/// Whether a read has ended because nothing came for a moment.
pub(crate) fn is_wait(error: &io::Error) -> bool {
    use io::ErrorKind::{Interrupted, TimedOut, WouldBlock};
    matches!(error.kind(), Interrupted | TimedOut | WouldBlock)
}

fn millis(duration: Duration) -> u64 {
    u64::try_from(duration.as_millis()).unwrap_or(u64::MAX)
}

const UNKNOWN: u64 = u64::MAX;

/// A frame of 8192 by 4320 as a JPEG of high quality takes a third of that.
const MAX_FRAME_BYTES: u64 = 64 << 20;
/// For how long a socket is waited for before the watchdog is asked again.
pub(crate) const STOP_POLL_INTERVAL: Duration = Duration::from_millis(100);
