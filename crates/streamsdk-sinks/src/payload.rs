//! What is delivered of a frame: one JSON object, as `docs/results.md` describes it.

use std::time::SystemTime;

use bytes::Bytes;
use serde::ser::{Error as _, Serialize, SerializeStruct, Serializer};
use streamsdk::{FrameData, FrameJson, Images};

use crate::record::{Place, StreamName};

/// The version that every payload says. It rises when a field changes its meaning or goes; new fields may come at any time.
pub const VERSION: u32 = 1;

/// The payload of one frame of a stream.
///
/// # Errors
///
/// If an output cannot be written as JSON.
pub fn of_frame(
    stream: &StreamName,
    place: Place,
    data: &FrameData,
    images: Images,
    at: SystemTime,
) -> Result<Bytes, serde_json::Error> {
    let payload = Payload { stream, place, data, images, at };
    serde_json::to_vec(&payload).map(Bytes::from)
}

struct Payload<'a> {
    stream: &'a StreamName,
    place: Place,
    data: &'a FrameData,
    images: Images,
    at: SystemTime,
}

impl Serialize for Payload<'_> {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        // The number only matters to formats that are not JSON.
        let mut object = serializer.serialize_struct("Payload", 12)?;
        object.serialize_field("version", &VERSION)?;
        object.serialize_field("stream", self.stream.as_str())?;
        object.serialize_field("epoch", &self.place.epoch)?;
        object.serialize_field("sequence", &self.place.sequence)?;
        object.serialize_field("link", &self.data.link())?;
        let at = jiff::Timestamp::try_from(self.at).map_err(S::Error::custom)?;
        object.serialize_field("received_at", &format_args!("{at:.6}"))?;
        FrameJson::new(self.data, self.images).write_to(&mut object)?;
        object.end()
    }
}
