use std::borrow::Cow;
use std::fmt;

use bytes::Bytes;
use serde::Deserialize;
use serde::de::DeserializeOwned;
use thiserror::Error;

use super::outline::{members, optional, plain_string};
use super::{SERIALIZATION_ERROR, VideoMetadata};
use crate::chunk::Message;
use crate::{Limits, gzip};

/// One message about one frame, as the client receives it.
#[derive(Debug, Clone, Default)]
#[non_exhaustive]
pub struct OutputMessage {
    /// Number of the frame, from the message's header.
    pub frame_id: u32,
    /// The workflow's outputs; `None` when the server sends none for this frame.
    pub outputs: Option<Outputs>,
    /// What the server knows about the frame.
    pub metadata: Option<VideoMetadata>,
    /// What went wrong with this frame, in the server's words.
    pub errors: Vec<String>,
    /// Whether the stream ends here. Such a message is about no frame.
    pub processing_complete: bool,
    /// Why the server ended the stream, when it says so (`timeout_reached`).
    pub termination_reason: Option<String>,
}

impl OutputMessage {
    /// Reads a reassembled message, compressed or not.
    pub fn parse(message: Message, limits: &Limits) -> Result<Self, OutputError> {
        let Message { frame_id, payload } = message;
        let json = if gzip::is_gzip(&payload) {
            gzip::inflate(&payload, limits.inflated_bytes).map_err(|error| match error {
                gzip::InflateError::TooLarge => {
                    OutputError::TooLarge { limit: limits.inflated_bytes }
                }
                gzip::InflateError::Corrupt => OutputError::Gzip,
            })?
        } else {
            payload
        };
        Self::read(frame_id, &json).map_err(OutputError::Json)
    }

    fn read(frame_id: u32, json: &Bytes) -> Result<Self, serde_json::Error> {
        let mut message = Self { frame_id, ..Self::default() };
        for member in members(json) {
            let (name, value) = member?;
            match &*name {
                "serialized_output_data" => message.outputs = Outputs::read(value, json)?,
                "video_metadata" => {
                    let metadata = optional::<WireMetadata>(value)?;
                    message.metadata = metadata.map(|metadata| metadata.into_metadata(frame_id));
                }
                "errors" => message.errors = optional(value)?.unwrap_or_default(),
                "processing_complete" => {
                    message.processing_complete = optional(value)?.unwrap_or_default();
                }
                "termination_reason" => message.termination_reason = optional(value)?,
                _ => {}
            }
        }
        Ok(message)
    }
}

/// [`VideoMetadata`] with every field optional, as servers of other versions may leave some out.
#[derive(Deserialize)]
struct WireMetadata {
    frame_id: Option<u32>,
    received_at: Option<String>,
    pts: Option<i64>,
    time_base: Option<f64>,
    declared_fps: Option<f64>,
    measured_fps: Option<f64>,
    width: Option<u32>,
    height: Option<u32>,
}

impl WireMetadata {
    fn into_metadata(self, header_frame_id: u32) -> VideoMetadata {
        VideoMetadata {
            frame_id: self.frame_id.unwrap_or(header_frame_id),
            received_at: self.received_at,
            pts: self.pts,
            time_base: self.time_base,
            declared_fps: self.declared_fps,
            measured_fps: self.measured_fps,
            width: self.width,
            height: self.height,
        }
    }
}

/// The outputs of one message by name, in the server's order. Cloning is cheap.
#[derive(Debug, Clone, Default)]
pub struct Outputs {
    entries: Vec<(String, Output)>,
}

impl Outputs {
    /// `None` where the server wrote null. `json` is the message that `value` is a part of.
    fn read(value: &[u8], json: &Bytes) -> Result<Option<Self>, serde_json::Error> {
        if value == b"null" {
            return Ok(None);
        }
        let entry = |(name, value): (Cow<'_, str>, &[u8])| {
            (name.into_owned(), Output { json: json.slice_ref(value) })
        };
        let entries: Result<_, _> = members(value).map(|member| member.map(entry)).collect();
        Ok(Some(Self { entries: entries? }))
    }

    /// The output called `name`.
    pub fn get(&self, name: &str) -> Option<&Output> {
        self.iter().find_map(|(known, output)| (known == name).then_some(output))
    }

    /// All outputs in the server's order.
    pub fn iter(&self) -> impl Iterator<Item = (&str, &Output)> {
        self.entries.iter().map(|(name, output)| (name.as_str(), output))
    }

    /// Number of outputs.
    pub fn len(&self) -> usize {
        self.entries.len()
    }

    /// Whether there are none.
    pub fn is_empty(&self) -> bool {
        self.entries.is_empty()
    }
}

/// One output: a slice of the message that it came in. Cloning is cheap.
#[derive(Clone)]
pub struct Output {
    json: Bytes,
}

impl Output {
    /// The output as the server wrote it, as JSON text; empty if it is no text at all. Whether it is valid
    /// is found out by [`Output::parse`].
    pub fn json(&self) -> &str {
        std::str::from_utf8(&self.json).unwrap_or_default()
    }

    /// Parses the output.
    pub fn parse<T: DeserializeOwned>(&self) -> Result<T, OutputError> {
        serde_json::from_slice(&self.json).map_err(OutputError::Json)
    }

    /// The output as an image, if it is one. Nothing is decoded.
    pub fn image(&self) -> Option<EncodedImage> {
        if !self.json.starts_with(b"{") {
            return None;
        }
        let (mut is_image, mut base64) = (false, None);
        for member in members(&self.json) {
            let (name, value) = member.ok()?;
            match &*name {
                "type" => is_image = value == b"\"base64\"",
                "value" => base64 = self.text(value),
                _ => {}
            }
        }
        base64.filter(|_| is_image).map(|base64| EncodedImage { base64 })
    }

    /// What a string in the output says. It is copied only if there are escapes in it.
    fn text(&self, string: &[u8]) -> Option<Bytes> {
        match plain_string(string) {
            Some(text) => Some(self.json.slice_ref(text)),
            None => serde_json::from_slice::<String>(string).ok().map(Bytes::from),
        }
    }

    /// What the server says if it could not serialise this output.
    pub fn serialization_error(&self) -> Option<String> {
        if !self.json.starts_with(b"{") || self.json.len() > 64 << 10 {
            return None;
        }
        let mut object: serde_json::Map<String, serde_json::Value> = self.parse().ok()?;
        match object.remove(SERIALIZATION_ERROR)? {
            serde_json::Value::String(text) => Some(text),
            other => Some(other.to_string()),
        }
    }
}

/// Prints the first bytes only: an output can be a whole image.
impl fmt::Debug for Output {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        const SHOWN: usize = 200;
        let json = self.json();
        match json.char_indices().nth(SHOWN) {
            Some((end, _)) => write!(f, "{}… ({} bytes)", &json[..end], json.len()),
            None => f.write_str(json),
        }
    }
}

/// An image as it travels: base64 of JPEG. Cloning is cheap.
#[derive(Debug, Clone)]
pub struct EncodedImage {
    base64: Bytes,
}

impl EncodedImage {
    /// The JPEG file. Decodes the base64 at every call.
    pub fn jpeg(&self) -> Result<Bytes, OutputError> {
        base64_simd::STANDARD
            .decode_to_vec(&self.base64)
            .map(Bytes::from)
            .map_err(|_| OutputError::Base64 { len: self.base64.len() })
    }
}

/// A result that cannot be read.
#[derive(Debug, Error)]
#[non_exhaustive]
pub enum OutputError {
    /// The compressed data is broken.
    #[error("a message could not be decompressed: its gzip data is broken")]
    Gzip,
    /// The message is larger than allowed once decompressed.
    #[error("a message is over the limit of {limit} bytes when decompressed")]
    TooLarge {
        /// [`Limits::inflated_bytes`].
        limit: usize,
    },
    /// Not JSON, or not of the expected shape.
    #[error("a message could not be read: {0}")]
    Json(#[source] serde_json::Error),
    /// The image is not base64.
    #[error("an image of {len} characters is not base64")]
    Base64 {
        /// Length of the text.
        len: usize,
    },
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::gzip::deflate;

    fn parse(json: &str) -> Result<OutputMessage, OutputError> {
        let message = Message { frame_id: 5, payload: Bytes::copy_from_slice(json.as_bytes()) };
        OutputMessage::parse(message, &Limits::default())
    }

    #[test]
    fn a_message_of_nulls_and_one_of_nothing_are_fine() {
        for json in [
            "{}",
            r#"{"serialized_output_data":null,"video_metadata":null,"errors":null,"processing_complete":null,"termination_reason":null}"#,
        ] {
            let message = parse(json).unwrap();
            assert!(message.outputs.is_none() && message.metadata.is_none());
            assert!(!message.processing_complete && message.errors.is_empty());
        }
    }

    #[test]
    fn metadata_without_a_frame_id_takes_it_from_the_header() {
        let message = parse(r#"{"video_metadata":{"pts":3,"time_base":0.5}}"#).unwrap();
        let metadata = message.metadata.unwrap();
        assert_eq!((metadata.frame_id, metadata.seconds()), (5, Some(1.5)));
    }

    #[test]
    fn an_image_is_decoded_even_when_the_server_escapes_slashes() {
        let json =
            r#"{"serialized_output_data":{"a":{"type":"base64","value":"\/9j\/4AAQ"},"n":3}}"#;
        let outputs = parse(json).unwrap().outputs.unwrap();
        let jpeg = outputs.get("a").unwrap().image().unwrap().jpeg().unwrap();
        assert_eq!(jpeg.as_ref(), [0xff, 0xd8, 0xff, 0xe0, 0, 0x10]);
        assert!(outputs.get("n").unwrap().image().is_none());
        assert_eq!(outputs.get("n").unwrap().parse::<u8>().unwrap(), 3);
    }

    #[test]
    fn broken_base64_is_an_error_of_its_own() {
        let json = r#"{"serialized_output_data":{"a":{"type":"base64","value":"?"}}}"#;
        let outputs = parse(json).unwrap().outputs.unwrap();
        let image = outputs.get("a").unwrap().image().unwrap();
        assert!(matches!(image.jpeg(), Err(OutputError::Base64 { len: 1 })));
    }

    #[test]
    fn an_output_that_failed_says_why() {
        let json = r#"{"serialized_output_data":{"a":{"__serialization_error__":"no"},"b":{}}}"#;
        let outputs = parse(json).unwrap().outputs.unwrap();
        assert_eq!(outputs.get("a").unwrap().serialization_error().as_deref(), Some("no"));
        assert_eq!(outputs.get("b").unwrap().serialization_error(), None);
    }

    #[test]
    fn json_nested_a_million_deep_neither_overflows_nor_panics() {
        let deep = format!("{}{}", "[".repeat(1_000_000), "]".repeat(1_000_000));
        let inside = format!(r#"{{"serialized_output_data":{{"a":{deep}}}}}"#);
        let outputs = parse(&inside).map(|message| message.outputs.unwrap());
        if let Ok(outputs) = outputs {
            assert!(outputs.get("a").unwrap().parse::<serde_json::Value>().is_err());
        }
        assert!(parse(&deep).is_err());
    }

    #[test]
    fn a_bomb_is_refused() {
        let message = Message { frame_id: 1, payload: deflate(&vec![b' '; 8 << 20]).into() };
        let limits = Limits { inflated_bytes: 1 << 20, ..Limits::default() };
        assert!(matches!(
            OutputMessage::parse(message, &limits),
            Err(OutputError::TooLarge { limit }) if limit == 1 << 20
        ));
    }

    #[test]
    fn debug_of_a_large_output_is_short() {
        let json = format!(r#"{{"serialized_output_data":{{"a":"{}"}}}}"#, "x".repeat(10_000));
        assert!(format!("{:?}", parse(&json).unwrap()).len() < 1_000);
    }
}
