//! Whether a lease is held, at any moment.

use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::Duration;

use streamsdk_sinks::StreamName;
use tokio_util::sync::CancellationToken;

use super::clock::Clock;
use super::config::Times;
use super::loss::Loss;

/// Tells whether a lease is held. Cloning is cheap, and holds nothing: a lease goes on as long as the
/// [`Lease`](crate::lease::Lease) does.
///
/// A lease that was lost is lost for good, though the server may have renewed it: whoever was told so has stopped.
#[derive(Debug, Clone)]
pub struct Tenure(Arc<Inner>);

#[derive(Debug)]
struct Inner {
    stream: StreamName,
    epoch: u64,
    times: Times,
    clock: Arc<dyn Clock>,
    state: Mutex<State>,
    over: CancellationToken,
}

#[derive(Debug)]
struct State {
    /// On the clock.
    held_until: Duration,
    /// What went wrong since the last renewal.
    failure: Option<String>,
    loss: Option<Loss>,
}

impl Tenure {
    /// Of a lease that was asked for at a time of the clock, and given.
    pub(super) fn new(
        stream: StreamName,
        epoch: u64,
        times: Times,
        clock: Arc<dyn Clock>,
        asked: Duration,
    ) -> Self {
        let state =
            State { held_until: asked.saturating_add(times.held), failure: None, loss: None };
        let (state, over) = (Mutex::new(state), CancellationToken::new());
        Self(Arc::new(Inner { stream, epoch, times, clock, state, over }))
    }

    /// Of which stream.
    pub fn stream(&self) -> &StreamName {
        &self.0.stream
    }

    /// The number that goes with each result: it rises with each lease of the bucket, whoever has it.
    pub fn epoch(&self) -> u64 {
        self.0.epoch
    }

    /// Whether the lease is held now. This is exact, be the program late in every other respect: it reads the clock, which goes
    /// on while the machine is suspended. What is done with the answer may be late all the same, so a log has to check the epoch.
    pub fn is_held(&self) -> bool {
        self.loss().is_none()
    }

    /// Why it is held no more; `None` while it is.
    pub fn loss(&self) -> Option<Loss> {
        self.state().loss.clone()
    }

    /// Waits until the lease is held no more, and says why. Cancelling loses nothing.
    ///
    /// After the machine was suspended this may be late by a tenth of the TTL, where [`Tenure::is_held`] is not.
    pub async fn lost(&self) -> Loss {
        loop {
            if let Some(loss) = self.loss() {
                return loss;
            }
            self.0.over.cancelled().await;
        }
    }

    pub(super) fn now(&self) -> Duration {
        self.0.clock.now()
    }

    /// The server has renewed it, and was asked to at that time or later.
    pub(super) fn confirm(&self, asked: Duration) {
        let mut state = self.state();
        state.failure = None;
        state.held_until = state.held_until.max(asked.saturating_add(self.0.times.held));
    }

    /// Something went wrong, of which it is not certain that the lease is lost with it.
    pub(super) fn note(&self, failure: String) {
        self.state().failure = Some(failure);
    }

    pub(super) fn lose(&self, loss: Loss) {
        self.state().loss.get_or_insert(loss);
        self.0.over.cancel();
    }

    /// Ends when the lease is lost, in whichever way.
    pub(super) async fn run_out(&self) {
        while self.is_held() {
            let left = self.state().held_until.saturating_sub(self.now());
            // A timer stands still with the machine.
            let wait = left.min(self.0.times.look);
            tokio::select! {
                () = tokio::time::sleep(wait) => {}
                () = self.0.over.cancelled() => {}
            }
        }
    }

    /// As it is now: whether its time is over is found out by whoever looks, before anything else is done.
    fn state(&self) -> MutexGuard<'_, State> {
        let mut state = self.0.state.lock().unwrap_or_else(PoisonError::into_inner);
        if state.loss.is_none() && self.now() >= state.held_until {
            let what = state.failure.take();
            let what = what.unwrap_or_else(|| "the program or the machine stood still".into());
            state.loss = Some(Loss::NotRenewed { what });
            self.0.over.cancel();
        }
        state
    }
}

#[cfg(test)]
mod tests {
    use std::sync::atomic::{AtomicU64, Ordering};

    use tokio::time::{pause, timeout};

    use super::*;

    #[derive(Debug, Default)]
    struct TestClock(AtomicU64);

    impl TestClock {
        fn set(&self, milliseconds: u64) {
            self.0.store(milliseconds, Ordering::SeqCst);
        }
    }

    impl Clock for TestClock {
        fn now(&self) -> Duration {
            Duration::from_millis(self.0.load(Ordering::SeqCst))
        }
    }

    const fn at(milliseconds: u64) -> Duration {
        Duration::from_millis(milliseconds)
    }

    /// A lease of 10 s that was asked for at 1 s.
    fn tenure() -> (Tenure, Arc<TestClock>) {
        let clock = Arc::new(TestClock::default());
        clock.set(1000);
        let times = Times::of(Duration::from_secs(10));
        (Tenure::new("gate".parse().unwrap(), 7, times, clock.clone(), at(1000)), clock)
    }

    #[test]
    fn it_is_held_for_nine_tenths_of_its_time_since_it_was_asked_for() {
        let (tenure, clock) = tenure();
        for (now, is_held) in [(1000, true), (9999, true), (10_000, false), (10_001, false)] {
            clock.set(now);
            assert_eq!(tenure.is_held(), is_held, "at {now}");
        }
    }

    #[test]
    fn a_renewal_counts_from_when_it_was_sent() {
        let (tenure, clock) = tenure();
        clock.set(9000);
        tenure.confirm(at(4000));
        clock.set(12_999);
        assert!(tenure.is_held());
        clock.set(13_000);
        assert!(!tenure.is_held());
    }

    #[test]
    fn an_answer_that_comes_when_it_is_over_is_too_late_whether_somebody_looked_or_not() {
        let (tenure, clock) = tenure();
        clock.set(10_000);
        tenure.confirm(at(9999));
        assert!(!tenure.is_held());
        clock.set(9000);
        assert!(!tenure.is_held());
    }

    #[test]
    fn an_older_renewal_takes_nothing_away() {
        let (tenure, clock) = tenure();
        tenure.confirm(at(5000));
        tenure.confirm(at(2000));
        clock.set(13_999);
        assert!(tenure.is_held());
    }

    #[test]
    fn what_went_wrong_last_is_why_it_was_not_renewed() {
        let (tenure, clock) = tenure();
        tenure.note("no answer".into());
        clock.set(10_000);
        assert_eq!(tenure.loss(), Some(Loss::NotRenewed { what: "no answer".into() }));
        tenure.lose(Loss::Gone);
        assert_eq!(tenure.loss(), Some(Loss::NotRenewed { what: "no answer".into() }));
    }

    #[tokio::test]
    async fn a_machine_that_wakes_finds_it_over_though_its_timers_stood_still() {
        pause();
        let (tenure, clock) = tenure();
        let lost = tokio::spawn({
            let tenure = tenure.clone();
            async move { tenure.lost().await }
        });
        let running = tenure.clone();
        let timer = tokio::spawn(async move { running.run_out().await });
        clock.set(3_600_000);
        // A tenth of the time is the most that passes on the timer.
        timeout(at(1001), timer).await.unwrap().unwrap();
        assert!(matches!(lost.await.unwrap(), Loss::NotRenewed { .. }));
    }

    #[tokio::test]
    async fn it_is_lost_once_and_everybody_is_told() {
        let (tenure, _clock) = tenure();
        let other = tenure.clone();
        tenure.lose(Loss::Gone);
        tenure.lose(Loss::GivenUp);
        assert_eq!((other.lost().await, other.is_held()), (Loss::Gone, false));
        other.run_out().await;
    }
}
