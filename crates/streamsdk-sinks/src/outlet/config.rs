//! How an outlet holds and delivers records.

use std::path::{Path, PathBuf};
use std::time::Duration;

/// What happens to a record for which there is no room.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
#[non_exhaustive]
pub enum WhenFull {
    /// [`Outlet::put`](crate::Outlet::put) waits until there is, so that nothing is lost: for files.
    #[default]
    Wait,
    /// The oldest that is not being delivered is dropped, and counted: for whoever wants to know what is now. With a folder
    /// it is the oldest file of records.
    DropOldest,
    /// The record itself is dropped, and counted.
    DropNewest,
}

/// How an [`Outlet`](crate::Outlet) holds and delivers records.
#[derive(Debug, Clone, PartialEq, Eq)]
#[must_use]
pub struct OutletConfig {
    pub(crate) memory_limit: usize,
    pub(crate) folder: Option<PathBuf>,
    pub(crate) disk_limit: u64,
    pub(crate) when_full: WhenFull,
    pub(crate) batch_records: usize,
    pub(crate) batch_bytes: usize,
    pub(crate) delivery_limit: Duration,
    pub(crate) first_wait: Duration,
    pub(crate) max_wait: Duration,
}

impl Default for OutletConfig {
    fn default() -> Self {
        Self {
            memory_limit: 16 << 20,
            folder: None,
            disk_limit: 1 << 30,
            when_full: WhenFull::default(),
            batch_records: 500,
            batch_bytes: 1 << 20,
            delivery_limit: Duration::from_secs(30),
            first_wait: Duration::from_millis(100),
            max_wait: Duration::from_secs(10),
        }
    }
}

impl OutletConfig {
    /// How much may wait in memory, in bytes. Default is 16 MiB. One record may wait in any case.
    pub fn memory_limit(mut self, bytes: usize) -> Self {
        self.memory_limit = bytes;
        self
    }

    /// A folder for what does not find room in memory, and for what is left at the end: whoever opens the folder next
    /// delivers it first. It is made if there is none, and belongs to one outlet at a time. Default is none.
    pub fn spool(mut self, folder: impl AsRef<Path>) -> Self {
        self.folder = Some(folder.as_ref().into());
        self
    }

    /// How much may wait in the folder, in bytes. Default is 1 GiB.
    pub fn disk_limit(mut self, bytes: u64) -> Self {
        self.disk_limit = bytes;
        self
    }

    /// What happens when there is no room. Default is [`WhenFull::Wait`].
    pub fn when_full(mut self, policy: WhenFull) -> Self {
        self.when_full = policy;
        self
    }

    /// The most records that are handed to the sink at once. Default is 500.
    pub fn batch_records(mut self, count: usize) -> Self {
        self.batch_records = count.max(1);
        self
    }

    /// The most bytes that are handed to the sink at once; a larger record goes alone. Default is 1 MiB.
    pub fn batch_bytes(mut self, bytes: usize) -> Self {
        self.batch_bytes = bytes;
        self
    }

    /// How long one delivery may take, before it is tried again. Default is 30 s.
    pub fn delivery_limit(mut self, limit: Duration) -> Self {
        self.delivery_limit = limit;
        self
    }

    /// The longest wait after a first failure; it doubles with each further one. Default is 100 ms.
    pub fn first_wait(mut self, wait: Duration) -> Self {
        self.first_wait = wait;
        self
    }

    /// The longest wait after any failure. Default is 10 s.
    pub fn max_wait(mut self, wait: Duration) -> Self {
        self.max_wait = wait;
        self
    }
}
