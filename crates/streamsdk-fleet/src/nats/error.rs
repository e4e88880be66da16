//! What can be wrong with buckets.

use std::time::Duration;

use thiserror::Error;

/// Something could not be done with a bucket of NATS JetStream.
#[derive(Debug, Clone, PartialEq, Eq, Error)]
#[non_exhaustive]
pub enum BucketError {
    /// What the caller said cannot be.
    #[error("leases cannot be had: {0}")]
    Config(String),
    /// There is no connection to the servers.
    #[error("cannot connect to NATS at {servers}: {what}")]
    Connect {
        /// Their addresses.
        servers: String,
        /// What came back.
        what: String,
    },
    /// The server did not do something, or did not say whether it has. It may later.
    #[error(
        "cannot {tried} in the bucket {bucket}: {what} (is JetStream on, and the user allowed to?)"
    )]
    Unavailable {
        /// In which bucket.
        bucket: String,
        /// What was tried.
        tried: String,
        /// What came back.
        what: String,
    },
    /// There is a bucket of the name that is not what was asked for. It was left as it is.
    #[error(
        "the bucket {bucket} is not the one that was asked for: {difference}. Use another name, or, when nobody uses it any \
         more, delete it"
    )]
    OtherBucket {
        /// Which bucket.
        bucket: String,
        /// In what it differs.
        difference: BucketDifference,
    },
}

/// In what a bucket is not the one that was asked for.
#[derive(Debug, Clone, PartialEq, Eq, Error)]
#[non_exhaustive]
pub enum BucketDifference {
    /// It is of another version, or for something else.
    #[error("it says of itself {found:?}, and expected was {expected:?}")]
    Version {
        /// Its description.
        found: String,
        /// What it would have to be.
        expected: &'static str,
    },
    /// Entries last for another time there.
    #[error("entries last {found:?} there, and expected was {expected:?}")]
    Ttl {
        /// How long they last; zero is for ever.
        found: Duration,
        /// How long they would have to.
        expected: Duration,
    },
    /// It keeps another number of revisions of a key.
    #[error("it keeps {found} revisions of a key, and expected was 1")]
    History {
        /// How many.
        found: i64,
    },
    /// It is in memory, so that all is gone with the server.
    #[error("it is in memory, and expected was in files")]
    Memory,
}
