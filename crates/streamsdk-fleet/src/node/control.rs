//! Whoever says what should run, and looks at what does.

use std::collections::BTreeMap;
use std::sync::Arc;
use std::time::Duration;

use async_nats::{Request, Subscriber};
use futures::stream::{self, StreamExt, TryStreamExt};
use serde::Serialize;
use streamsdk_sinks::StreamName;
use streamsdk_sinks::nats::NatsServers;

use super::config::{LEASES, NODES};
use super::definition::Outline;
use super::desired::Desired;
use super::entry::Outcome;
use super::error::{LogError, NodeError};
use super::log::{Log, Tail};
use super::membership::capacities;
use super::share::count_by_node;
use crate::fleet::Changes;
use crate::lease::{Holder, Leases};
use crate::nats::{BucketError, Connection};

/// How long a connection may be silent, in the place of what leases last for.
const PATIENCE: Duration = Duration::from_secs(10);
/// How many streams are looked up in the log at once.
const LOOKS: usize = 64;

/// Says what a fleet should run, and shows what it does.
#[derive(Debug)]
pub struct FleetControl {
    connection: Connection,
    servers: NatsServers,
}

/// How a fleet is.
#[derive(Debug, Clone, Serialize)]
#[non_exhaustive]
pub struct FleetStatus {
    /// Its nodes, by name.
    pub nodes: Vec<NodeStatus>,
    /// The streams that should run, by name.
    pub streams: Vec<FleetStreamStatus>,
}

/// How a node is.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
#[non_exhaustive]
pub struct NodeStatus {
    /// Its name.
    pub name: String,
    /// How many streams it takes.
    pub capacity: usize,
    /// How many it has.
    pub streams: usize,
}

/// How a stream of a fleet is.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
#[non_exhaustive]
pub struct FleetStreamStatus {
    /// Its name.
    pub name: StreamName,
    /// Whether somebody runs it.
    pub state: FleetStreamState,
    /// Which node, where one does.
    pub node: Option<String>,
    /// The epoch of the last entry in the log.
    pub epoch: Option<u64>,
    /// The last frame of a file that the log has a result of.
    pub frame: Option<u32>,
}

/// Whether somebody runs a stream.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize)]
#[serde(rename_all = "snake_case")]
#[non_exhaustive]
pub enum FleetStreamState {
    /// A node has it.
    Running,
    /// No node has it: none has room, or can run it.
    Waiting,
    /// It has ended, and everything that was promised is there.
    Complete,
    /// It has ended, and something is missing, damaged or failed.
    Incomplete,
}

impl FleetControl {
    /// Connects.
    ///
    /// # Errors
    ///
    /// [`NodeError::Bucket`] if no server takes the connection.
    pub async fn connect(servers: &NatsServers) -> Result<Self, NodeError> {
        let connection = Connection::open(servers, PATIENCE).await?;
        Ok(Self { connection, servers: servers.clone() })
    }

    /// Has these streams run and no others, as [`FleetConfig::read_for_fleet`](crate::FleetConfig::read_for_fleet) reads them.
    /// What is as before goes on as if nothing had been. Returns what is different.
    ///
    /// # Errors
    ///
    /// - [`NodeError::Bucket`] if a server did not do something;
    /// - [`NodeError::ChangedMeanwhile`] if somebody else does this at the same time;
    /// - [`NodeError::TooLong`] if a description is longer than 64 KiB.
    ///
    /// What was changed until then stays changed.
    pub async fn apply(
        &self,
        streams: &BTreeMap<StreamName, String>,
    ) -> Result<Changes, NodeError> {
        let desired = Desired::open(&self.connection).await?;
        let before = desired.read().await?;
        let mut changes = Changes::default();
        for (name, text) in streams {
            let known = before.get(name);
            if known.is_some_and(|known| **known == **text) {
                continue;
            }
            desired.set(name, Some(text)).await?;
            let changed = if known.is_some() { &mut changes.changed } else { &mut changes.added };
            changed.push(name.clone());
        }
        for name in before.into_keys().filter(|name| !streams.contains_key(name)) {
            desired.set(&name, None).await?;
            changes.removed.push(name);
        }
        Ok(changes)
    }

    /// How the fleet is now. Takes half of the nodes' TTL at most, and a request for each stream.
    ///
    /// # Errors
    ///
    /// [`NodeError`] if a bucket or the log cannot be read.
    pub async fn status(&self) -> Result<FleetStatus, NodeError> {
        let descriptions = Desired::open(&self.connection).await?.read().await?;
        let holders = self.holders(LEASES).await?;
        let capacities = capacities(self.holders(NODES).await?);
        let log = Log::find(&self.connection, &self.servers, PATIENCE).await?;
        let looks = descriptions.into_iter().map(|(name, text)| {
            let (log, holder) = (log.as_ref(), holders.get(&name));
            async move { stream_status(log, name, text, holder).await }
        });
        let streams = stream::iter(looks).buffered(LOOKS).try_collect().await?;
        let held = count_by_node(&holders, holders.keys());
        let nodes = capacities.into_iter().map(|(name, capacity)| {
            let streams = held.get(&name).copied().unwrap_or_default();
            NodeStatus { name, capacity, streams }
        });
        Ok(FleetStatus { nodes: nodes.collect(), streams })
    }

    /// Asks a node to drain, and waits until it has: its streams have ended, what has arrived is delivered, and others can take
    /// them. The node ends then.
    ///
    /// # Errors
    ///
    /// [`NodeError::NoAnswer`] if there is no such node, or it has not said within `limit` that it has.
    pub async fn drain(&self, node: &StreamName, limit: Duration) -> Result<(), NodeError> {
        let no_answer = |what: String| NodeError::NoAnswer { node: node.clone(), what };
        let request = Request::new().timeout(Some(limit));
        match self.connection.client.send_request(drain_subject(node), request).await {
            Ok(_) => Ok(()),
            Err(error) => Err(no_answer(error.to_string())),
        }
    }

    /// Who holds what in a bucket of leases; nobody where there is none.
    async fn holders(&self, bucket: &str) -> Result<BTreeMap<StreamName, Holder>, BucketError> {
        let Some(leases) = Leases::find(&self.connection, bucket).await? else {
            return Ok(BTreeMap::new());
        };
        let watch = leases.watch().await?;
        watch.complete().await;
        Ok(watch.holders())
    }
}

/// Requests to drain a node, and its answer when it has.
pub(super) async fn requests_to_drain(
    connection: &Connection,
    node: &StreamName,
) -> Result<Subscriber, NodeError> {
    let requests = connection.client.subscribe(drain_subject(node)).await;
    requests.map_err(|error| {
        let (tried, what) = ("wait for requests to drain".to_owned(), error.to_string());
        NodeError::Log(LogError { tried, what })
    })
}

fn drain_subject(node: &StreamName) -> String {
    format!("streamsdk.fleet.drain.{node}")
}

async fn stream_status(
    log: Option<&Log>,
    name: StreamName,
    text: Arc<str>,
    holder: Option<&Holder>,
) -> Result<FleetStreamStatus, NodeError> {
    let tail = match log {
        Some(log) => log.tail(&name).await?,
        None => Tail::default(),
    };
    let outline = Outline::of(&text, &name);
    let work = outline.as_ref().map_or("", |outline| outline.work.as_str());
    let state = match (holder, tail.outcome(work)) {
        (_, Some(Outcome::Complete)) => FleetStreamState::Complete,
        (_, Some(Outcome::Incomplete)) => FleetStreamState::Incomplete,
        (Some(_), None) => FleetStreamState::Running,
        (None, None) => FleetStreamState::Waiting,
    };
    let node = holder.map(|holder| match holder {
        Holder::Node { name, .. } => name.clone(),
        Holder::Unknown => "unknown".to_owned(),
    });
    let is_file = outline.as_ref().is_some_and(|outline| outline.is_file);
    let (epoch, frame) = tail.reached(work).unzip();
    let frame = frame.filter(|frame| is_file && *frame > 0);
    Ok(FleetStreamStatus { name, state, node, epoch, frame })
}
