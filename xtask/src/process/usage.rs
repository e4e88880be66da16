use std::fs;

/// Linux reports times to programs in hundredths of a second, whatever its own clock rate is.
const TICKS_PER_SECOND: f64 = 100.0;

/// What a program has cost. `None` where the system does not tell.
#[derive(Clone, Copy, Debug, Default, PartialEq)]
pub struct Usage {
    /// User and system time of all its threads, in seconds.
    pub cpu_s: Option<f64>,
    /// The most memory it had resident, in MiB, as last seen before it ended.
    pub peak_rss_mb: Option<f64>,
}

/// Reads one process's figures from `/proc`.
pub(super) struct Meter {
    pid: u32,
    usage: Usage,
}

impl Meter {
    pub(super) fn new(pid: u32) -> Self {
        Self { pid, usage: Usage::default() }
    }

    pub(super) fn usage(&self) -> Usage {
        self.usage
    }

    /// Takes the figures as they are now, and tells whether the process may have ended.
    pub(super) fn read_and_see_the_end(&mut self) -> bool {
        let Some((state, cpu_s)) = self.proc_file("stat").as_deref().and_then(parse_stat) else {
            return true;
        };
        self.usage.cpu_s = Some(cpu_s);
        let peak = self.proc_file("status").as_deref().and_then(parse_peak_rss);
        self.usage.peak_rss_mb = peak.or(self.usage.peak_rss_mb);
        state == 'Z'
    }

    fn proc_file(&self, name: &str) -> Option<String> {
        fs::read_to_string(format!("/proc/{}/{name}", self.pid)).ok()
    }
}

/// The state and the CPU seconds in `/proc/PID/stat`. The program's name in it can hold anything.
fn parse_stat(stat: &str) -> Option<(char, f64)> {
    let (_, fields) = stat.rsplit_once(')')?;
    let fields: Vec<&str> = fields.split_ascii_whitespace().collect();
    let ticks = |index: usize| fields.get(index)?.parse::<f64>().ok();
    let state = fields.first()?.chars().next()?;
    Some((state, (ticks(11)? + ticks(12)?) / TICKS_PER_SECOND))
}

fn parse_peak_rss(status: &str) -> Option<f64> {
    let line = status.lines().find_map(|line| line.strip_prefix("VmHWM:"))?;
    let kibibytes: f64 = line.trim().strip_suffix("kB")?.trim().parse().ok()?;
    Some(kibibytes / 1024.0)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_stat_line_with_a_tricky_name_is_read() {
        let stat = "42 (a) b (c) R 1 2 3 4 5 6 7 8 9 10 250 50 0 0 20 0 4 0 99";
        assert_eq!(parse_stat(stat), Some(('R', 3.0)));
        assert_eq!(parse_stat("42 (cut off) R 1 2"), None);
    }

    #[test]
    fn the_peak_is_read_from_the_status() {
        assert_eq!(parse_peak_rss("Name:\tx\nVmHWM:\t  2048 kB\n"), Some(2.0));
        assert_eq!(parse_peak_rss("Name:\tzombie\n"), None);
    }
}
