//! Takes records, holds them, and delivers them in order until they are taken.

mod config;
mod counters;
mod delivery;

use std::io;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::Duration;

use thiserror::Error;
use tokio::sync::{Notify, watch};
use tokio::task::JoinHandle;

pub use self::config::{OutletConfig, WhenFull};
pub use self::counters::Counters;

use crate::record::Record;
use crate::sink::ResultSink;
use crate::spool::{Limits, Spool};

/// Takes records and delivers them to a sink: in the order in which they came, each until it is taken. What waits is held
/// within limits, in memory and, where there is a folder, on disk.
///
/// A record may be delivered more than once: when the receiver has it, but its answer was lost. It has the same
/// [`Record::id`] then.
///
/// Dropping it ends the delivery at once, and what was only in memory is lost; [`Outlet::close`] does not lose it.
#[derive(Debug)]
pub struct Outlet {
    shared: Arc<Shared>,
    ending: watch::Sender<bool>,
    task: Option<JoinHandle<()>>,
    saving: JoinHandle<()>,
}

/// An outlet cannot be opened.
#[derive(Debug, Error)]
#[error("cannot use {folder} as the folder of what waits")]
pub struct OpenError {
    folder: String,
    source: io::Error,
}

/// The outlet is closed.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Error)]
#[error("the outlet is closed")]
pub struct Closed;

/// How an outlet ended.
#[derive(Debug, Clone, PartialEq, Eq)]
#[non_exhaustive]
pub struct Ended {
    /// What has become of all records. Those that wait are in the folder, where there is one.
    pub counters: Counters,
    /// Records that were neither delivered nor saved: they are lost.
    pub lost: u64,
}

#[derive(Debug)]
struct Shared {
    state: Mutex<State>,
    /// There may be something to deliver.
    filled: Notify,
    /// There may be room again.
    emptied: Notify,
    /// There may be something to write to the folder.
    crowded: Notify,
    config: OutletConfig,
}

#[derive(Debug)]
struct State {
    spool: Spool,
    counters: Counters,
    /// So many of the first are being delivered.
    in_delivery: usize,
    is_closed: bool,
}

impl Outlet {
    /// Opens an outlet for the sink. Has to be called within a runtime, which delivers. What an earlier run has left in
    /// the folder is looked through before this returns, and delivered first.
    ///
    /// # Errors
    ///
    /// If the folder cannot be used: it cannot be read or made, or another outlet has it.
    pub fn open(sink: Box<dyn ResultSink>, config: OutletConfig) -> Result<Self, OpenError> {
        let limits = Limits { memory: config.memory_limit, disk: config.disk_limit };
        let (spool, damaged_files) = match &config.folder {
            None => (Spool::in_memory(limits), 0),
            Some(folder) => Spool::open(folder, limits)
                .map_err(|source| OpenError { folder: folder.display().to_string(), source })?,
        };
        let found = spool.waiting().records as u64;
        let counters =
            Counters { found, damaged_files: damaged_files as u64, ..Counters::default() };
        let state = State { spool, counters, in_delivery: 0, is_closed: false };
        let shared = Arc::new(Shared {
            state: Mutex::new(state),
            filled: Notify::new(),
            emptied: Notify::new(),
            crowded: Notify::new(),
            config,
        });
        let (ending, is_ending) = watch::channel(false);
        let task = tokio::spawn(delivery::run(Arc::clone(&shared), sink, is_ending));
        let saving = tokio::spawn(delivery::save(Arc::clone(&shared), ending.subscribe()));
        Ok(Self { shared, ending, task: Some(task), saving })
    }

    /// Takes a record, behind all that were taken before. Where there is no room it does what [`WhenFull`] says.
    ///
    /// # Errors
    ///
    /// [`Closed`] once the outlet is closed. The record is not taken then.
    pub async fn put(&self, record: Record) -> Result<(), Closed> {
        let mut record = record;
        loop {
            let has_room = self.shared.emptied.notified();
            match self.shared.put(record) {
                Ok(()) => return Ok(()),
                Err(PutError::Closed) => return Err(Closed),
                Err(PutError::Full(again)) => record = again,
            }
            has_room.await;
        }
    }

    /// What has become of the records so far.
    pub fn counters(&self) -> Counters {
        let state = self.shared.lock();
        state.counters.with(state.spool.waiting())
    }

    /// Takes no more from now on, and goes on delivering. Whoever waits in [`Outlet::put`] is told [`Closed`].
    pub fn stop_taking(&self) {
        self.shared.lock().is_closed = true;
        self.shared.emptied.notify_waiters();
    }

    /// Takes no more, goes on delivering for so long, and saves what is left where there is a folder.
    pub async fn close(mut self, limit: Duration) -> Ended {
        self.stop_taking();
        self.ending.send_replace(true);
        self.shared.filled.notify_one();
        if let Some(mut task) = self.task.take()
            && tokio::time::timeout(limit, &mut task).await.is_err()
        {
            task.abort();
            // What was in delivery may be delivered or not; it is saved with the others.
            let _ = task.await;
        }
        // What is being written would be written twice.
        let _ = (&mut self.saving).await;
        self.shared.save_what_is_left()
    }
}

impl Drop for Outlet {
    fn drop(&mut self) {
        self.saving.abort();
        if let Some(task) = &self.task {
            task.abort();
        }
    }
}

enum PutError {
    Closed,
    Full(Record),
}

impl Shared {
    fn lock(&self) -> MutexGuard<'_, State> {
        self.state.lock().unwrap_or_else(PoisonError::into_inner)
    }

    fn put(&self, record: Record) -> Result<(), PutError> {
        let mut state = self.lock();
        if state.is_closed {
            return Err(PutError::Closed);
        }
        if let Err(record) = state.spool.push(record) {
            match self.config.when_full {
                _ if state.spool.will_have_room() => {
                    // There may have been no room on the disk when it was asked for the last time.
                    self.crowded.notify_one();
                    return Err(PutError::Full(record));
                }
                WhenFull::Wait => return Err(PutError::Full(record)),
                WhenFull::DropNewest => state.counters.dropped += 1,
                WhenFull::DropOldest => state.push_over(record),
            }
        }
        state.counters.taken += 1;
        drop(state);
        self.filled.notify_one();
        self.crowded.notify_one();
        Ok(())
    }

    fn save_what_is_left(&self) -> Ended {
        let mut state = self.lock();
        let (lost, outcome) = state.spool.save_all();
        if let Err(error) = outcome {
            state.counters.last_error = Some(format!("what waits cannot be saved: {error}"));
        }
        let waiting = state.spool.waiting();
        Ended { counters: state.counters.with(waiting), lost: lost as u64 }
    }
}

impl State {
    /// Puts a record in the place of older ones.
    fn push_over(&mut self, record: Record) {
        let mut record = record;
        loop {
            let dropped = self.spool.drop_oldest(self.in_delivery);
            self.counters.dropped += dropped as u64;
            match self.spool.push(record) {
                Ok(()) => return,
                // Nothing but what is being delivered is there.
                Err(_) if dropped == 0 => {
                    self.counters.dropped += 1;
                    return;
                }
                Err(again) => record = again,
            }
        }
    }
}
