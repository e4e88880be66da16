//! How often and how long a lost connection is made again.

use std::time::Duration;

use tokio::time::Instant;

/// Attempts that fail before the first connection of a session, until it counts as not to be had.
const MAX_FIRST_FAILURES: u32 = 2;

/// Whether a session that loses its connection goes on with another one, and for how long that is tried.
///
/// The wait before an attempt is drawn between nothing and a bound that begins with
/// [`RetryPolicy::first_wait`] and doubles with each attempt up to [`RetryPolicy::max_wait`], so that many
/// clients do not come back to a server at the same moment.
///
/// What will not change is not tried again: a wrong key, a used up quota, a workflow that does not exist, a
/// source that cannot be used. Before a session's first connection has stood, two failures end it.
///
/// ```
/// use std::time::Duration;
/// use streamsdk::{RetryPolicy, StreamConfig};
///
/// let config = StreamConfig::default()
///     .retry(RetryPolicy::default().give_up_after(Duration::from_secs(600)));
/// # let _ = config;
/// ```
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
#[must_use]
pub struct RetryPolicy {
    first_wait: Duration,
    max_wait: Duration,
    /// `None` for never.
    give_up_after: Option<Duration>,
}

impl Default for RetryPolicy {
    /// Gives up after two minutes without a new result.
    fn default() -> Self {
        Self {
            first_wait: Duration::from_millis(300),
            max_wait: Duration::from_secs(7),
            give_up_after: Some(Duration::from_secs(120)),
        }
    }
}

impl RetryPolicy {
    /// A lost connection ends the session.
    pub fn never() -> Self {
        Self::default().give_up_after(Duration::ZERO)
    }

    /// It is tried until the caller closes the session.
    pub fn forever() -> Self {
        Self { give_up_after: None, ..Self::default() }
    }

    /// The longest wait before the first attempt. Default is 300 ms.
    pub fn first_wait(mut self, wait: Duration) -> Self {
        self.first_wait = wait;
        self
    }

    /// The longest wait before any attempt. Default is 7 s.
    pub fn max_wait(mut self, wait: Duration) -> Self {
        self.max_wait = wait;
        self
    }

    /// How long after the loss of a connection it is given up, if no other one has given a new result by then.
    /// Default is two minutes.
    pub fn give_up_after(mut self, limit: Duration) -> Self {
        self.give_up_after = Some(limit);
        self
    }
}

/// The attempts since the last new result.
#[derive(Debug)]
pub(crate) struct Retry {
    policy: RetryPolicy,
    random: fastrand::Rng,
    attempts: u32,
    /// When the connection was lost.
    since: Option<Instant>,
}

impl Retry {
    pub(crate) fn new(policy: RetryPolicy, random: fastrand::Rng) -> Self {
        Self { policy, random, attempts: 0, since: None }
    }

    /// The same policy, with nothing tried yet.
    pub(crate) fn afresh(&mut self) -> Self {
        Self::new(self.policy, self.random.fork())
    }

    /// Notes that a link has given a new result.
    pub(crate) fn reset(&mut self) {
        self.attempts = 0;
        self.since = None;
    }

    pub(crate) fn attempts(&self) -> u32 {
        self.attempts
    }

    /// How long it has been tried.
    pub(crate) fn elapsed(&self) -> Duration {
        self.since.map_or(Duration::ZERO, |since| since.elapsed())
    }

    /// How long to wait before the next attempt; `None` to give up.
    pub(crate) fn next_wait(&mut self) -> Option<Duration> {
        let since = *self.since.get_or_insert_with(Instant::now);
        let left = match self.policy.give_up_after {
            Some(limit) => limit.checked_sub(since.elapsed()).filter(|left| !left.is_zero())?,
            None => Duration::MAX,
        };
        let doubled = 2_u32.saturating_pow(self.attempts);
        let bound = self.policy.first_wait.saturating_mul(doubled).min(self.policy.max_wait);
        self.attempts = self.attempts.saturating_add(1);
        Some(bound.mul_f64(self.random.f64()).min(left))
    }

    /// The same before the first connection.
    pub(crate) fn next_wait_for_first(&mut self) -> Option<Duration> {
        if self.attempts + 1 >= MAX_FIRST_FAILURES { None } else { self.next_wait() }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn retry(policy: RetryPolicy) -> Retry {
        Retry::new(policy, fastrand::Rng::with_seed(7))
    }

    #[tokio::test(start_paused = true)]
    async fn waits_are_drawn_below_a_bound_that_doubles() {
        let mut longest = [Duration::ZERO; 8];
        for seed in 0..1000 {
            let mut retry = Retry::new(RetryPolicy::default(), fastrand::Rng::with_seed(seed));
            for longest in &mut longest {
                *longest = retry.next_wait().unwrap().max(*longest);
            }
        }
        let bounds = [300, 600, 1200, 2400, 4800, 7000, 7000, 7000].map(Duration::from_millis);
        for (longest, bound) in longest.into_iter().zip(bounds) {
            assert!(longest <= bound && longest > bound.mul_f64(0.98), "{longest:?} of {bound:?}");
        }
    }

    #[tokio::test(start_paused = true)]
    async fn it_is_given_up_after_two_minutes_without_a_new_result() {
        let mut retry = retry(RetryPolicy::default());
        let start = Instant::now();
        while let Some(wait) = retry.next_wait() {
            tokio::time::advance(wait).await;
        }
        assert_eq!(start.elapsed(), Duration::from_secs(120));
        assert!(retry.attempts() > 20);
        retry.reset();
        assert!(retry.next_wait().unwrap() <= Duration::from_millis(300));
    }

    #[tokio::test(start_paused = true)]
    async fn never_is_never_and_forever_for_ever() {
        assert_eq!(retry(RetryPolicy::never()).next_wait(), None);
        let mut retry = retry(RetryPolicy::forever());
        for _ in 0..100_000 {
            assert!(retry.next_wait().unwrap() <= Duration::from_secs(7));
            tokio::time::advance(Duration::from_secs(7)).await;
        }
    }

    #[tokio::test(start_paused = true)]
    async fn two_failures_before_the_first_connection_are_enough() {
        let mut retry = retry(RetryPolicy::forever());
        assert!(retry.next_wait_for_first().is_some());
        assert_eq!(retry.next_wait_for_first(), None);
    }
}
