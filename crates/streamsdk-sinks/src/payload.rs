//! What is delivered of a frame: one JSON object, as `docs/results.md` describes it.

use std::time::SystemTime;

use bytes::Bytes;
use serde::ser::{Error as _, Serialize, SerializeStruct, Serializer};
use streamsdk::FrameJson;

use crate::record::{Place, StreamName};

/// The version that every payload says. It rises when a field changes its meaning or goes; new fields may come at any time.
pub const VERSION: u32 = 1;

/// Of what a frame is.
#[derive(Debug, Clone, Copy)]
pub struct Origin<'a> {
    /// Of which stream.
    pub stream: &'a StreamName,
    /// Where its record stands there.
    pub place: Place,
    /// What is done in the stream, where several programs share it: who goes on with it has to do the same.
    pub work: Option<&'a str>,
}

/// The payload of one frame of a stream, which came back at that time.
///
/// # Errors
///
/// If an output cannot be written as JSON.
pub fn of_frame(
    origin: Origin<'_>,
    frame: FrameJson<'_>,
    at: SystemTime,
) -> Result<Bytes, serde_json::Error> {
    let payload = Payload { origin, frame, at };
    serde_json::to_vec(&payload).map(Bytes::from)
}

struct Payload<'a> {
    origin: Origin<'a>,
    frame: FrameJson<'a>,
    at: SystemTime,
}

impl Serialize for Payload<'_> {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        // The number only matters to formats that are not JSON.
        let mut object = serializer.serialize_struct("Payload", 13)?;
        let Origin { stream, place, work } = self.origin;
        object.serialize_field("version", &VERSION)?;
        object.serialize_field("stream", stream.as_str())?;
        object.serialize_field("epoch", &place.epoch)?;
        object.serialize_field("sequence", &place.sequence)?;
        if let Some(work) = work {
            object.serialize_field("work", work)?;
        }
        object.serialize_field("link", &self.frame.data().link())?;
        let at = jiff::Timestamp::try_from(self.at).map_err(S::Error::custom)?;
        object.serialize_field("received_at", &format_args!("{at:.6}"))?;
        self.frame.write_to(&mut object)?;
        object.end()
    }
}
