//! Which streams are free.

use std::collections::{BTreeMap, BTreeSet};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

use async_nats::jetstream::kv::{self, Operation};
use futures::StreamExt;
use streamsdk_sinks::StreamName;
use tokio::sync::Notify;
use tokio::task::JoinHandle;
use tokio::time::{Instant, sleep, sleep_until};

use super::config::Times;
use super::holder::{Holder, read};
use super::seen::{Next, Seen};
use crate::nats::{Bucket, BucketError, Mark};

/// Follows the leases of all nodes, and tells which streams may be free. See [`Leases::watch`](crate::lease::Leases::watch).
///
/// The server tells nobody that a lease has expired. So a stream may be free if it was never held, was released, or if its lease has
/// not changed for a TTL since this saw it. Whether it is free the server says to whoever tries.
#[derive(Debug)]
pub struct LeaseWatch {
    shared: Arc<Shared>,
    task: JoinHandle<()>,
}

#[derive(Debug)]
struct Shared {
    bucket: Bucket,
    times: Times,
    seen: Mutex<Seen>,
    /// Something may be free earlier than it seemed.
    news: Notify,
}

impl LeaseWatch {
    pub(super) async fn open(bucket: Bucket, times: Times) -> Result<Self, BucketError> {
        let failed = |what| bucket.unavailable("watch the leases".into(), what);
        let mark = bucket.link().mark();
        let is_empty = bucket.is_empty().await.map_err(failed)?;
        let entries = bucket.watch().await.map_err(failed)?;
        let complete_at = match is_empty {
            true => Instant::now(),
            // Entries that expire before they are told are not told.
            false => Instant::now() + times.ttl / 2,
        };
        let seen = Mutex::new(Seen::new(times, complete_at));
        let shared = Arc::new(Shared { bucket, times, seen, news: Notify::new() });
        let task = tokio::spawn(Arc::clone(&shared).follow_for_ever(entries, mark));
        Ok(Self { shared, task })
    }

    /// Waits until one of the desired streams may be free, and returns it, to be given to
    /// [`Leases::acquire`](crate::lease::Leases::acquire). Cancelling loses nothing.
    ///
    /// Of several it is one at random. A stream that was returned comes again after 50 ms if it is still not seen to be held, and
    /// after 20 attempts in vain after a third of the TTL: so whoever does not want a stream now does not ask for it. While there is
    /// no connection nothing is free.
    pub async fn next_free(&mut self, desired: &BTreeSet<StreamName>) -> StreamName {
        let shared = &*self.shared;
        let link = shared.bucket.link();
        loop {
            link.up().await;
            let mark = link.mark();
            let next = shared.seen().next(desired, Instant::now());
            let until = match next {
                Next::Try(stream) => return stream,
                Next::Wait(until) => until,
            };
            tokio::select! {
                () = shared.news.notified() => {}
                () = wait_until(until) => {}
                () = link.broken_since(mark) => {}
            }
        }
    }

    /// Waits until all leases were seen that there were when this was opened; half of the TTL at most. Cancelling loses nothing.
    pub(crate) async fn complete(&self) {
        loop {
            let Some(at) = self.shared.seen().complete_at(Instant::now()) else { return };
            tokio::select! {
                () = self.shared.news.notified() => {}
                () = sleep_until(at) => {}
            }
        }
    }

    /// Who holds which stream, as far as this has seen: some milliseconds late, and without those that were not renewed for a TTL.
    pub fn holders(&self) -> BTreeMap<StreamName, Holder> {
        self.shared.seen().holders(Instant::now())
    }
}

async fn wait_until(instant: Option<Instant>) {
    match instant {
        Some(instant) => sleep_until(instant).await,
        None => std::future::pending().await,
    }
}

impl Shared {
    async fn follow_for_ever(self: Arc<Self>, mut entries: kv::Watch, mut mark: Mark) {
        loop {
            tokio::select! {
                () = self.follow(&mut entries) => {}
                () = self.bucket.link().broken_since(mark) => {}
            }
            // The client would go on by itself, but waits for up to ten seconds.
            (entries, mark) = self.begin_again().await;
        }
    }

    /// Returns when nothing comes any more.
    async fn follow(&self, entries: &mut kv::Watch) {
        let mut forgotten = Instant::now();
        while let Some(entry) = entries.next().await {
            match entry {
                Ok(entry) => self.note(entry),
                Err(error) => {
                    tracing::debug!(%error, "the watch of leases broke");
                    return;
                }
            }
            if forgotten.elapsed() > self.times.ttl {
                forgotten = Instant::now();
                self.seen().forget(forgotten);
            }
        }
    }

    async fn begin_again(&self) -> (kv::Watch, Mark) {
        loop {
            self.bucket.link().up().await;
            let mark = self.bucket.link().mark();
            match self.bucket.watch().await {
                Ok(entries) => return (entries, mark),
                Err(what) => {
                    tracing::warn!(what, "the leases cannot be watched: streams are taken late");
                }
            }
            sleep(self.times.look).await;
        }
    }

    fn note(&self, entry: kv::Entry) {
        let mut seen = self.seen();
        let is_last = entry.delta == 0;
        // Another key is none of ours.
        if let Ok(stream) = entry.key.parse::<StreamName>() {
            match entry.operation {
                Operation::Put => {
                    let by = read(&entry.value);
                    let is_unknown = by == Holder::Unknown;
                    let shown = stream.clone();
                    if seen.held(stream, entry.revision, by, Instant::now()) && is_unknown {
                        tracing::warn!(stream = %shown, "a lease is held by an entry that cannot be read");
                    }
                }
                Operation::Delete | Operation::Purge => {
                    seen.released(stream, entry.revision);
                    self.news.notify_one();
                }
            }
        }
        if is_last && seen.complete() {
            self.news.notify_one();
        }
    }

    fn seen(&self) -> MutexGuard<'_, Seen> {
        self.seen.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl Drop for LeaseWatch {
    fn drop(&mut self) {
        self.task.abort();
    }
}
