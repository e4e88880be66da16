//! Streams on more than one machine: nodes that take them from each other's dead hands.
//!
//! What should run, who runs it and what came of it are in NATS JetStream; servers from 2.9 on will do. Three buckets and a log
//! belong to a fleet:
//!
//! - `streams`: the descriptions of the streams that should run ([`FleetControl::apply`]);
//! - `leases`: which node runs which stream ([`lease`](crate::lease));
//! - `nodes`: which nodes there are;
//! - the log, a stream that takes `results.>`: what came of each stream, on the subject `results.STREAM`.
//!
//! A [`Node`] takes streams that nobody runs, up to its capacity and its share, and delivers their results to the log. So the log is
//! also what tells how far a stream is: whoever goes on with it looks there. `docs/fleet.md` describes what is in it.
//!
//! # What is promised
//!
//! - **Files**: the results of each frame are in the log exactly once and in order, whatever happens to nodes, servers and the
//!   network between them. Whoever goes on with a file uploads it again, and leaves out the results that are there. A file that has
//!   ended is not uploaded again.
//! - **Live streams**: one node writes at a time, and in order. What was not delivered when a node failed is missing; the
//!   beginnings in the log say where.
//! - A stream whose node has failed goes on elsewhere within the TTL and half a second, as long as others have room for it.
//! - A node that does not reach the servers goes on for nine tenths of the TTL, with the results waiting in memory, and stops then.
//!   The only node of a fleet may go on for longer ([`NodeConfig::keep`]).
//!
//! This is as durable as what JetStream says it has stored: its servers write to the disk every two minutes unless they are told to
//! `sync_interval: always` (from 2.10 on), which matters when a machine loses its power, not when a program is killed.

mod config;
mod control;
mod definition;
mod desired;
mod entry;
mod error;
mod log;
mod membership;
mod post;
mod run;
mod share;
mod wanted;

use std::sync::Arc;

use streamsdk_sinks::StreamName;
use streamsdk_sinks::nats::NatsServers;
use tokio::task::JoinHandle;
use tokio_util::sync::CancellationToken;

pub use self::config::NodeConfig;
pub use self::control::{
    FleetControl, FleetStatus, FleetStreamState, FleetStreamStatus, NodeStatus,
};
pub use self::entry::Outcome;
pub use self::error::{LogError, NodeError};

use self::desired::Desired;
use self::log::Log;
use self::membership::Membership;
use self::post::Common;
use self::run::NodeRun;
use self::wanted::Wanted;
use crate::lease::Leases;
use crate::nats::Connection;
use crate::streams::{StreamEvents, StreamStatus, Streams, StreamsConfig};

/// One of the machines of a fleet. It takes streams from when it is started.
///
/// Has to be used within tokio's runtime. Dropping it ends its streams at once, and others take them when their leases have expired;
/// [`Node::drain`] delivers what has arrived and frees them at once.
#[derive(Debug)]
pub struct Node {
    common: Arc<Common>,
    stop: CancellationToken,
    /// Until it has ended.
    task: Option<JoinHandle<Result<(), NodeError>>>,
}

impl Node {
    /// Connects, makes the buckets and the log if there are none, and begins to take streams. What happens in them comes as events,
    /// which have to be taken, or dropped.
    ///
    /// # Errors
    ///
    /// - [`NodeError::Bucket`] if no server takes the connection, JetStream cannot be used, or there is a bucket that is not what is
    ///   expected, such as one with another TTL;
    /// - [`NodeError::Log`] if the log cannot be used;
    /// - [`NodeError::NameTaken`] if there is a node of the name. That of one that has failed is waited for until it is free;
    /// - [`NodeError::NotAlone`] if this node or another is to be the only one ([`NodeConfig::keep`]). One that has failed is waited
    ///   for until it is forgotten.
    pub async fn start(
        servers: &NatsServers,
        config: NodeConfig,
    ) -> Result<(Self, StreamEvents), NodeError> {
        let connection = Connection::open(servers, config.ttl).await?;
        let leases = Leases::over(&connection, &config.stream_leases()).await?;
        let (streams, events) = Streams::with_events(StreamsConfig::default())?;
        let common = Arc::new(Common {
            node: config.name.clone(),
            leases: leases.clone(),
            log: Log::open(&connection, servers, config.ttl).await?,
            streams,
            folder: config.folder.clone(),
            drain_limit: config.drain_limit,
        });
        let membership = Membership::join(&connection, &config).await?;
        let mut following = Desired::open(&connection).await?.follow().await?;
        following.descriptions.mark_changed();
        let stop = CancellationToken::new();
        let run = NodeRun {
            requests: control::requests_to_drain(&connection, &config.name).await?,
            client: connection.client.clone(),
            leases: leases.watch().await?,
            streams: Wanted::default(),
            common: Arc::clone(&common),
            stop: stop.clone(),
            config,
            membership,
            following,
        };
        let task = Some(tokio::spawn(run.run()));
        Ok((Self { common, stop, task }, events))
    }

    /// Its name.
    pub fn name(&self) -> &StreamName {
        &self.common.node
    }

    /// How the streams are that it runs, by name.
    pub fn streams(&self) -> Vec<StreamStatus> {
        self.common.streams.statuses()
    }

    /// Waits until it has ended: because somebody asked it to drain, or it cannot go on. Cancelling loses nothing; when it has
    /// returned it returns at once from then on.
    ///
    /// # Errors
    ///
    /// [`NodeError::NameTaken`] if another node has its name, which has taken it while this one stood still;
    /// [`NodeError::NotAlone`] if another has come while this one kept its streams without the servers ([`NodeConfig::keep`]).
    pub async fn ended(&mut self) -> Result<(), NodeError> {
        let Some(task) = &mut self.task else { return Ok(()) };
        // A panic would be one of ours, and all streams have ended with it.
        let ended = task.await.unwrap_or(Ok(()));
        self.task = None;
        ended
    }

    /// Ends all its streams, delivers what has arrived, and lets others have them. Nothing is left when it returns.
    ///
    /// # Errors
    ///
    /// As of [`Node::ended`].
    pub async fn drain(mut self) -> Result<(), NodeError> {
        self.stop.cancel();
        self.ended().await
    }
}

impl Drop for Node {
    fn drop(&mut self) {
        self.task.iter().for_each(JoinHandle::abort);
    }
}
