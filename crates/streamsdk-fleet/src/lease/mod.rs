//! Leases: of each stream, at most one machine runs it at a time.
//!
//! A lease is a key in a bucket of NATS JetStream, called like the stream. Who makes the key has the lease, and renews it by
//! writing it again; the server deletes what was not written for a TTL. Servers from 2.9 on will do.
//!
//! # What is promised
//!
//! - A lease has one holder. [`Lease::is_held`](Tenure::is_held) is true for nine tenths of the TTL after the last renewal that the
//!   server has confirmed, counted from when it was sent; and the server gives the lease to nobody else for a whole TTL after it has
//!   got that renewal. This is so as long as both measure a TTL alike to a tenth: the server goes by its own wall clock.
//! - Epochs rise from lease to lease. What a holder still does that was stopped for long, after it has looked whether it holds the
//!   lease, is told by its epoch, so whoever takes results has to refuse an epoch that is behind another. The epoch is the revision
//!   of the key, so a bucket that is deleted begins again with 1, and epochs with it.
//! - A stream whose holder is killed is free a TTL after the last renewal; a [`LeaseWatch`] tells so within half a second.
//! - A connection that breaks costs no lease if it is there again within half of the TTL: the last renewal may have been a third of
//!   it ago. What is away for nine tenths of the TTL or more costs all leases, and their [`Tenure`]s say so.
//! - Leases that are kept ([`LeaseConfig::keep`]) are no longer counted by time: they are held until somebody else has them.
//!
//! Each renewal goes to each [`LeaseWatch`]. With 1,500 streams and a TTL of 10 s these are 450 small messages a second to each node.
//!
//! The user may need the permission to publish to `$KV.BUCKET.*`, `$JS.API.STREAM.INFO.KV_BUCKET`,
//! `$JS.API.STREAM.MSG.GET.KV_BUCKET`, `$JS.API.CONSUMER.CREATE.KV_BUCKET` and below it, `$JS.API.CONSUMER.DELETE.KV_BUCKET.*` and
//! `$JS.FC.KV_BUCKET.>`; and to `$JS.API.INFO` and `$JS.API.STREAM.CREATE.KV_BUCKET` where the bucket is to be made.
//!
//! # A node
//!
//! ```no_run
//! # async fn run(_: streamsdk_fleet::lease::Lease) {}
//! # async fn node() -> Result<(), Box<dyn std::error::Error>> {
//! use std::collections::BTreeSet;
//! use streamsdk_fleet::lease::{LeaseConfig, Leases};
//! use streamsdk_sinks::StreamName;
//! use streamsdk_sinks::nats::NatsServers;
//!
//! let servers = NatsServers::new("nats://broker:4222")?;
//! let leases = Leases::open(&servers, LeaseConfig::default()).await?;
//! let mut watch = leases.watch().await?;
//! let streams: BTreeSet<StreamName> = ["gate".parse()?, "yard".parse()?].into();
//! loop {
//!     let stream = watch.next_free(&streams).await;
//!     if let Some(lease) = leases.acquire(&stream, "node-3").await? {
//!         tokio::spawn(run(lease));
//!     }
//! }
//! # }
//! ```

mod clock;
mod config;
mod handle;
mod holder;
mod keeper;
mod loss;
mod seen;
mod take;
mod tenure;
mod watch;

use std::sync::Arc;

use streamsdk_sinks::StreamName;
use streamsdk_sinks::nats::NatsServers;

pub use self::config::LeaseConfig;
pub use self::handle::Lease;
pub use self::holder::Holder;
pub use self::loss::Loss;
pub use self::tenure::Tenure;
pub use self::watch::LeaseWatch;
pub use crate::nats::{BucketDifference, BucketError};

use self::clock::{BootClock, Clock};
use self::config::{MAX_NODE, Times};
use self::holder::Claims;
use self::keeper::Keeper;
use self::take::take;
use crate::nats::{Bucket, Connection};

/// The leases in a bucket, over a connection of their own, which is made again as often as it breaks. Cloning is cheap.
///
/// Has to be used within tokio's runtime.
#[derive(Debug, Clone)]
pub struct Leases {
    bucket: Bucket,
    times: Times,
    clock: Arc<dyn Clock>,
    claims: Arc<Claims>,
}

impl Leases {
    /// Connects, and makes the bucket if there is none: in files, with one replica.
    ///
    /// # Errors
    ///
    /// - [`BucketError::Config`] if the configuration cannot be;
    /// - [`BucketError::Connect`] if no server takes the connection;
    /// - [`BucketError::Unavailable`] if the server does not answer, or does not make the bucket;
    /// - [`BucketError::OtherBucket`] if there is one that is not what is expected. It stays as it is.
    pub async fn open(servers: &NatsServers, config: LeaseConfig) -> Result<Self, BucketError> {
        config.check()?;
        let connection = Connection::open(servers, config.ttl).await?;
        Self::over(&connection, &config).await
    }

    /// The same over a connection that there is.
    pub(crate) async fn over(
        connection: &Connection,
        config: &LeaseConfig,
    ) -> Result<Self, BucketError> {
        config.check()?;
        let bucket = Bucket::open(connection, &config.spec()).await?;
        let (times, clock) = (config.times(), Arc::new(BootClock::new()));
        Ok(Self { bucket, times, clock, claims: Arc::new(Claims::new()) })
    }

    /// Those in a bucket that is there, however long they last; `None` if there is none.
    pub(crate) async fn find(
        connection: &Connection,
        bucket: &str,
    ) -> Result<Option<Self>, BucketError> {
        let spec = |ttl| LeaseConfig::default().bucket(bucket).ttl(ttl).spec();
        let Some((bucket, ttl)) = Bucket::find(connection, spec, bucket).await? else {
            return Ok(None);
        };
        let (times, clock) = (Times::of(ttl), Arc::new(BootClock::new()));
        Ok(Some(Self { bucket, times, clock, claims: Arc::new(Claims::new()) }))
    }

    /// Tries to take the lease of a stream for the node of this name, which is for people. `None` if somebody has it, be it this very
    /// program. Takes some requests to the server, each a quarter of the TTL at most. Where it is dropped, or fails, the stream may be
    /// held by nobody for a TTL.
    ///
    /// # Errors
    ///
    /// - [`BucketError::Unavailable`] if there is no connection at the moment, or the server does not answer in time;
    /// - [`BucketError::Config`] if the name of the node has more than 128 bytes.
    pub async fn acquire(
        &self,
        stream: &StreamName,
        node: &str,
    ) -> Result<Option<Lease>, BucketError> {
        self.claim(stream, node, None).await
    }

    /// The same for a node that says how many streams it takes.
    pub(crate) async fn claim(
        &self,
        stream: &StreamName,
        node: &str,
        capacity: Option<usize>,
    ) -> Result<Option<Lease>, BucketError> {
        if node.len() > MAX_NODE {
            let what = format!("the name of a node has more than {MAX_NODE} bytes: {node:?}");
            return Err(BucketError::Config(what));
        }
        let value = self.claims.next(node, capacity, self.times.are_of_kept()).to_bytes();
        let sent = self.clock.now();
        let taken = take(&self.bucket, stream, &value).await;
        let taken = taken
            .map_err(|what| self.bucket.unavailable(format!("take the lease of {stream}"), what))?;
        let Some(revision) = taken else { return Ok(None) };
        let (times, clock) = (self.times, Arc::clone(&self.clock));
        let tenure = Tenure::new(stream.clone(), revision, times, clock, sent);
        let bucket = self.bucket.clone();
        Ok(Some(Lease::new(Keeper {
            bucket,
            times,
            tenure,
            value,
            revision,
            sent,
            open_since: None,
        })))
    }

    /// Follows the leases of all nodes, to find those that are free. One for each program is enough.
    ///
    /// # Errors
    ///
    /// [`BucketError::Unavailable`] if the server does not answer in time, or does not let the bucket be watched. When it stops later,
    /// that goes to the log, and streams are found to be free later than they could be.
    pub async fn watch(&self) -> Result<LeaseWatch, BucketError> {
        LeaseWatch::open(self.bucket.clone(), self.times).await
    }
}
