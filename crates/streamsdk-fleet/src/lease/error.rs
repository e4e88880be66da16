//! What can be wrong with leases.

use std::time::Duration;

use thiserror::Error;

use super::holder::Holder;

/// Something about leases could not be done.
#[derive(Debug, Clone, PartialEq, Eq, Error)]
#[non_exhaustive]
pub enum LeaseError {
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
    /// It is not of this version of leases, or not for leases at all.
    #[error("it says of itself {found:?}, and expected was {expected:?}")]
    Version {
        /// Its description.
        found: String,
        /// What it would have to be.
        expected: &'static str,
    },
    /// Leases last for another time there.
    #[error("leases last {found:?} there, and expected was {expected:?}")]
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
    /// It is in memory, so that its revisions begin again with the server, and epochs would not rise.
    #[error("it is in memory, and expected was in files")]
    Memory,
}

/// Why a lease is held no more.
#[derive(Debug, Clone, PartialEq, Eq, Error)]
#[non_exhaustive]
pub enum Loss {
    /// It was not renewed in time, or the machine or the program stood still for that long. Whether somebody else has the
    /// stream is not known.
    #[error("the lease was not renewed in time: {what}")]
    NotRenewed {
        /// What went wrong last.
        what: String,
    },
    /// Somebody else has it.
    #[error("{by} has taken the lease")]
    Taken {
        /// Who.
        by: Holder,
    },
    /// The server does not have it any more: it expired there, or somebody deleted it.
    #[error("the server has no such lease any more")]
    Gone,
    /// Whoever held it has released or dropped it.
    #[error("the lease was given up")]
    GivenUp,
}
