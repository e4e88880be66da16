//! How many bits a second to send.

use std::time::{Duration, Instant};

use streamsdk_transport::VideoSendStats;

/// Between which bitrates an encoder is driven, in bits per second.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
#[non_exhaustive]
pub struct BitrateLimits {
    /// The lowest, even if the network has less. Default is 250,000.
    pub min: u32,
    /// What is begun with. Default is 1,500,000.
    pub start: u32,
    /// The highest, even if the network has more. Default is 4,000,000.
    pub max: u32,
}

impl Default for BitrateLimits {
    fn default() -> Self {
        Self { min: 250_000, start: 1_500_000, max: 4_000_000 }
    }
}

impl BitrateLimits {
    /// Those limits; a start or a highest bitrate below the lowest is taken as the lowest.
    pub fn new(min: u32, start: u32, max: u32) -> Self {
        let max = max.max(min);
        Self { min, start: start.clamp(min, max), max }
    }

    /// Always the same bitrate.
    pub fn fixed(bits_per_second: u32) -> Self {
        Self::new(bits_per_second, bits_per_second, bits_per_second)
    }
}

/// How long a bitrate is measured before anything is concluded from it.
const WINDOW: Duration = Duration::from_millis(400);
/// An estimate of the bandwidth this much above what was sent says only that little was sent: aiortc's
/// never goes beyond one and a half times what it receives.
const HEADROOM: f64 = 1.2;
/// Loss above which less is sent, and below which more is.
const MUCH_LOSS: f64 = 0.10;
const LITTLE_LOSS: f64 = 0.02;
/// Growth in a second.
const GROWTH: f64 = 1.25;

/// Follows the estimates of the bandwidth that the peer sends, and its reports of loss.
///
/// An estimate that is not clearly above what was sent is congestion, and the bitrate goes below it; loss
/// of more than a tenth lowers it too, whether there are estimates or not. Otherwise it grows by a
/// quarter a second up to the highest.
#[derive(Debug)]
pub struct RateControl {
    limits: BitrateLimits,
    target: f64,
    reports: u64,
    bytes: u64,
    since: Option<Instant>,
}

impl RateControl {
    /// Begins with [`BitrateLimits::start`].
    pub fn new(limits: BitrateLimits) -> Self {
        let target = f64::from(limits.start);
        Self { limits, target, reports: 0, bytes: 0, since: None }
    }

    /// The bitrate to send at, in bits per second.
    pub fn target(&self) -> u32 {
        self.target as u32
    }

    /// Takes what is known at `now`. Returns the new bitrate if it has changed.
    pub fn update(&mut self, stats: &VideoSendStats, now: Instant) -> Option<u32> {
        let since = *self.since.get_or_insert(now);
        let elapsed = now.saturating_duration_since(since);
        if stats.reports == self.reports || elapsed < WINDOW {
            return None;
        }
        let sent = stats.bytes.saturating_sub(self.bytes) as f64 * 8.0 / elapsed.as_secs_f64();
        let before = self.target();
        self.target = self.next(stats, sent, elapsed);
        (self.reports, self.bytes, self.since) = (stats.reports, stats.bytes, Some(now));
        (self.target() != before).then(|| self.target())
    }

    fn next(&self, stats: &VideoSendStats, sent: f64, elapsed: Duration) -> f64 {
        let loss = stats.loss.unwrap_or_default();
        let estimate = stats.remb.map(|remb| remb as f64);
        let congested = estimate.filter(|estimate| *estimate < sent * HEADROOM);
        let grown = self.target * GROWTH.powf(elapsed.as_secs_f64().min(2.0));
        let next = match congested {
            _ if loss > MUCH_LOSS => self.target * (1.0 - loss / 2.0),
            // A little below what there is, so that what has queued up can flow off.
            Some(estimate) => self.target.min(estimate * 0.9),
            None if loss < LITTLE_LOSS => grown,
            None => self.target,
        };
        next.clamp(f64::from(self.limits.min), f64::from(self.limits.max))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    struct Path {
        control: RateControl,
        stats: VideoSendStats,
        now: Instant,
    }

    impl Path {
        fn new() -> Self {
            let control = RateControl::new(BitrateLimits::new(100_000, 1_000_000, 3_000_000));
            let mut path = Self { control, stats: VideoSendStats::default(), now: Instant::now() };
            path.second(0.0, None, None);
            path
        }

        /// A second in which that share of the target was sent.
        fn second(&mut self, share: f64, remb: Option<u64>, loss: Option<f64>) -> u32 {
            self.now += Duration::from_secs(1);
            self.stats.bytes += (f64::from(self.control.target()) * share / 8.0) as u64;
            self.stats.reports += 1;
            (self.stats.remb, self.stats.loss) = (remb, loss);
            self.control.update(&self.stats, self.now);
            self.control.target()
        }
    }

    #[test]
    fn an_estimate_below_what_is_sent_is_obeyed_and_recovered_from() {
        let mut path = Path::new();
        assert_eq!(path.second(1.0, Some(600_000), None), 540_000);
        let mut target = 540_000;
        for _ in 0..20 {
            target = path.second(1.0, Some(u64::from(target) * 3 / 2), Some(0.0));
        }
        assert_eq!(target, 3_000_000);
    }

    #[test]
    fn a_low_estimate_of_a_still_picture_is_no_congestion() {
        let mut path = Path::new();
        // A tenth of the target is sent, so the estimate is of 150 kbit/s.
        assert!(path.second(0.1, Some(150_000), Some(0.0)) > 1_000_000);
    }

    #[test]
    fn without_estimates_loss_decides() {
        let mut path = Path::new();
        assert_eq!(path.second(1.0, None, Some(0.2)), 900_000);
        assert_eq!(path.second(1.0, None, Some(0.05)), 900_000);
        assert!(path.second(1.0, None, Some(0.0)) > 1_000_000);
        for _ in 0..40 {
            path.second(1.0, None, Some(0.5));
        }
        assert_eq!(path.control.target(), 100_000);
    }

    #[test]
    fn nothing_new_changes_nothing() {
        let mut path = Path::new();
        path.second(1.0, None, Some(0.0));
        let (stats, now) = (path.stats, path.now + Duration::from_secs(5));
        assert_eq!(path.control.update(&stats, now), None);
    }
}
