//! A bucket of NATS JetStream: keys with values, each with a revision.

use std::time::Duration;

use async_nats::header::{HeaderMap, NATS_MARKER_REASON};
use async_nats::jetstream::context::GetStreamErrorKind;
use async_nats::jetstream::kv::{Store, UpdateError, UpdateErrorKind, Watch};
use async_nats::jetstream::stream::{self, DiscardPolicy, LastRawMessageErrorKind, StorageType};
use async_nats::jetstream::{self, Context, ErrorCode};
use bytes::Bytes;
use thiserror::Error;
use tokio::time::timeout;

use super::connection::{Connection, Link};
use super::error::{BucketDifference, BucketError};

/// Nothing urgent waits for a watch.
const WATCH_LIMIT: Duration = Duration::from_secs(10);
/// Of messages that say that there is no value any more.
const OPERATION: &str = "KV-Operation";

/// What a bucket has to be.
#[derive(Debug, Clone)]
pub(crate) struct BucketSpec {
    pub(crate) name: String,
    /// What a bucket of this version says of itself.
    pub(crate) description: &'static str,
    /// After which an entry is gone that is not written again; zero is never.
    pub(crate) max_age: Duration,
    /// In bytes.
    pub(crate) max_value: i32,
    /// How long an answer is waited for.
    pub(crate) answer_limit: Duration,
}

/// Cloning is cheap.
#[derive(Debug, Clone)]
pub(crate) struct Bucket {
    store: Store,
    link: Link,
    answer_limit: Duration,
}

/// What the bucket has of a key.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct Entry {
    pub(crate) revision: u64,
    /// `None` where it was deleted, and the bucket still knows that.
    pub(crate) value: Option<Bytes>,
}

/// Why something was not written.
#[derive(Debug, Clone, PartialEq, Eq, Error)]
pub(crate) enum WriteError {
    /// The last revision is another one.
    #[error("the server has another revision")]
    Refused,
    /// Whether it is written is not known.
    #[error("{0}")]
    Unknown(String),
}

impl Bucket {
    /// Makes it if there is none.
    pub(crate) async fn open(
        connection: &Connection,
        spec: &BucketSpec,
    ) -> Result<Self, BucketError> {
        let jetstream = jetstream::new(connection.client.clone());
        let unavailable = |tried: &str, what: String| BucketError::Unavailable {
            bucket: spec.name.clone(),
            tried: tried.into(),
            what,
        };
        let found = find(&jetstream, &spec.name).await;
        let found = match found.map_err(|what| unavailable("see what is", what))? {
            Some(found) => found,
            None => match make(&jetstream, spec).await {
                Ok(()) => new_config(spec),
                // Somebody else may have made it at the same moment.
                Err(what) => match find(&jetstream, &spec.name).await {
                    Ok(Some(found)) => found,
                    _ => return Err(unavailable("make a place for entries", what)),
                },
            },
        };
        compare(&found, spec).map_err(|difference| BucketError::OtherBucket {
            bucket: spec.name.clone(),
            difference,
        })?;
        let store = jetstream.get_key_value(&spec.name).await;
        let store = store.map_err(|error| unavailable("use what is", error.to_string()))?;
        Ok(Self { store, link: connection.link.clone(), answer_limit: spec.answer_limit })
    }

    /// One that is there, however long its entries last, and for how long that is. `None` if there is none.
    pub(crate) async fn find(
        connection: &Connection,
        spec: impl FnOnce(Duration) -> BucketSpec,
        name: &str,
    ) -> Result<Option<(Self, Duration)>, BucketError> {
        let jetstream = jetstream::new(connection.client.clone());
        match find(&jetstream, name).await {
            Ok(None) => Ok(None),
            Ok(Some(found)) => {
                let bucket = Self::open(connection, &spec(found.max_age)).await?;
                Ok(Some((bucket, found.max_age)))
            }
            Err(what) => {
                let (bucket, tried) = (name.to_owned(), "see what is".to_owned());
                Err(BucketError::Unavailable { bucket, tried, what })
            }
        }
    }

    pub(crate) fn link(&self) -> &Link {
        &self.link
    }

    pub(crate) fn unavailable(&self, tried: String, what: String) -> BucketError {
        BucketError::Unavailable { bucket: self.store.name.clone(), tried, what }
    }

    /// Writes a value where the last revision of the key is this one, 0 for none. Returns its revision.
    pub(crate) async fn put(&self, key: &str, value: Bytes, last: u64) -> Result<u64, WriteError> {
        let update = async { self.store.update(key, value, last).await.map_err(|e| judge(&e)) };
        self.answered(update).await.unwrap_or_else(|what| Err(WriteError::Unknown(what)))
    }

    /// Deletes the key where its last revision is this one.
    pub(crate) async fn delete(&self, key: &str, last: u64) -> Result<(), WriteError> {
        let delete = async {
            let deleted = self.store.delete_expect_revision(key, Some(last)).await;
            deleted.map_err(|error| judge(&error))
        };
        self.answered(delete).await.unwrap_or_else(|what| Err(WriteError::Unknown(what)))
    }

    /// The last that was written of a key, asked of the server that decides about writing.
    pub(crate) async fn last(&self, key: &str) -> Result<Option<Entry>, String> {
        let subject = format!("{}{key}", self.store.prefix);
        let get = self.store.stream.get_last_raw_message_by_subject(&subject);
        match self.answered(get).await? {
            Ok(message) => {
                let value = (!is_marker(&message.headers)).then_some(message.payload);
                Ok(Some(Entry { revision: message.sequence, value }))
            }
            Err(error) if error.kind() == LastRawMessageErrorKind::NoMessageFound => Ok(None),
            Err(error) => Err(error.to_string()),
        }
    }

    /// Everything that is in it, and everything that changes from then on.
    pub(crate) async fn watch(&self) -> Result<Watch, String> {
        let watch = self.store.watch_with_history(">");
        match timeout(WATCH_LIMIT, watch).await {
            Ok(watch) => watch.map_err(|error| chain(&error)),
            Err(_) => Err(format!("no answer within {WATCH_LIMIT:?}")),
        }
    }

    /// Whether nothing is in it.
    pub(crate) async fn is_empty(&self) -> Result<bool, String> {
        match timeout(WATCH_LIMIT, self.store.stream.get_info()).await {
            Ok(Ok(info)) => Ok(info.state.messages == 0),
            Ok(Err(error)) => Err(chain(&error)),
            Err(_) => Err(format!("no answer within {WATCH_LIMIT:?}")),
        }
    }

    async fn answered<T>(&self, request: impl Future<Output = T>) -> Result<T, String> {
        self.link.answered(self.answer_limit, request).await
    }
}

fn judge(error: &UpdateError) -> WriteError {
    match error.kind() {
        UpdateErrorKind::WrongLastRevision => WriteError::Refused,
        _ => WriteError::Unknown(chain(error)),
    }
}

/// The client's errors do not say what they came of.
fn chain(error: &dyn std::error::Error) -> String {
    let mut text = error.to_string();
    let mut source = error.source();
    while let Some(cause) = source {
        let cause_text = cause.to_string();
        if !text.contains(&cause_text) {
            text = format!("{text}: {cause_text}");
        }
        source = cause.source();
    }
    text
}

fn is_marker(headers: &HeaderMap) -> bool {
    let deleted = headers.get(OPERATION).is_some_and(|it| matches!(it.as_str(), "DEL" | "PURGE"));
    deleted || headers.get(NATS_MARKER_REASON).is_some()
}

async fn find(jetstream: &Context, bucket: &str) -> Result<Option<stream::Config>, String> {
    match jetstream.get_stream(format!("KV_{bucket}")).await {
        Ok(stream) => Ok(Some(stream.cached_info().config.clone())),
        Err(error) => match error.kind() {
            GetStreamErrorKind::JetStream(answer)
                if answer.error_code() == ErrorCode::STREAM_NOT_FOUND =>
            {
                Ok(None)
            }
            _ => Err(chain(&error)),
        },
    }
}

/// Where a bucket is as other clients make one; theirs asks for more of the server than servers from 2.9 on know.
async fn make(jetstream: &Context, spec: &BucketSpec) -> Result<(), String> {
    match jetstream.create_stream(new_config(spec)).await {
        Ok(_) => Ok(()),
        Err(error) => Err(chain(&error)),
    }
}

fn new_config(spec: &BucketSpec) -> stream::Config {
    stream::Config {
        name: format!("KV_{}", spec.name),
        description: Some(spec.description.into()),
        subjects: vec![format!("$KV.{}.>", spec.name)],
        max_messages_per_subject: 1,
        max_age: spec.max_age,
        max_message_size: spec.max_value,
        storage: StorageType::File,
        num_replicas: 1,
        discard: DiscardPolicy::New,
        allow_rollup: true,
        deny_delete: true,
        allow_direct: true,
        ..stream::Config::default()
    }
}

fn compare(found: &stream::Config, spec: &BucketSpec) -> Result<(), BucketDifference> {
    let description = found.description.clone().unwrap_or_default();
    if description != spec.description {
        return Err(BucketDifference::Version { found: description, expected: spec.description });
    }
    if found.max_age != spec.max_age {
        let (found, expected) = (found.max_age, spec.max_age);
        return Err(BucketDifference::Ttl { found, expected });
    }
    if found.max_messages_per_subject != 1 {
        return Err(BucketDifference::History { found: found.max_messages_per_subject });
    }
    if found.storage != StorageType::File {
        return Err(BucketDifference::Memory);
    }
    Ok(())
}
