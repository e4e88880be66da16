//! What should run: the bucket of descriptions.

use std::collections::BTreeMap;
use std::sync::Arc;
use std::time::Duration;

use async_nats::jetstream::kv::{self, Operation};
use bytes::Bytes;
use futures::StreamExt;
use streamsdk_sinks::StreamName;
use tokio::sync::watch;
use tokio::task::JoinHandle;
use tokio::time::{Instant, sleep, timeout, timeout_at};

use super::error::NodeError;
use crate::nats::{Bucket, BucketError, BucketSpec, Connection, Entry, Mark, WriteError};

/// A description is a file of one stream.
const MAX_DESCRIPTION: usize = 64 << 10;
/// How long an answer is waited for.
const ANSWER_LIMIT: Duration = Duration::from_secs(5);
/// Before a watch that broke is begun again.
const PAUSE: Duration = Duration::from_millis(500);
/// How long changes that come one after the other are gathered.
const GATHERING: Duration = Duration::from_millis(50);

/// The descriptions of the streams that should run.
pub(super) type Descriptions = BTreeMap<StreamName, Arc<str>>;

/// Cloning is cheap.
#[derive(Debug, Clone)]
pub(super) struct Desired {
    bucket: Bucket,
}

/// Follows what should run. Ends when dropped.
#[derive(Debug)]
pub(super) struct Following {
    pub(super) descriptions: watch::Receiver<Descriptions>,
    task: JoinHandle<()>,
}

impl Desired {
    /// Makes the bucket if there is none.
    pub(super) async fn open(connection: &Connection) -> Result<Self, BucketError> {
        let spec = BucketSpec {
            name: "streams".into(),
            description: "streamsdk streams v1",
            max_age: Duration::ZERO,
            max_value: MAX_DESCRIPTION as i32,
            answer_limit: ANSWER_LIMIT,
        };
        Ok(Self { bucket: Bucket::open(connection, &spec).await? })
    }

    /// What should run now.
    pub(super) async fn read(&self) -> Result<Descriptions, BucketError> {
        if self.is_empty().await? {
            return Ok(Descriptions::new());
        }
        let mut entries = self.bucket.watch().await.map_err(|what| self.failed(what))?;
        let mut read = Reading::default();
        while !read.is_complete {
            match timeout(ANSWER_LIMIT, entries.next()).await {
                Ok(Some(Ok(entry))) => read.take(entry),
                Ok(Some(Err(error))) => return Err(self.failed(error.to_string())),
                Ok(None) => return Err(self.failed("it ended".into())),
                Err(_) => return Err(self.failed(format!("no answer within {ANSWER_LIMIT:?}"))),
            }
        }
        Ok(read.descriptions)
    }

    /// What should run now, and whenever it changes.
    pub(super) async fn follow(&self) -> Result<Following, BucketError> {
        let (sender, descriptions) = watch::channel(self.read().await?);
        let task = tokio::spawn(self.clone().follow_for_ever(sender));
        Ok(Following { descriptions, task })
    }

    /// Has a stream run as described; without a description it should not run any more.
    pub(super) async fn set(
        &self,
        stream: &StreamName,
        description: Option<&str>,
    ) -> Result<(), NodeError> {
        let key = stream.as_str();
        let last = self.bucket.last(key).await.map_err(|what| self.failed(what))?;
        let revision = last.as_ref().map_or(0, |entry| entry.revision);
        let outcome = match description {
            Some(text) if text.len() > MAX_DESCRIPTION => {
                let (stream, bytes) = (stream.clone(), text.len());
                return Err(NodeError::TooLong { stream, bytes, limit: MAX_DESCRIPTION });
            }
            Some(text) => self
                .bucket
                .put(key, Bytes::copy_from_slice(text.as_bytes()), revision)
                .await
                .map(drop),
            None => match last {
                Some(Entry { value: Some(_), .. }) => self.bucket.delete(key, revision).await,
                _ => Ok(()),
            },
        };
        match outcome {
            Ok(()) => Ok(()),
            Err(WriteError::Refused) => Err(NodeError::ChangedMeanwhile(stream.clone())),
            Err(WriteError::Unknown(what)) => {
                Err(self.bucket.unavailable(format!("change {stream}"), what).into())
            }
        }
    }

    async fn follow_for_ever(self, sender: watch::Sender<Descriptions>) {
        loop {
            let link = self.bucket.link();
            link.up().await;
            let mark = link.mark();
            if let Err(what) = self.follow_once(&sender, mark).await {
                tracing::warn!(what, "what should run cannot be followed: changes are seen late");
            }
            sleep(PAUSE).await;
        }
    }

    /// Returns when nothing comes any more.
    async fn follow_once(
        &self,
        sender: &watch::Sender<Descriptions>,
        mark: Mark,
    ) -> Result<(), String> {
        // Nothing is told of a bucket with nothing in it.
        let is_empty = self.bucket.is_empty().await?;
        let mut read = Reading { is_complete: is_empty, ..Reading::default() };
        let mut entries = self.bucket.watch().await?;
        loop {
            read.tell(sender);
            let entry = tokio::select! {
                entry = entries.next() => entry,
                () = self.bucket.link().broken_since(mark) => return Ok(()),
            };
            let Some(entry) = entry else { return Ok(()) };
            read.take(entry.map_err(|error| error.to_string())?);
            // Thousands may come one after the other.
            let soon = Instant::now() + GATHERING;
            while let Ok(Some(entry)) = timeout_at(soon, entries.next()).await {
                read.take(entry.map_err(|error| error.to_string())?);
            }
        }
    }

    async fn is_empty(&self) -> Result<bool, BucketError> {
        self.bucket.is_empty().await.map_err(|what| self.failed(what))
    }

    fn failed(&self, what: String) -> BucketError {
        self.bucket.unavailable("read what should run".into(), what)
    }
}

/// What was read so far.
#[derive(Default)]
struct Reading {
    descriptions: Descriptions,
    is_complete: bool,
}

impl Reading {
    fn tell(&self, sender: &watch::Sender<Descriptions>) {
        if !self.is_complete {
            return;
        }
        sender.send_if_modified(|known| {
            let is_news = *known != self.descriptions;
            if is_news {
                known.clone_from(&self.descriptions);
            }
            is_news
        });
    }

    fn take(&mut self, entry: kv::Entry) {
        self.is_complete |= entry.delta == 0;
        // Another key is none of ours.
        let Ok(stream) = entry.key.parse::<StreamName>() else { return };
        let text = match entry.operation {
            Operation::Put => std::str::from_utf8(&entry.value).ok(),
            Operation::Delete | Operation::Purge => None,
        };
        match text {
            Some(text) => self.descriptions.insert(stream, text.into()),
            None => self.descriptions.remove(&stream),
        };
    }
}

impl Drop for Following {
    fn drop(&mut self) {
        self.task.abort();
    }
}
