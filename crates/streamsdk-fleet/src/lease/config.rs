//! What a caller says about leases.

use std::time::Duration;

use crate::nats::{BucketError, BucketSpec};

/// The longest name of a node, in bytes.
pub(super) const MAX_NODE: usize = 128;
const MIN_TTL: Duration = Duration::from_millis(500);
const MAX_TTL: Duration = Duration::from_secs(3600);

/// Where leases are, and how long they last. All nodes have to say the same.
#[derive(Debug, Clone, PartialEq, Eq)]
#[must_use]
pub struct LeaseConfig {
    pub(super) bucket: String,
    pub(super) ttl: Duration,
    keeps: bool,
}

impl Default for LeaseConfig {
    fn default() -> Self {
        Self { bucket: "leases".into(), ttl: Duration::from_secs(10), keeps: false }
    }
}

impl LeaseConfig {
    /// The bucket: letters, digits, `_` and `-`. Default is `leases`.
    pub fn bucket(mut self, name: impl Into<String>) -> Self {
        self.bucket = name.into();
        self
    }

    /// How long a lease lasts that is not renewed: 500 ms to 1 h. Default is 10 s. A holder renews it three times as often, and
    /// gives it up at nine tenths. A stream whose machine has failed stands still for as long.
    pub fn ttl(mut self, ttl: Duration) -> Self {
        self.ttl = ttl;
        self
    }

    /// Whether a lease is held until somebody else has it, however long the server is away, and taken again where the server has
    /// forgotten it meanwhile. Default is `false`: it is lost at nine tenths of the TTL.
    ///
    /// Who is stopped or cut off then does not know that others have taken its streams. So this is for one holder alone, or where
    /// what is done twice does no harm.
    pub fn keep(mut self, keeps: bool) -> Self {
        self.keeps = keeps;
        self
    }

    pub(super) fn times(&self) -> Times {
        let times = Times::of(self.ttl);
        if self.keeps { times.kept() } else { times }
    }

    /// What the bucket has to be.
    pub(super) fn spec(&self) -> BucketSpec {
        BucketSpec {
            name: self.bucket.clone(),
            description: "streamsdk leases v1",
            max_age: self.ttl,
            // For more than any claim; what others write is no larger either.
            max_value: 4096,
            answer_limit: Times::of(self.ttl).answer,
        }
    }

    pub(super) fn check(&self) -> Result<(), BucketError> {
        let is_allowed = |byte: u8| byte.is_ascii_alphanumeric() || matches!(byte, b'_' | b'-');
        if self.bucket.is_empty() || !self.bucket.bytes().all(is_allowed) {
            let what = "expected letters, digits, `_` and `-`";
            return Err(BucketError::Config(format!("no bucket can be {:?}: {what}", self.bucket)));
        }
        if !(MIN_TTL..=MAX_TTL).contains(&self.ttl) {
            let what = format!("leases cannot last {:?}: expected {MIN_TTL:?} to 1 h", self.ttl);
            return Err(BucketError::Config(what));
        }
        Ok(())
    }
}

/// What a holder does when, all of it from one TTL.
#[derive(Debug, Clone, Copy)]
pub(super) struct Times {
    /// How long the server keeps what is not renewed.
    pub(super) ttl: Duration,
    /// How long a lease is held since it was last renewed: less than the server keeps it, by what a holder may take to stop; or for
    /// ever.
    pub(super) held: Duration,
    /// How long after a renewal the next is sent.
    pub(super) renewal: Duration,
    /// How long an answer is waited for: so that there is time to ask what became of a renewal, and for another.
    pub(super) answer: Duration,
    /// How long after something failed it is tried again.
    pub(super) pause: Duration,
    /// How long after somebody tried to take a stream in vain another attempt makes sense: the server is not exact either.
    pub(super) attempt: Duration,
    /// How often it is looked whether the machine was suspended, which no timer tells.
    pub(super) look: Duration,
}

impl Times {
    pub(super) fn of(ttl: Duration) -> Self {
        Self {
            ttl,
            held: ttl * 9 / 10,
            renewal: ttl / 3,
            answer: ttl / 4,
            pause: (ttl / 40).min(Duration::from_millis(250)),
            attempt: (ttl / 20).min(Duration::from_millis(50)),
            look: ttl / 10,
        }
    }

    /// The same, with leases that are held however long they are not renewed.
    fn kept(self) -> Self {
        Self { held: Duration::MAX, ..self }
    }

    pub(super) fn are_of_kept(&self) -> bool {
        self.held == Duration::MAX
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_cannot_be_a_bucket_or_a_time_is_said() {
        LeaseConfig::default().check().unwrap();
        LeaseConfig::default().bucket("site-3_leases").ttl(MIN_TTL).check().unwrap();
        for bucket in ["", "a.b", "a b", ">", "a/b"] {
            LeaseConfig::default().bucket(bucket).check().unwrap_err();
        }
        for ttl in [Duration::ZERO, Duration::from_millis(499), Duration::MAX] {
            LeaseConfig::default().ttl(ttl).check().unwrap_err();
        }
    }

    #[test]
    fn a_renewal_that_is_not_answered_leaves_time_for_another() {
        let times = Times::of(Duration::from_secs(10));
        assert!(times.renewal + 2 * times.answer + times.pause < times.held);
    }
}
