//! Durations as seconds, for `#[serde(serialize_with = ...)]`: what programs log is read by people and by tables.

use std::time::Duration;

use serde::{Serialize, Serializer};

/// Writes a duration as a number of seconds.
///
/// # Errors
///
/// Those of the serializer.
pub fn serialize<S: Serializer>(time: &Duration, serializer: S) -> Result<S::Ok, S::Error> {
    serializer.serialize_f64(time.as_secs_f64())
}

/// Writes a duration as a number of seconds, or null.
///
/// # Errors
///
/// Those of the serializer.
pub fn serialize_option<S: Serializer>(
    time: &Option<Duration>,
    serializer: S,
) -> Result<S::Ok, S::Error> {
    time.map(|time| time.as_secs_f64()).serialize(serializer)
}
