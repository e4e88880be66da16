//! Whether a stream begins again when its session is over, and when.

use std::time::Duration;

use serde::Deserialize;
use streamsdk::{Ended, ErrorKind, Summary};

use crate::session_settings::StreamError;

/// When a stream begins again.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Deserialize)]
#[serde(rename_all = "snake_case")]
#[non_exhaustive]
pub enum RestartWhen {
    /// Never: for a file.
    Never,
    /// When its session failed, or ended without what was promised.
    OnFailure,
    /// However its session ended: for a camera.
    Always,
    /// Until a session has run to the end of its source, whatever came of it, or several in a row have given nothing new: for a
    /// file that goes on where it was.
    #[serde(skip)]
    #[cfg(feature = "nats")]
    UntilRunThrough,
}

/// Sessions in a row that give nothing new, after which a file is left to others for a while.
#[cfg(feature = "nats")]
const MAX_FRUITLESS: u32 = 3;

/// Whether and when a stream begins again after its session is over. What a session does about a lost connection is its own
/// ([`streamsdk::RetryPolicy`]) and comes first.
///
/// The wait is drawn between nothing and a bound, so that many streams do not come back at the same moment. The bound doubles with
/// each session in a row that gave no result. Settings that are wrong are not tried again.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
#[must_use]
pub struct RestartPolicy {
    when: RestartWhen,
    first_wait: Duration,
    max_wait: Duration,
}

impl RestartPolicy {
    /// Begins again as `when` says.
    pub fn new(when: RestartWhen) -> Self {
        Self { when, first_wait: Duration::from_secs(1), max_wait: Duration::from_secs(60) }
    }

    /// The longest wait after a session. Default is 1 s.
    pub fn first_wait(mut self, wait: Duration) -> Self {
        self.first_wait = wait;
        self
    }

    /// The longest wait after any number of sessions without a result. Default is 60 s.
    pub fn max_wait(mut self, wait: Duration) -> Self {
        self.max_wait = wait;
        self
    }

    /// Whether a stream begins again after this.
    fn restarts(&self, outcome: &Result<Summary, StreamError>) -> bool {
        match (self.when, outcome) {
            (_, Err(error)) if error.is_lasting() => false,
            (RestartWhen::Never, _) => false,
            (RestartWhen::OnFailure, Ok(summary)) => !is_good(summary),
            #[cfg(feature = "nats")]
            (RestartWhen::UntilRunThrough, Ok(summary)) => {
                !matches!(summary.ended, Some(Ended::Complete | Ended::Incomplete))
            }
            #[cfg(feature = "nats")]
            (RestartWhen::UntilRunThrough, Err(_)) => true,
            (RestartWhen::OnFailure, Err(_)) | (RestartWhen::Always, _) => true,
        }
    }
}

/// How often a stream has begun again without a result.
#[derive(Debug)]
pub(crate) struct Restarts {
    policy: RestartPolicy,
    fruitless: u32,
    random: fastrand::Rng,
}

impl Restarts {
    pub(crate) fn new(policy: RestartPolicy) -> Self {
        Self { policy, fruitless: 0, random: fastrand::Rng::new() }
    }

    /// How long to wait before the stream begins again; `None` if it does not.
    pub(crate) fn wait_after(
        &mut self,
        outcome: &Result<Summary, StreamError>,
        gave_results: bool,
    ) -> Option<Duration> {
        if !self.policy.restarts(outcome) {
            return None;
        }
        self.fruitless = if gave_results { 0 } else { self.fruitless.saturating_add(1) };
        #[cfg(feature = "nats")]
        if self.policy.when == RestartWhen::UntilRunThrough && self.fruitless >= MAX_FRUITLESS {
            return None;
        }
        Some(self.bound().mul_f64(self.random.f64()))
    }

    fn bound(&self) -> Duration {
        let doublings = self.fruitless.saturating_sub(1).min(16);
        let bound = self.policy.first_wait.saturating_mul(1 << doublings);
        bound.min(self.policy.max_wait)
    }
}

/// Whether a session ended as it should.
pub(crate) fn is_good(summary: &Summary) -> bool {
    match summary.ended {
        Some(Ended::Complete | Ended::ByCaller) => summary.is_complete(),
        _ => false,
    }
}

impl StreamError {
    /// Whether it stays as it is until somebody changes the settings.
    pub(crate) fn is_lasting(&self) -> bool {
        use crate::source::OpenSourceError;
        match self {
            Self::Settings(_) | Self::Source(OpenSourceError::NotBuilt { .. }) => true,
            Self::Source(OpenSourceError::Source(_)) => false,
            Self::Session(error) => error.kind() == ErrorKind::Config,
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn ended(ended: Ended, frames_returned: u64) -> Result<Summary, StreamError> {
        let mut summary = Summary::default();
        summary.frames_returned = frames_returned;
        summary.ended = Some(ended);
        Ok(summary)
    }

    fn restarts(when: RestartWhen, outcome: &Result<Summary, StreamError>) -> bool {
        Restarts::new(RestartPolicy::new(when)).wait_after(outcome, false).is_some()
    }

    #[test]
    fn a_camera_begins_again_however_it_ended_and_a_file_never_does() {
        let complete = ended(Ended::Complete, 3);
        let failed = ended(Ended::ByServer("timeout_reached".to_owned()), 3);
        for (outcome, on_failure) in [(&complete, false), (&failed, true)] {
            assert!(restarts(RestartWhen::Always, outcome));
            assert_eq!(restarts(RestartWhen::OnFailure, outcome), on_failure);
            assert!(!restarts(RestartWhen::Never, outcome));
        }
    }

    #[cfg(feature = "nats")]
    #[test]
    fn what_goes_on_where_it_was_begins_again_until_a_session_has_run_through() {
        let by_server = Ended::ByServer("timeout_reached".to_owned());
        for (ended_so, expected) in [
            (Ended::Complete, false),
            (Ended::Incomplete, false),
            (Ended::Failed, true),
            (by_server, true),
        ] {
            assert_eq!(restarts(RestartWhen::UntilRunThrough, &ended(ended_so, 3)), expected);
        }
        let mut restarts = Restarts::new(RestartPolicy::new(RestartWhen::UntilRunThrough));
        let given = [true, false, false, true, false, false, false];
        let failed = ended(Ended::Failed, 0);
        let restarted = given.map(|gave| restarts.wait_after(&failed, gave).is_some());
        assert_eq!(restarted, [true, true, true, true, true, true, false]);
    }

    #[test]
    fn settings_that_are_wrong_are_not_tried_again() {
        let wrong = Err(StreamError::Settings("no such thing".to_owned()));
        assert!(!restarts(RestartWhen::Always, &wrong));
    }

    #[test]
    fn the_wait_doubles_until_there_is_a_result() {
        let policy = RestartPolicy::new(RestartWhen::Always).max_wait(Duration::from_secs(10));
        let mut restarts = Restarts::new(policy);
        let failed = ended(Ended::Failed, 0);
        let bounds: Vec<u64> = (0..6)
            .map(|_| {
                let wait = restarts.wait_after(&failed, false).unwrap();
                assert!(wait <= restarts.bound());
                restarts.bound().as_secs()
            })
            .collect();
        assert_eq!(bounds, [1, 2, 4, 8, 10, 10]);
        restarts.wait_after(&failed, true).unwrap();
        assert_eq!(restarts.bound().as_secs(), 1);
    }
}
