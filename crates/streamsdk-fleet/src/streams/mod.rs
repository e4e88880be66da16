//! Many streams side by side, by their names.

mod event;
mod progress;
mod run;
mod status;
mod stream;

use std::collections::BTreeMap;
use std::io;
use std::path::{Path, PathBuf};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::Duration;

use streamsdk_sinks::StreamName;
use thiserror::Error;
use tokio::sync::{Semaphore, mpsc};
use tokio::task::JoinHandle;
use tokio::time::{Instant, timeout_at};
use tokio_util::sync::CancellationToken;

pub use self::event::{StreamEvent, StreamEvents, StreamNews};
pub use self::status::{StreamState, StreamStatus, Totals};
pub use self::stream::{StartSession, Stream};

#[cfg(feature = "nats")]
pub(crate) use self::progress::Progress;
use self::run::{Common, StreamRun};
use self::status::Ledger;
use crate::epochs::Epochs;

/// Events that wait for whoever takes them.
const EVENTS: usize = 64;

/// Many streams side by side. Each has its sessions, failures and waits to itself: nothing that befalls one concerns another,
/// but an outlet that they share and that makes them wait.
///
/// Has to be used within tokio's runtime. Dropping it ends all streams at once; [`Streams::drain`] delivers what has arrived.
#[derive(Debug)]
pub struct Streams {
    common: Arc<Common>,
    streams: Mutex<BTreeMap<StreamName, Running>>,
}

/// What all streams have in common.
#[derive(Debug, Clone)]
#[must_use]
pub struct StreamsConfig {
    files_at_once: usize,
    epoch_file: Option<PathBuf>,
}

/// There is a stream of this name.
#[derive(Debug, Clone, PartialEq, Eq, Error)]
#[error("there is a stream called {0} already")]
pub struct NameTaken(pub StreamName);

/// The file of the last epoch cannot be used.
#[derive(Debug, Error)]
#[error("cannot use {path} as the file of the last epoch")]
pub struct EpochFileError {
    path: String,
    source: io::Error,
}

#[derive(Debug)]
struct Running {
    ledger: Arc<Ledger>,
    stop: CancellationToken,
    over: CancellationToken,
    task: JoinHandle<()>,
}

impl Default for StreamsConfig {
    fn default() -> Self {
        Self { files_at_once: 4, epoch_file: None }
    }
}

impl StreamsConfig {
    /// How many streams of files run at a time; the others wait for their turn. Default is 4.
    pub fn files_at_once(mut self, count: usize) -> Self {
        self.files_at_once = count.clamp(1, Semaphore::MAX_PERMITS);
        self
    }

    /// A file that holds the last epoch, so that epochs rise even where this machine's clock is put back between two runs. Its
    /// folder has to exist. Default is none.
    pub fn epoch_file(mut self, path: impl AsRef<Path>) -> Self {
        self.epoch_file = Some(path.as_ref().into());
        self
    }
}

impl Streams {
    /// No streams yet.
    ///
    /// # Errors
    ///
    /// [`EpochFileError`] if the file of the last epoch cannot be read or written, or has something else in it.
    pub fn new(config: StreamsConfig) -> Result<Self, EpochFileError> {
        Self::with_listener(config, None)
    }

    /// The same, with what happens in them.
    ///
    /// # Errors
    ///
    /// As of [`Streams::new`].
    pub fn with_events(config: StreamsConfig) -> Result<(Self, StreamEvents), EpochFileError> {
        let (sender, events) = mpsc::channel(EVENTS);
        Ok((Self::with_listener(config, Some(sender))?, StreamEvents { events }))
    }

    fn with_listener(
        config: StreamsConfig,
        listener: Option<mpsc::Sender<StreamEvent>>,
    ) -> Result<Self, EpochFileError> {
        let epochs = match config.epoch_file {
            None => Epochs::default(),
            Some(file) => Epochs::in_file(file.clone())
                .map_err(|source| EpochFileError { path: file.display().to_string(), source })?,
        };
        let turns = Semaphore::new(config.files_at_once);
        let common = Arc::new(Common { epochs, turns, listener });
        Ok(Self { common, streams: Mutex::default() })
    }

    /// Starts a stream.
    ///
    /// # Errors
    ///
    /// [`NameTaken`] if there is one of the name, be it over.
    pub fn add(&self, name: StreamName, stream: Stream) -> Result<(), NameTaken> {
        let mut streams = self.lock();
        if streams.contains_key(&name) {
            return Err(NameTaken(name));
        }
        let (stop, over) = (CancellationToken::new(), CancellationToken::new());
        let ledger = Arc::new(Ledger::new());
        let run = StreamRun {
            name: name.clone(),
            stream,
            ledger: Arc::clone(&ledger),
            common: Arc::clone(&self.common),
            stop: stop.clone(),
            over: over.clone(),
        };
        let task = tokio::spawn(run.run());
        streams.insert(name, Running { ledger, stop, over, task });
        Ok(())
    }

    /// Ends a stream, and returns how it was: `None` if there is none of the name. What has arrived is delivered, for which
    /// there is `limit`.
    pub async fn remove(&self, name: &StreamName, limit: Duration) -> Option<StreamStatus> {
        let running = self.lock().remove(name)?;
        Some(running.end(name, limit).await)
    }

    /// How a stream is; `None` if there is none of the name.
    pub fn status(&self, name: &StreamName) -> Option<StreamStatus> {
        self.lock().get(name).map(|running| running.ledger.status(name))
    }

    /// How all streams are, by name.
    pub fn statuses(&self) -> Vec<StreamStatus> {
        self.lock().iter().map(|(name, running)| running.ledger.status(name)).collect()
    }

    /// Whether there are streams, and none does anything more by itself.
    pub fn are_over(&self) -> bool {
        let streams = self.lock();
        !streams.is_empty() && streams.values().all(|running| running.ledger.state().is_over())
    }

    /// Waits until a stream does nothing more by itself, and returns how it is then; `None` if there is none of the name.
    /// Cancelling loses nothing.
    pub async fn over(&self, name: &StreamName) -> Option<StreamState> {
        let over = self.lock().get(name)?.over.clone();
        over.cancelled().await;
        self.lock().get(name).map(|running| running.ledger.state())
    }

    /// Tells the listener something of a stream that need not run.
    #[cfg(feature = "nats")]
    pub(crate) async fn tell(&self, stream: StreamName, news: StreamNews) {
        if let Some(listener) = &self.common.listener {
            // Who does not listen any more does not want to know.
            let _ = listener.send(StreamEvent { stream, news }).await;
        }
    }

    /// Ends all streams side by side, and returns how they were. What has arrived is delivered, for which there is `limit`.
    /// Until then they are to be seen.
    pub async fn drain(&self, limit: Duration) -> Vec<StreamStatus> {
        let end = Instant::now().checked_add(limit);
        for over in self.stop_all() {
            match end {
                // Those that are late are ended below.
                Some(end) => drop(timeout_at(end, over.cancelled()).await),
                None => over.cancelled().await,
            }
        }
        let streams = std::mem::take(&mut *self.lock());
        let mut statuses = Vec::with_capacity(streams.len());
        for (name, running) in streams {
            let left = end.map_or(limit, |end| end.saturating_duration_since(Instant::now()));
            statuses.push(running.end(&name, left).await);
        }
        statuses
    }

    /// Tells all streams to end, and returns what tells when they have.
    fn stop_all(&self) -> Vec<CancellationToken> {
        let streams = self.lock();
        streams.values().for_each(|running| running.stop.cancel());
        streams.values().map(|running| running.over.clone()).collect()
    }

    fn lock(&self) -> MutexGuard<'_, BTreeMap<StreamName, Running>> {
        self.streams.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl Running {
    async fn end(mut self, name: &StreamName, limit: Duration) -> StreamStatus {
        self.stop.cancel();
        if tokio::time::timeout(limit, &mut self.task).await.is_err() {
            self.task.abort();
            let _ = (&mut self.task).await;
        }
        self.ledger.status(name)
    }
}

impl Drop for Running {
    fn drop(&mut self) {
        self.stop.cancel();
        self.task.abort();
        self.over.cancel();
    }
}
