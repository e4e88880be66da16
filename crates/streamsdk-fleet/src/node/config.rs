//! What a caller says about a node.

use std::path::{Path, PathBuf};
use std::time::Duration;

use streamsdk_sinks::StreamName;

use crate::lease::LeaseConfig;

/// The leases of streams.
pub(super) const LEASES: &str = "leases";
/// The leases of the nodes' own names.
pub(super) const NODES: &str = "nodes";

/// What a node is called, and what it takes.
#[derive(Debug, Clone, PartialEq, Eq)]
#[must_use]
pub struct NodeConfig {
    pub(super) name: StreamName,
    pub(super) capacity: usize,
    pub(super) files_at_once: usize,
    pub(super) ttl: Duration,
    pub(super) folder: PathBuf,
    pub(super) drain_limit: Duration,
    pub(super) keeps: bool,
}

impl NodeConfig {
    /// A node of that name, which no other has at the same time.
    pub fn new(name: StreamName) -> Self {
        Self {
            name,
            capacity: 100,
            files_at_once: 4,
            ttl: Duration::from_secs(10),
            folder: PathBuf::new(),
            drain_limit: Duration::from_secs(10),
            keeps: false,
        }
    }

    /// How many streams it runs at a time. Default is 100.
    pub fn capacity(mut self, streams: usize) -> Self {
        self.capacity = streams;
        self
    }

    /// How many of them are files. Default is 4.
    pub fn files_at_once(mut self, files: usize) -> Self {
        self.files_at_once = files;
        self
    }

    /// How long a stream stands still at most whose node has failed: 1 s to 1 h, the same for all nodes. Default is 10 s.
    pub fn ttl(mut self, ttl: Duration) -> Self {
        self.ttl = ttl;
        self
    }

    /// What the paths in descriptions of streams are relative to. Default is the folder that the program runs in.
    pub fn folder(mut self, folder: impl AsRef<Path>) -> Self {
        self.folder = folder.as_ref().into();
        self
    }

    /// How long ending a stream may take. Default is 10 s.
    pub fn drain_limit(mut self, limit: Duration) -> Self {
        self.drain_limit = limit;
        self
    }

    /// Goes on however long the servers are away, with the results that there is room for, where the node is the only one: it does
    /// not start, or go on, beside another, and no other starts beside it. Default is to stop at nine tenths of the TTL, since
    /// another node might have the streams.
    pub fn keep(mut self, keeps: bool) -> Self {
        self.keeps = keeps;
        self
    }

    /// The leases of streams.
    pub(super) fn stream_leases(&self) -> LeaseConfig {
        LeaseConfig::default().bucket(LEASES).ttl(self.ttl).keep(self.keeps)
    }

    /// Those of the nodes' names. A node is missed before its streams are free, so that the others do not hold back when they are.
    pub(super) fn node_leases(&self) -> LeaseConfig {
        LeaseConfig::default().bucket(NODES).ttl(self.ttl * 6 / 10).keep(self.keeps)
    }
}
