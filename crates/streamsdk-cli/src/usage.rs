//! What this process used of the machine.

/// CPU time and memory of this process so far.
#[derive(Debug, Clone, Copy)]
pub(crate) struct ProcessUsage {
    pub(crate) cpu_s: f64,
    pub(crate) peak_rss_mb: f64,
}

#[cfg(all(unix, not(streamsdk_portable)))]
impl ProcessUsage {
    /// `None` where the system does not tell.
    pub(crate) fn now() -> Option<Self> {
        use nix::sys::resource::{UsageWho, getrusage};
        use nix::sys::time::TimeVal;
        let usage = getrusage(UsageWho::RUSAGE_SELF).ok()?;
        let seconds = |time: TimeVal| time.tv_sec() as f64 + time.tv_usec() as f64 / 1e6;
        Some(Self {
            cpu_s: seconds(usage.user_time()) + seconds(usage.system_time()),
            peak_rss_mb: usage.max_rss() as f64 * PEAK_UNIT / (1024.0 * 1024.0),
        })
    }
}

/// What the peak of memory is counted in, in bytes.
#[cfg(all(unix, not(streamsdk_portable)))]
const PEAK_UNIT: f64 = if cfg!(target_vendor = "apple") { 1.0 } else { 1024.0 };

#[cfg(not(all(unix, not(streamsdk_portable))))]
impl ProcessUsage {
    /// `None`: this system is not asked.
    pub(crate) fn now() -> Option<Self> {
        None
    }
}

#[cfg(all(test, unix, not(streamsdk_portable)))]
mod tests {
    #[test]
    fn a_running_process_has_used_memory() {
        assert!(super::ProcessUsage::now().unwrap().peak_rss_mb > 1.0);
    }
}
