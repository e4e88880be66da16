//! What is delivered: one result of a stream.

use std::fmt;
use std::str::FromStr;
use std::sync::Arc;

use bytes::Bytes;
use serde::{Serialize, Serializer};
use thiserror::Error;

/// The longest name of a stream, in characters.
pub const MAX_NAME: usize = 64;

/// The name of a stream: 1 to 64 letters (`a` to `z` and `A` to `Z`), digits, `_` and `-`. So it can be part of a topic, a
/// subject, a key or the name of a file as it is. Cloning is cheap.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct StreamName(Arc<str>);

/// A text that cannot be the name of a stream.
#[derive(Debug, Clone, PartialEq, Eq, Error)]
#[error("{0:?} is no name of a stream: expected 1 to {MAX_NAME} letters, digits, `_` and `-`")]
pub struct InvalidName(String);

/// Where a record stands among those of its stream. Places rise from record to record, and no two records of a stream
/// have the same one.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct Place {
    /// Rises each time that somebody else goes on with the stream, or the same after a restart.
    pub epoch: u64,
    /// Rises from record to record within an epoch.
    pub sequence: u64,
}

/// One result of a stream, as it is delivered. Cloning is cheap.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Record {
    stream: StreamName,
    place: Place,
    payload: Bytes,
}

impl StreamName {
    /// The name as text.
    pub fn as_str(&self) -> &str {
        &self.0
    }
}

impl FromStr for StreamName {
    type Err = InvalidName;

    fn from_str(text: &str) -> Result<Self, InvalidName> {
        let is_allowed = |byte: u8| byte.is_ascii_alphanumeric() || matches!(byte, b'_' | b'-');
        if (1..=MAX_NAME).contains(&text.len()) && text.bytes().all(is_allowed) {
            return Ok(Self(text.into()));
        }
        Err(InvalidName(text.chars().take(2 * MAX_NAME).collect()))
    }
}

impl Serialize for StreamName {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        serializer.serialize_str(&self.0)
    }
}

impl fmt::Display for StreamName {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.0)
    }
}

/// `EPOCH-SEQUENCE`.
impl fmt::Display for Place {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}-{}", self.epoch, self.sequence)
    }
}

impl Record {
    /// A record with any payload; [`crate::payload`] makes the usual one.
    pub fn new(stream: StreamName, place: Place, payload: impl Into<Bytes>) -> Self {
        Self { stream, place, payload: payload.into() }
    }

    /// Of which stream it is.
    pub fn stream(&self) -> &StreamName {
        &self.stream
    }

    /// Where it stands in its stream.
    pub fn place(&self) -> Place {
        self.place
    }

    /// What is delivered: mostly one JSON object.
    pub fn payload(&self) -> &Bytes {
        &self.payload
    }

    /// What tells it from every other record, and is the same each time that it is delivered: `STREAM/EPOCH-SEQUENCE`.
    pub fn id(&self) -> String {
        format!("{}/{}", self.stream, self.place)
    }

    /// What it takes of a limit in bytes.
    pub(crate) fn size(&self) -> usize {
        self.payload.len() + size_of::<Self>()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn names_are_what_every_receiver_can_have() {
        for good in ["a", "Gate-2_left", &"x".repeat(64)] {
            assert_eq!(good.parse::<StreamName>().unwrap().as_str(), good);
        }
        for bad in ["", "a.b", "a b", "a/b", "a*", "kä", &"x".repeat(65)] {
            bad.parse::<StreamName>().unwrap_err();
        }
    }

    #[test]
    fn a_new_epoch_stands_behind_the_one_before() {
        let place = |epoch, sequence| Place { epoch, sequence };
        assert!(place(1, 900) < place(2, 1) && place(2, 1) < place(2, 2));
    }
}
