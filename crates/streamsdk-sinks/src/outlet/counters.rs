//! What became of the records of an outlet.

use serde::Serialize;

use crate::spool::Waiting;

/// What has become of the records of an [`Outlet`](crate::Outlet) so far. Each that was taken, or found in the folder at the
/// start, is under one of `delivered`, `refused`, `dropped`, `damaged` and `waiting`.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize)]
#[non_exhaustive]
pub struct Counters {
    /// Records that were put in.
    pub taken: u64,
    /// Records that an earlier run had left in the folder.
    pub found: u64,
    /// The receiver has said that it has them.
    pub delivered: u64,
    /// The receiver will never take them.
    pub refused: u64,
    /// There was no room for them, by the policy that was chosen.
    pub dropped: u64,
    /// They were in files that could not be read again.
    pub damaged: u64,
    /// They wait for their delivery.
    pub waiting: u64,
    /// What waits takes so much memory, in bytes.
    pub memory_bytes: u64,
    /// And so much of the folder, in bytes.
    pub disk_bytes: u64,
    /// Files of the folder that were damaged at the start, and put aside under another name.
    pub damaged_files: u64,
    /// Deliveries that failed and were tried again.
    pub retries: u64,
    /// Why the last delivery failed; `None` once one has succeeded again.
    pub last_error: Option<String>,
}

impl Counters {
    pub(super) fn with(&self, waiting: Waiting) -> Self {
        Self {
            waiting: waiting.records as u64,
            memory_bytes: waiting.memory_bytes as u64,
            disk_bytes: waiting.disk_bytes,
            ..self.clone()
        }
    }
}
