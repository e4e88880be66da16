//! The nodes of a fleet, each with a name of its own.

use std::collections::BTreeMap;
use std::time::Duration;

use streamsdk_sinks::StreamName;
use tokio::task::JoinHandle;
use tokio::time::{Instant, sleep};
use tokio_util::sync::CancellationToken;

use super::config::NodeConfig;
use super::error::NodeError;
use super::share::Capacities;
use crate::lease::{Holder, Lease, LeaseWatch, Leases};
use crate::nats::Connection;

/// Before it is tried again to have the name.
const PAUSE: Duration = Duration::from_millis(100);
/// What counts of the time between two attempts: when the program stood still, nobody has looked who has the name.
const MOST_OF_A_GAP: Duration = Duration::from_millis(500);

/// That this node belongs to the fleet, and who else does. Ends when dropped.
#[derive(Debug)]
pub(super) struct Membership {
    nodes: LeaseWatch,
    leave: CancellationToken,
    name_taken: CancellationToken,
    task: JoinHandle<()>,
}

/// What it takes to have the name.
struct Member {
    leases: Leases,
    name: StreamName,
    capacity: usize,
    keeps: bool,
    /// How long somebody else has to have the name to be another node, and not this one before it failed.
    patience: Duration,
}

impl Membership {
    /// Takes the name, where it may be beside those that there are. A node that has failed is forgotten after a while, which is
    /// waited for.
    pub(super) async fn join(
        connection: &Connection,
        config: &NodeConfig,
    ) -> Result<Self, NodeError> {
        let leases = Leases::over(connection, &config.node_leases()).await?;
        let nodes = leases.watch().await?;
        let member = Member {
            leases,
            name: config.name.clone(),
            capacity: config.capacity,
            keeps: config.keeps,
            patience: config.ttl + Duration::from_secs(1),
        };
        member.wait_until_tolerated(&nodes).await?;
        let lease = member.take_name().await?;
        let (leave, name_taken) = (CancellationToken::new(), CancellationToken::new());
        let task = tokio::spawn(member.stay(lease, leave.clone(), name_taken.clone()));
        Ok(Self { nodes, leave, name_taken, task })
    }

    /// Why this node cannot go on beside those that there are, if it cannot: of two nodes the one that keeps its streams ends.
    pub(super) fn conflict(&self, config: &NodeConfig) -> Option<NodeError> {
        config.keeps.then(|| conflict(&config.name, true, &self.nodes.holders())).flatten()
    }

    /// How many streams each node takes, as far as is known.
    pub(super) fn capacities(&self) -> Capacities {
        capacities(self.nodes.holders())
    }

    /// Waits until another node has the name.
    pub(super) async fn name_taken(&self) {
        self.name_taken.cancelled().await;
    }

    /// Tells the others to take the streams of this node.
    pub(super) async fn leave(mut self) {
        self.leave.cancel();
        let _ = (&mut self.task).await;
    }
}

/// How many streams those take that hold the names of nodes.
pub(super) fn capacities(holders: BTreeMap<StreamName, Holder>) -> Capacities {
    let by_name = holders.into_iter().filter_map(|(node, holder)| match holder {
        Holder::Node { capacity, .. } => Some((node.to_string(), capacity?)),
        Holder::Unknown => None,
    });
    by_name.collect()
}

/// Why a node cannot be beside others: it keeps its streams, or one of them does.
fn conflict(
    node: &StreamName,
    keeps: bool,
    nodes: &BTreeMap<StreamName, Holder>,
) -> Option<NodeError> {
    nodes.iter().filter(|(other, _)| *other != node).find_map(|(other, holder)| {
        let other_keeps = matches!(holder, Holder::Node { keeps: true, .. });
        let not_alone = |keeper: &StreamName, other: &StreamName| NodeError::NotAlone {
            keeper: keeper.clone(),
            other: other.clone(),
        };
        match (keeps, other_keeps) {
            (true, _) => Some(not_alone(node, other)),
            (false, true) => Some(not_alone(other, node)),
            (false, false) => None,
        }
    })
}

impl Member {
    async fn stay(self, mut lease: Lease, leave: CancellationToken, name_taken: CancellationToken) {
        loop {
            let loss = tokio::select! {
                loss = lease.lost() => loss,
                () = leave.cancelled() => {
                    if let Err(error) = lease.release().await {
                        tracing::debug!(%error, "the name of the node was not released");
                    }
                    return;
                }
            };
            tracing::warn!(%loss, "the node is not known to the others for a while");
            let again = tokio::select! {
                again = self.take_name_again() => again,
                () = leave.cancelled() => return,
            };
            match again {
                Ok(again) => lease = again,
                Err(_) => return name_taken.cancel(),
            }
        }
    }

    /// Servers that do not answer are waited for.
    async fn take_name_again(&self) -> Result<Lease, NodeError> {
        loop {
            match self.take_name().await {
                Err(NodeError::Bucket(_)) => sleep(PAUSE).await,
                outcome => return outcome,
            }
        }
    }

    async fn wait_until_tolerated(&self, nodes: &LeaseWatch) -> Result<(), NodeError> {
        nodes.complete().await;
        let started = Instant::now();
        while let Some(error) = conflict(&self.name, self.keeps, &nodes.holders()) {
            if started.elapsed() > self.patience {
                return Err(error);
            }
            sleep(PAUSE).await;
        }
        Ok(())
    }

    async fn take_name(&self) -> Result<Lease, NodeError> {
        let mut waiting = Waiting::since(Instant::now());
        loop {
            let claim = self.leases.claim(&self.name, self.name.as_str(), Some(self.capacity));
            if let Some(lease) = claim.await? {
                return Ok(lease);
            }
            if waiting.until(Instant::now()) > self.patience {
                return Err(NodeError::NameTaken(self.name.clone()));
            }
            sleep(PAUSE).await;
        }
    }
}

/// How long it was looked on while somebody else had the name.
struct Waiting {
    waited: Duration,
    last: Instant,
}

impl Waiting {
    fn since(now: Instant) -> Self {
        Self { waited: Duration::ZERO, last: now }
    }

    fn until(&mut self, now: Instant) -> Duration {
        self.waited += (now - self.last).min(MOST_OF_A_GAP);
        self.last = now;
        self.waited
    }
}

impl Drop for Membership {
    fn drop(&mut self) {
        self.leave.cancel();
        self.task.abort();
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_passes_while_the_program_stands_still_is_not_waited() {
        let started = Instant::now();
        let mut waiting = Waiting::since(started);
        assert_eq!(waiting.until(started + PAUSE), PAUSE);
        let later = started + Duration::from_secs(3600);
        assert_eq!(waiting.until(later), PAUSE + MOST_OF_A_GAP);
        assert_eq!(waiting.until(later + PAUSE), 2 * PAUSE + MOST_OF_A_GAP);
    }
}
