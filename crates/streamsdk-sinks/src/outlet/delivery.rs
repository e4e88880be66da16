//! The task that delivers.

use std::io;
use std::pin::pin;
use std::sync::Arc;
use std::time::Duration;

use futures::future::select;
use tokio::sync::watch;
use tokio::time::{sleep, timeout};

use super::Shared;
use crate::record::Record;
use crate::sink::{DeliveryError, DeliveryErrorKind, ResultSink};
use crate::spool::Chunk;

/// Writes what does not find room in memory, whatever the receiver does meanwhile.
pub(super) async fn save(shared: Arc<Shared>, mut is_ending: watch::Receiver<bool>) {
    while !*is_ending.borrow() {
        let crowded = shared.crowded.notified();
        let unsaved = shared.lock().spool.take_unsaved();
        let Some(unsaved) = unsaved else {
            let _ = select(pin!(crowded), pin!(is_ending.changed())).await;
            continue;
        };
        let outcome = in_background(move || unsaved.write()).await;
        let has_failed = shared.note_saved(outcome);
        shared.emptied.notify_waiters();
        shared.filled.notify_one();
        if has_failed {
            let _ = timeout(shared.config.max_wait, is_ending.changed()).await;
        }
    }
}

/// Delivers until it is ending and nothing is left.
pub(super) async fn run(
    shared: Arc<Shared>,
    mut sink: Box<dyn ResultSink>,
    mut is_ending: watch::Receiver<bool>,
) {
    let mut failures = 0;
    loop {
        let filled = shared.filled.notified();
        let batch = match shared.next_batch().await {
            Ok(batch) => batch,
            Err(wait) => {
                sleep(wait).await;
                continue;
            }
        };
        if batch.is_empty() {
            if *is_ending.borrow_and_update() && shared.has_nothing_left() {
                break;
            }
            filled.await;
            continue;
        }
        let limit = shared.config.delivery_limit;
        let outcome = timeout(limit, sink.deliver(&batch)).await.unwrap_or_else(|_| {
            let message = format!("no answer within {limit:?}");
            Err(DeliveryError::unavailable(0, message))
        });
        let is_unavailable = shared.note(batch.len(), outcome);
        failures = if is_unavailable { failures + 1 } else { 0 };
        if is_unavailable {
            sleep(shared.wait_after(failures)).await;
        }
    }
    sink.close().await;
}

async fn in_background<T: Send + 'static>(
    work: impl FnOnce() -> io::Result<T> + Send + 'static,
) -> io::Result<T> {
    tokio::task::spawn_blocking(work).await.unwrap_or_else(|error| Err(io::Error::other(error)))
}

impl Shared {
    /// Whether nothing waits, nor is being written.
    fn has_nothing_left(&self) -> bool {
        self.lock().spool.waiting().records == 0
    }

    /// What is to be delivered next; nothing where there is nothing. How long to wait where the folder cannot be read.
    async fn next_batch(&self) -> Result<Vec<Record>, Duration> {
        let unread = self.lock().spool.take_unread();
        if let Some(unread) = unread {
            let read = in_background(move || unread.read()).await;
            let mut state = self.lock();
            match state.spool.read(read) {
                Ok(damaged) => state.counters.damaged += damaged as u64,
                Err(error) => {
                    state.counters.last_error = Some(format!("what waits cannot be read: {error}"));
                    return Err(self.config.max_wait);
                }
            }
        }
        self.emptied.notify_waiters();
        let mut state = self.lock();
        let batch = state.spool.next(self.config.batch_records, self.config.batch_bytes);
        state.in_delivery = batch.len();
        Ok(batch)
    }

    /// Says whether it failed.
    fn note_saved(&self, outcome: io::Result<Chunk>) -> bool {
        let mut state = self.lock();
        let Err(error) = state.spool.saved(outcome) else { return false };
        state.counters.last_error = Some(format!("what waits cannot be saved: {error}"));
        true
    }

    /// Notes what came of a delivery. Says whether the receiver was unavailable.
    fn note(&self, batch: usize, outcome: Result<(), DeliveryError>) -> bool {
        let mut state = self.lock();
        state.in_delivery = 0;
        let (delivered, error) = match outcome {
            Ok(()) => (batch, None),
            Err(error) => (error.delivered().min(batch), Some(error)),
        };
        state.counters.delivered += delivered as u64;
        state.spool.remove(delivered);
        let kind = error.as_ref().map(DeliveryError::kind);
        if kind == Some(DeliveryErrorKind::Refused) && delivered < batch {
            state.counters.refused += 1;
            state.spool.remove(1);
        }
        let is_unavailable = kind == Some(DeliveryErrorKind::Unavailable);
        state.counters.retries += u64::from(is_unavailable);
        state.counters.last_error = error.map(|error| error.to_string());
        drop(state);
        self.emptied.notify_waiters();
        is_unavailable
    }

    /// Doubles with each failure, and is somewhat random so that many do not come back at once.
    fn wait_after(&self, failures: u32) -> Duration {
        let doubled = 2_u32.saturating_pow(failures.saturating_sub(1));
        let bound = self.config.first_wait.saturating_mul(doubled).min(self.config.max_wait);
        bound.mul_f64(0.5 + fastrand::f64() / 2.0)
    }
}
