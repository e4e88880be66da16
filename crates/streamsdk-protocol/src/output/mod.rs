//! Results: the JSON that the server sends about a frame.
//!
//! The client reads with [`OutputMessage`], the server writes with [`OutgoingMessage`]. Reading
//! leaves every output where it is: an [`Output`] is a slice of the message, parsed when somebody
//! asks, and an image stays base64 until [`EncodedImage::jpeg`] is called.
//!
//! One odd item does not end the whole. A server may write what is no JSON (Python has `NaN`, and halves
//! of characters), or a value of the wrong type. Only that value is lost: the JSON that an output gives out
//! is always valid, with null for what was odd, and [`OutputMessage::odd`] says what was wrong with which
//! field.

mod image;
mod mend;
mod metadata;
mod odd;
mod outline;
mod read;
mod string;
mod write;

use serde::{Deserialize, Serialize};

pub(crate) use image::decode as decode_image;
pub use image::{EncodedImage, output_name};
pub use odd::{OddField, OddFields, Oddity};
pub use read::{Output, OutputError, OutputMessage, Outputs};
pub use write::{OutgoingMessage, OutgoingValue};

/// The `termination_reason` of a server that is itself being stopped. The streamsdk worker's: the real server closes
/// without a word.
pub const SERVER_STOPPED: &str = "worker_stopped";

/// Name of the field that stands in for an output that the server could not serialise.
pub(crate) const SERIALIZATION_ERROR: &str = "__serialization_error__";

/// What the server knows about the frame that a message is about.
#[derive(Debug, Clone, Default, PartialEq, Serialize, Deserialize)]
pub struct VideoMetadata {
    /// Number of the frame, from 1. Frames that a server skips as late are not counted by most.
    pub frame_id: u32,
    /// When the server took the frame: ISO 8601 in the server's own time, without a zone.
    pub received_at: Option<String>,
    /// Presentation time in units of [`VideoMetadata::time_base`].
    pub pts: Option<i64>,
    /// Seconds per unit of [`VideoMetadata::pts`].
    pub time_base: Option<f64>,
    /// Frame rate that the source declares.
    pub declared_fps: Option<f64>,
    /// Frame rate that the server measures.
    pub measured_fps: Option<f64>,
    /// Width of the frame in pixels.
    pub width: Option<u32>,
    /// Height of the frame in pixels.
    pub height: Option<u32>,
    /// The RTP timestamp of the picture that comes back of the frame, where the server tells it: this project's worker does.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub rtp_timestamp: Option<u32>,
}

impl VideoMetadata {
    /// Presentation time in seconds, where the server gives it.
    pub fn seconds(&self) -> Option<f64> {
        Some(self.pts? as f64 * self.time_base?).filter(|seconds| seconds.is_finite())
    }
}
