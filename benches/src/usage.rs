use std::fs;
use std::time::{Duration, Instant};

use nix::sys::resource::{UsageWho, getrusage};
use nix::sys::time::TimeVal;
use nix::time::{ClockId, clock_gettime};

/// What a span of time took.
#[derive(Clone, Copy, Debug, Default, PartialEq)]
pub struct Usage {
    /// Seconds on the clock.
    pub wall_s: f64,
    /// CPU seconds of this process, user and system, all threads.
    pub cpu_s: f64,
}

/// A moment: the clock, and what this process had cost until then.
#[derive(Clone, Copy, Debug)]
pub struct Moment {
    at: Instant,
    cpu: Duration,
}

impl Moment {
    pub fn now() -> Self {
        Self { at: Instant::now(), cpu: cpu_time() }
    }

    /// What it took from `earlier` to this moment.
    pub fn since(&self, earlier: &Self) -> Usage {
        Usage {
            wall_s: self.at.duration_since(earlier.at).as_secs_f64(),
            cpu_s: self.cpu.saturating_sub(earlier.cpu).as_secs_f64(),
        }
    }
}

impl Usage {
    /// The most memory that this process ever had resident, in MiB.
    ///
    /// The kernel's own `ru_maxrss` is only the second choice: it starts with what the process that
    /// started this one had.
    pub fn peak_rss_mb() -> Option<f64> {
        let status = fs::read_to_string("/proc/self/status").unwrap_or_default();
        let line = status.lines().find_map(|line| line.strip_prefix("VmHWM:"));
        let kibibytes = match line {
            Some(line) => line.trim().strip_suffix("kB")?.trim().parse().ok()?,
            None => getrusage(UsageWho::RUSAGE_SELF).ok()?.max_rss() as f64,
        };
        Some(kibibytes / 1024.0)
    }
}

/// The memory that this process has resident now, in MiB; 0 where the system does not tell.
pub fn resident_mb() -> f64 {
    let status = fs::read_to_string("/proc/self/status").unwrap_or_default();
    let line = status.lines().find_map(|line| line.strip_prefix("VmRSS:"));
    let kibibytes = line.and_then(|line| line.trim().strip_suffix("kB")?.trim().parse().ok());
    kibibytes.unwrap_or(0.0) / 1024.0
}

/// What the calling thread has cost until now, user and system.
pub fn thread_cpu_time() -> Duration {
    clock_gettime(ClockId::CLOCK_THREAD_CPUTIME_ID).map_or(Duration::ZERO, Duration::from)
}

fn cpu_time() -> Duration {
    let Ok(usage) = getrusage(UsageWho::RUSAGE_SELF) else { return Duration::ZERO };
    duration(usage.user_time()) + duration(usage.system_time())
}

fn duration(time: TimeVal) -> Duration {
    Duration::from_secs(time.tv_sec().unsigned_abs())
        + Duration::from_micros(time.tv_usec().unsigned_abs())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn work_costs_cpu_time_and_memory_shows_in_the_peak() {
        let before = Moment::now();
        let work = vec![1_u8; 32 << 20];
        let mut sum = 0_u64;
        while Moment::now().since(&before).cpu_s < 0.02 {
            sum += work.iter().map(|&byte| u64::from(std::hint::black_box(byte))).sum::<u64>();
            assert!(Moment::now().since(&before).wall_s < 60.0, "{sum}");
        }
        assert!(Usage::peak_rss_mb().unwrap() > 32.0);
    }

    #[test]
    fn what_other_threads_do_is_not_this_ones() {
        let (before, all_before) = (thread_cpu_time(), Moment::now());
        let work = || while thread_cpu_time() < Duration::from_millis(20) {};
        std::thread::spawn(work).join().unwrap();
        assert!(thread_cpu_time() - before < Duration::from_millis(10));
        assert!(Moment::now().since(&all_before).cpu_s > 0.01);
    }
}
