use std::collections::VecDeque;
use std::time::Duration;

use serde::Serialize;
use streamsdk_protocol::seconds;

/// Samples that percentiles are of: the newest so many.
const MAX_SAMPLES: usize = 2048;

/// How long something took, over the newest 2048 times.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, Serialize)]
#[non_exhaustive]
pub struct Latency {
    /// How often it was measured, in all.
    pub count: u64,
    /// Half of the times it took no longer; zero if it was never measured.
    #[serde(rename = "p50_s", serialize_with = "seconds::serialize")]
    pub p50: Duration,
    /// Nineteen of twenty times it took no longer.
    #[serde(rename = "p95_s", serialize_with = "seconds::serialize")]
    pub p95: Duration,
    /// 99 of 100 times it took no longer.
    #[serde(rename = "p99_s", serialize_with = "seconds::serialize")]
    pub p99: Duration,
    /// The longest.
    #[serde(rename = "max_s", serialize_with = "seconds::serialize")]
    pub max: Duration,
}

/// The newest samples of a latency.
#[derive(Debug, Default)]
pub(crate) struct LatencySamples {
    count: u64,
    samples: VecDeque<Duration>,
}

impl LatencySamples {
    pub(crate) fn add(&mut self, sample: Duration) {
        self.count += 1;
        if self.samples.len() >= MAX_SAMPLES {
            self.samples.pop_front();
        }
        self.samples.push_back(sample);
    }

    pub(crate) fn latency(&self) -> Latency {
        let mut sorted: Vec<_> = self.samples.iter().copied().collect();
        sorted.sort_unstable();
        let percentile = |percent: usize| {
            let place = (sorted.len() * percent).div_ceil(100).saturating_sub(1);
            sorted.get(place).copied().unwrap_or_default()
        };
        Latency {
            count: self.count,
            p50: percentile(50),
            p95: percentile(95),
            p99: percentile(99),
            max: percentile(100),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn percentiles_are_those_of_the_newest_samples() {
        let mut samples = LatencySamples::default();
        assert_eq!(samples.latency(), Latency::default());
        (0..500).for_each(|_| samples.add(Duration::from_secs(9)));
        for ms in 0..2_100 {
            samples.add(Duration::from_millis(ms % 100 + 1));
        }
        let latency = samples.latency();
        assert_eq!(latency.count, 2_600);
        let ms = [latency.p95, latency.p99, latency.max].map(|time| time.as_millis());
        assert_eq!(ms, [96, 100, 100]);
        assert!((49..=53).contains(&latency.p50.as_millis()));
    }
}
