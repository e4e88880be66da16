//! What this process used of the machine.

use nix::sys::resource::{UsageWho, getrusage};
use nix::sys::time::TimeVal;

/// CPU time and memory of this process so far.
#[derive(Debug, Clone, Copy, Default)]
pub(crate) struct Usage {
    pub(crate) cpu_s: f64,
    pub(crate) peak_rss_mb: f64,
}

impl Usage {
    pub(crate) fn now() -> Self {
        let seconds = |time: TimeVal| time.tv_sec() as f64 + time.tv_usec() as f64 / 1e6;
        getrusage(UsageWho::RUSAGE_SELF).map_or_else(
            |_| Self::default(),
            |usage| Self {
                cpu_s: seconds(usage.user_time()) + seconds(usage.system_time()),
                // Linux counts in KiB.
                peak_rss_mb: usage.max_rss() as f64 / 1024.0,
            },
        )
    }
}

#[cfg(test)]
mod tests {
    #[test]
    fn a_running_process_has_used_memory() {
        assert!(super::Usage::now().peak_rss_mb > 1.0);
    }
}
