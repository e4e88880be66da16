//! Takes what nobody has.

use bytes::Bytes;
use streamsdk_sinks::StreamName;

use super::holder::{Holder, read};
use crate::nats::{Bucket, Entry, WriteError};

/// Makes the key of a stream, and returns its revision; `None` if somebody has the stream.
pub(super) async fn take(
    bucket: &Bucket,
    stream: &StreamName,
    value: &Bytes,
) -> Result<Option<u64>, String> {
    let key = stream.as_str();
    let mut last = 0;
    loop {
        let unknown = match bucket.put(key, value.clone(), last).await {
            Ok(revision) => return Ok(Some(revision)),
            Err(WriteError::Refused) => None,
            Err(WriteError::Unknown(what)) => Some(what),
        };
        let found = bucket.last(key).await;
        return match (found, unknown) {
            // It was done, though the answer did not come.
            (Ok(Some(Entry { revision, value: Some(found) })), _) if found == *value => {
                Ok(Some(revision))
            }
            (_, Some(what)) => Err(what),
            // A key that was deleted is made over the note about that. If that changes meanwhile, somebody else was first.
            (Ok(Some(Entry { revision, value: None })), None) if last == 0 => {
                last = revision;
                continue;
            }
            (Ok(Some(Entry { value: Some(found), .. })), None) => {
                tell_if_unreadable(stream, &found);
                Ok(None)
            }
            (Ok(_), None) => Ok(None),
            (Err(what), None) => Err(what),
        };
    }
}

fn tell_if_unreadable(stream: &StreamName, value: &[u8]) {
    if read(value) == Holder::Unknown {
        tracing::warn!(%stream, "a lease is held by an entry that cannot be read");
    }
}
