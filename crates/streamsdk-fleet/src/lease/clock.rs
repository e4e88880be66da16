//! The time that leases go by.

use std::fmt::Debug;
use std::time::Duration;

/// Time that rises also while the machine is suspended.
pub(super) trait Clock: Debug + Send + Sync {
    /// Since some moment that stays the same.
    fn now(&self) -> Duration;
}

/// This machine's, since it was started. Where there is no such clock it is one that may stand still during a suspend: then a
/// lease is not known to be over when the machine wakes, until it cannot be renewed, and only the log refuses what comes late.
#[derive(Debug)]
pub(super) struct BootClock {
    #[cfg(not(all(target_os = "linux", not(streamsdk_portable))))]
    started: std::time::Instant,
}

impl BootClock {
    pub(super) fn new() -> Self {
        Self {
            #[cfg(not(all(target_os = "linux", not(streamsdk_portable))))]
            started: std::time::Instant::now(),
        }
    }
}

impl Clock for BootClock {
    #[cfg(all(target_os = "linux", not(streamsdk_portable)))]
    fn now(&self) -> Duration {
        let now = rustix::time::clock_gettime(rustix::time::ClockId::Boottime);
        Duration::try_from(now).unwrap_or_default()
    }

    #[cfg(not(all(target_os = "linux", not(streamsdk_portable))))]
    fn now(&self) -> Duration {
        self.started.elapsed()
    }
}
