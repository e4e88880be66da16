//! Who holds a lease, as it stands in the bucket.

use std::fmt;
use std::sync::atomic::{AtomicU64, Ordering};

use bytes::Bytes;
use jiff::Timestamp;
use serde::{Deserialize, Serialize};

use super::config::MAX_NODE;

/// Who holds a lease.
#[derive(Debug, Clone, PartialEq, Eq)]
#[non_exhaustive]
pub enum Holder {
    /// A node.
    Node {
        /// Its name.
        name: String,
        /// How many streams it takes, where it says so.
        capacity: Option<usize>,
        /// Whether it goes on while the server is away ([`LeaseConfig::keep`](crate::lease::LeaseConfig::keep)).
        keeps: bool,
    },
    /// Somebody whose entry cannot be read: of another version, or no node at all. The stream counts as held all the same.
    Unknown,
}

/// What is written into the bucket by whoever takes a lease. No two are alike.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub(super) struct Claim {
    node: String,
    /// How many streams it takes.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    capacity: Option<usize>,
    /// Whether it goes on while the server is away.
    #[serde(default, skip_serializing_if = "std::ops::Not::not")]
    keeps: bool,
    /// Drawn for each process, so that two nodes of one name are told apart.
    instance: String,
    /// Counts the claims of the instance: one that arrives late is no later one's.
    number: u64,
    taken: String,
}

/// Makes the claims of one process.
#[derive(Debug)]
pub(super) struct Claims {
    instance: String,
    last: AtomicU64,
}

impl Claims {
    pub(super) fn new() -> Self {
        let random = || fastrand::u64(..);
        Self { instance: format!("{:016x}{:016x}", random(), random()), last: AtomicU64::new(0) }
    }

    pub(super) fn next(&self, node: &str, capacity: Option<usize>, keeps: bool) -> Claim {
        Claim {
            node: node.into(),
            capacity,
            keeps,
            instance: self.instance.clone(),
            number: 1 + self.last.fetch_add(1, Ordering::Relaxed),
            taken: Timestamp::now().to_string(),
        }
    }
}

impl Claim {
    /// As it is written. It is the same each time, so it is made once.
    pub(super) fn to_bytes(&self) -> Bytes {
        // Texts and a number are always JSON.
        serde_json::to_vec(self).unwrap_or_default().into()
    }
}

/// Reads an entry of the bucket, which anybody may have written.
pub(super) fn read(value: &[u8]) -> Holder {
    match serde_json::from_slice(value) {
        Ok(Claim { node, capacity, keeps, .. }) if node.len() <= MAX_NODE => {
            Holder::Node { name: node, capacity, keeps }
        }
        _ => Holder::Unknown,
    }
}

impl fmt::Display for Holder {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Node { name, .. } => write!(f, "the node {name:?}"),
            Self::Unknown => f.write_str("somebody unknown, whose entry cannot be read,"),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_is_written_is_read_and_no_two_are_alike() {
        let claims = Claims::new();
        let (one, other) = (claims.next("gate", Some(3), true), claims.next("gate", None, false));
        assert_ne!(one.to_bytes(), other.to_bytes());
        assert_ne!(Claims::new().next("gate", None, false).to_bytes(), one.to_bytes());
        let expected = |capacity, keeps| Holder::Node { name: "gate".into(), capacity, keeps };
        assert_eq!(read(&one.to_bytes()), expected(Some(3), true));
        assert_eq!(read(&other.to_bytes()), expected(None, false));
    }

    #[test]
    fn what_others_write_is_somebody_unknown() {
        let long =
            format!(r#"{{"node":"{}","instance":"","number":1,"taken":""}}"#, "x".repeat(129));
        for value in ["", "gate", "{}", "[1]", r#"{"node":7}"#, "\u{0}\u{7f}", &long] {
            assert_eq!(read(value.as_bytes()), Holder::Unknown);
        }
        assert_eq!(read(&[0xff, 0xfe, 0x00]), Holder::Unknown);
    }
}
