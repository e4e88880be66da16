//! Looking at a fleet while it runs and changes.

use std::collections::BTreeMap;
use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

use streamsdk_sinks::Outlet;

use crate::fleet::SinkStatus;
use crate::metrics;
use crate::streams::{StreamStatus, Streams};

/// How a [`Fleet`](crate::Fleet) is, for whoever looks on. It waits for nobody, also while streams end. Cloning is cheap.
#[derive(Debug, Clone)]
pub struct FleetObserver {
    shared: Arc<Shared>,
}

/// What runs.
#[derive(Debug)]
struct Shared {
    streams: Streams,
    sinks: Mutex<BTreeMap<String, Arc<Outlet>>>,
    is_ready: AtomicBool,
}

impl FleetObserver {
    pub(crate) fn new(streams: Streams) -> Self {
        let shared = Shared { streams, sinks: Mutex::default(), is_ready: AtomicBool::new(false) };
        Self { shared: Arc::new(shared) }
    }

    /// How the streams are, by name.
    pub fn streams(&self) -> Vec<StreamStatus> {
        self.shared.streams.statuses()
    }

    /// Whether there are streams, and none does anything more by itself.
    pub fn are_over(&self) -> bool {
        self.shared.streams.are_over()
    }

    /// How the sinks are, by name.
    pub fn sinks(&self) -> Vec<SinkStatus> {
        let status = |(name, outlet): (&String, &Arc<Outlet>)| SinkStatus {
            name: name.clone(),
            counters: outlet.counters(),
        };
        self.outlets().iter().map(status).collect()
    }

    /// Whether everything that is configured was started, and nothing is being ended for good.
    pub fn is_ready(&self) -> bool {
        self.shared.is_ready.load(Ordering::Acquire)
    }

    /// Tells the recorder of the crate `metrics` how everything is now. To be called now and then, such as each 5 s, where a
    /// program has a recorder of its own.
    pub fn record_metrics(&self) {
        metrics::record(&self.streams(), &self.sinks());
    }

    pub(crate) fn set_ready(&self, is_ready: bool) {
        self.shared.is_ready.store(is_ready, Ordering::Release);
    }

    pub(crate) fn handle(&self) -> &Streams {
        &self.shared.streams
    }

    pub(crate) fn outlets(&self) -> MutexGuard<'_, BTreeMap<String, Arc<Outlet>>> {
        self.shared.sinks.lock().unwrap_or_else(PoisonError::into_inner)
    }
}
