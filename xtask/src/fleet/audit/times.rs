use std::fmt;
use std::time::Duration;

/// How long something took, each time.
#[derive(Default, Debug, Clone, PartialEq, Eq)]
pub(in crate::fleet) struct Times(Vec<Duration>);

impl Times {
    pub(in crate::fleet) fn of(times: impl IntoIterator<Item = Duration>) -> Self {
        let mut times: Vec<_> = times.into_iter().collect();
        times.sort_unstable();
        Self(times)
    }

    pub(in crate::fleet) fn count(&self) -> usize {
        self.0.len()
    }

    /// In all but one of a hundred. With fewer than a hundred it is the longest.
    pub(in crate::fleet) fn p99(&self) -> Option<Duration> {
        self.at(99)
    }

    fn at(&self, percent: usize) -> Option<Duration> {
        let rank = (self.0.len() * percent).div_ceil(100);
        self.0.get(rank.checked_sub(1)?).copied()
    }
}

impl fmt::Display for Times {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let seconds = |time: Option<Duration>| match time {
            Some(time) => format!("{:>8.2} s", time.as_secs_f64()),
            None => format!("{:>10}", "-"),
        };
        let [p50, p99, max] = [50, 99, 100].map(|percent| seconds(self.at(percent)));
        write!(f, "{:>7}{p50}{p99}{max}", self.count())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn one_of_a_hundred_may_be_later() {
        let times = |count| Times::of((1..=count).rev().map(Duration::from_secs));
        assert_eq!(times(100).p99(), Some(Duration::from_secs(99)));
        assert_eq!(times(99).p99(), Some(Duration::from_secs(99)));
        assert_eq!(times(200).at(50), Some(Duration::from_secs(100)));
        assert_eq!(times(0).p99(), None);
    }
}
