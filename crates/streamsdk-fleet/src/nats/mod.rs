//! What is kept in NATS JetStream, for several programs.

mod bucket;
mod connection;
mod error;

pub(crate) use self::bucket::{Bucket, BucketSpec, Entry, WriteError};
pub(crate) use self::connection::{Connection, Link, Mark};
pub use self::error::{BucketDifference, BucketError};
