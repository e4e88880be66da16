//! What can be wrong with a node.

use streamsdk_sinks::StreamName;
use thiserror::Error;

use crate::nats::BucketError;
use crate::streams::EpochFileError;

/// A node cannot be, or cannot go on.
#[derive(Debug, Error)]
#[non_exhaustive]
pub enum NodeError {
    /// The buckets of the fleet cannot be used.
    #[error(transparent)]
    Bucket(#[from] BucketError),
    /// The log of the results cannot be used.
    #[error(transparent)]
    Log(#[from] LogError),
    /// Another node has this name.
    #[error("there is another node called {0}: each needs a name of its own")]
    NameTaken(StreamName),
    /// A node that keeps its streams while the servers are away has to be the only one, and is not.
    #[error(
        "{keeper} keeps its streams while the servers are away, which only the one node of a fleet may, and {other} is \
         there too: drain one of them, or start {keeper} without keeping"
    )]
    NotAlone {
        /// The node that keeps its streams.
        keeper: StreamName,
        /// The other one.
        other: StreamName,
    },
    /// The streams cannot be made.
    #[error(transparent)]
    Epochs(#[from] EpochFileError),
    /// A node of that name does not answer.
    #[error("the node {node} does not answer: {what}")]
    NoAnswer {
        /// The node.
        node: StreamName,
        /// What came back.
        what: String,
    },
    /// Somebody else changed what should run at the same time.
    #[error(
        "{0} was changed by somebody else at the same time: nothing more is changed, try again"
    )]
    ChangedMeanwhile(StreamName),
    /// A description is longer than the bucket takes.
    #[error("the description of {stream} has {bytes} bytes, and {limit} is the most")]
    TooLong {
        /// Of which stream.
        stream: StreamName,
        /// How long it is.
        bytes: usize,
        /// How long it may be.
        limit: usize,
    },
}

impl NodeError {
    /// Whether it may be otherwise later without anybody's doing anything: servers that are not there, or not ready.
    pub fn may_pass(&self) -> bool {
        let bucket_error = match self {
            Self::Bucket(error) => error,
            Self::Log(_) => return true,
            _ => return false,
        };
        matches!(bucket_error, BucketError::Connect { .. } | BucketError::Unavailable { .. })
    }
}

/// The log of the results did not do something. It may later.
#[derive(Debug, Clone, PartialEq, Eq, Error)]
#[error("cannot {tried}: {what} (is JetStream on, and the user allowed to?)")]
pub struct LogError {
    pub(super) tried: String,
    pub(super) what: String,
}
