//! One stream in the hands of this node: from its lease to its release.

use std::path::PathBuf;
use std::sync::Arc;
use std::time::Duration;

use streamsdk::Ended;
use streamsdk_sinks::{Outlet, OutletConfig, Place, Record, ResultSink, StreamName};
use tokio::time::timeout;
use tokio_util::sync::CancellationToken;

use super::definition::Definition;
use super::entry::{End, Outcome};
use super::log::Log;
use crate::lease::{Lease, Leases};
use crate::streams::{Progress, StreamState, StreamStatus, Streams};

/// What all streams of a node have in common.
#[derive(Debug)]
pub(super) struct Common {
    pub(super) node: StreamName,
    pub(super) leases: Leases,
    pub(super) log: Log,
    pub(super) streams: Streams,
    pub(super) folder: PathBuf,
    pub(super) drain_limit: Duration,
}

/// How a post ended.
#[derive(Debug)]
pub(super) enum PostEnd {
    /// Somebody else has the stream.
    Held,
    /// The stream has ended for good, now or before.
    Finished,
    /// It was told to end, or has lost the lease.
    Left,
    /// The servers of the fleet did not do something.
    Unavailable(String),
    /// It cannot be run here, for now.
    Failed(String),
}

impl Common {
    /// Runs a stream, if nobody else does, until it is over, the lease is lost or it is told to stop.
    pub(super) async fn run_post(
        &self,
        name: &StreamName,
        definition: &Definition,
        stop: CancellationToken,
    ) -> PostEnd {
        // What has ended needs no lease.
        match self.log.tail(name).await {
            Ok(tail) => {
                if tail.outcome(&definition.work).is_some() {
                    return PostEnd::Finished;
                }
            }
            Err(error) => return PostEnd::Unavailable(error.to_string()),
        }
        // It may be told to end while servers are asked, here and below: what was not begun need not be ended.
        if stop.is_cancelled() {
            return PostEnd::Left;
        }
        let lease = match self.leases.acquire(name, self.node.as_str()).await {
            Ok(Some(lease)) => lease,
            Ok(None) => return PostEnd::Held,
            Err(error) => return PostEnd::Unavailable(error.to_string()),
        };
        let end = self.run_with(&lease, name, definition, stop).await;
        if let Err(error) = lease.release().await {
            tracing::debug!(%error, "a lease was not released");
        }
        end
    }

    async fn run_with(
        &self,
        lease: &Lease,
        name: &StreamName,
        definition: &Definition,
        stop: CancellationToken,
    ) -> PostEnd {
        // Whoever had it before may have gone on until this had the lease.
        let tail = match self.log.tail(name).await {
            Ok(tail) => tail,
            Err(error) => return PostEnd::Unavailable(error.to_string()),
        };
        if tail.outcome(&definition.work).is_some() {
            return PostEnd::Finished;
        }
        if stop.is_cancelled() {
            return PostEnd::Left;
        }
        let begun = self.log.begin(name, &tail, definition, &self.node, lease.epoch()).await;
        let progress = match begun {
            Ok(progress) => Arc::new(progress),
            Err(error) => return PostEnd::Unavailable(error.to_string()),
        };
        let config = OutletConfig::default().when_full(definition.when_full());
        let outlet = match Outlet::open(Box::new(self.log.sink()), config) {
            Ok(outlet) => Arc::new(outlet),
            Err(error) => return PostEnd::Failed(error.to_string()),
        };
        let stream = definition.stream(name, Arc::clone(&progress), Arc::clone(&outlet));
        if let Err(error) = self.streams.add(name.clone(), stream) {
            return PostEnd::Failed(error.to_string());
        }
        tokio::select! {
            biased;
            end = self.run_until_over(name, definition, &progress, outlet, stop) => end,
            _ = lease.lost() => {
                // Nothing more of it may be seen. Whoever has it now goes on behind what was delivered.
                self.streams.remove(name, Duration::ZERO).await;
                PostEnd::Left
            }
        }
    }

    async fn run_until_over(
        &self,
        name: &StreamName,
        definition: &Definition,
        progress: &Progress,
        outlet: Arc<Outlet>,
        stop: CancellationToken,
    ) -> PostEnd {
        let is_told = tokio::select! {
            _ = self.streams.over(name) => false,
            () = stop.cancelled() => true,
        };
        let status = self.streams.remove(name, self.drain_limit).await;
        // The stream, which has ended, was the only other who had it.
        let Some(outlet) = Arc::into_inner(outlet) else { return PostEnd::Left };
        let delivered = outlet.close(self.drain_limit).await;
        let Some(status) = status.filter(|_| !is_told && delivered.lost == 0) else {
            return PostEnd::Left;
        };
        let Some(outcome) = outcome(&status) else {
            return PostEnd::Failed(status.last_error.unwrap_or_else(|| "it ended".into()));
        };
        let lost =
            delivered.counters.refused + delivered.counters.dropped + status.totals.undelivered;
        let outcome = if lost == 0 { outcome } else { Outcome::Incomplete };
        match self.write_end(name, definition, progress, outcome).await {
            Ok(()) => PostEnd::Finished,
            Err(what) => PostEnd::Unavailable(what),
        }
    }

    async fn write_end(
        &self,
        name: &StreamName,
        definition: &Definition,
        progress: &Progress,
        outcome: Outcome,
    ) -> Result<(), String> {
        let (last, work) = (progress.last(), definition.work.clone());
        let place = Place { sequence: last.sequence + 1, ..last };
        let end = End { work, outcome, frames: progress.frame() };
        let record = Record::new(name.clone(), place, end.to_json(name, place));
        let mut sink = self.log.sink();
        let delivering = timeout(self.drain_limit, sink.deliver(std::slice::from_ref(&record)));
        match delivering.await {
            Ok(delivered) => delivered.map_err(|error| error.to_string()),
            Err(_) => Err(format!("no answer within {:?}", self.drain_limit)),
        }
    }
}

/// What has become of a stream that does not begin again, of its own accord; `None` if it failed.
fn outcome(status: &StreamStatus) -> Option<Outcome> {
    let ended = status.session.as_ref()?.ended.as_ref();
    match (status.state, ended) {
        (StreamState::Complete, _) => Some(Outcome::Complete),
        (StreamState::Failed, Some(Ended::Incomplete)) => Some(Outcome::Incomplete),
        _ => None,
    }
}
