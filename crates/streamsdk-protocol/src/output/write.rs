use bytes::Bytes;
use serde_json::{Value, json};

use super::{SERIALIZATION_ERROR, VideoMetadata};
use crate::gzip;

/// One message about one frame, as the server sends it.
#[derive(Debug, Clone, Default)]
pub struct OutgoingMessage {
    /// The outputs by name; `None` when the client wants metadata only.
    pub outputs: Option<Vec<(String, OutgoingValue)>>,
    /// What is known about the frame.
    pub metadata: VideoMetadata,
    /// What went wrong with this frame.
    pub errors: Vec<String>,
    /// Whether the stream ends here.
    pub processing_complete: bool,
    /// Why the stream was ended, if not because it was over.
    pub termination_reason: Option<String>,
}

/// One output as it will travel.
#[derive(Debug, Clone)]
pub enum OutgoingValue {
    /// A JPEG file.
    Image {
        /// The file.
        jpeg: Bytes,
        /// What travels beside it as `video_metadata`.
        metadata: Value,
    },
    /// Any JSON.
    Json(Value),
    /// An output that could not be made, and why.
    Failed(String),
}

impl OutgoingMessage {
    /// The payload to be cut into chunks. `gzip` compresses it if it has outputs; the real server
    /// does so.
    pub fn encode(&self, gzip: bool) -> Vec<u8> {
        let json = self.to_json();
        if gzip && self.outputs.is_some() { gzip::deflate(&json) } else { json }
    }

    fn to_json(&self) -> Vec<u8> {
        let mut out = Vec::with_capacity(self.size_hint());
        out.extend_from_slice(b"{\"serialized_output_data\": ");
        match &self.outputs {
            Some(outputs) => write_outputs(&mut out, outputs),
            None => out.extend_from_slice(b"null"),
        }
        out.extend_from_slice(b", \"video_metadata\": ");
        out.extend_from_slice(json!(self.metadata).to_string().as_bytes());
        out.extend_from_slice(b", \"errors\": ");
        out.extend_from_slice(json!(self.errors).to_string().as_bytes());
        out.extend_from_slice(b", \"processing_complete\": ");
        out.extend_from_slice(self.processing_complete.to_string().as_bytes());
        out.extend_from_slice(b", \"termination_reason\": ");
        out.extend_from_slice(json!(self.termination_reason).to_string().as_bytes());
        out.push(b'}');
        out
    }

    fn size_hint(&self) -> usize {
        let images = self.outputs.iter().flatten().map(|(_, value)| match value {
            OutgoingValue::Image { jpeg, .. } => jpeg.len() * 4 / 3 + 512,
            OutgoingValue::Json(_) | OutgoingValue::Failed(_) => 512,
        });
        512 + images.sum::<usize>()
    }
}

fn write_outputs(out: &mut Vec<u8>, outputs: &[(String, OutgoingValue)]) {
    out.push(b'{');
    for (place, (name, value)) in outputs.iter().enumerate() {
        if place > 0 {
            out.extend_from_slice(b", ");
        }
        out.extend_from_slice(json!(name).to_string().as_bytes());
        out.extend_from_slice(b": ");
        write_value(out, value);
    }
    out.push(b'}');
}

fn write_value(out: &mut Vec<u8>, value: &OutgoingValue) {
    match value {
        OutgoingValue::Image { jpeg, metadata } => {
            out.extend_from_slice(b"{\"type\": \"base64\", \"value\": \"");
            base64_simd::STANDARD.encode_append(jpeg, out);
            out.extend_from_slice(b"\", \"video_metadata\": ");
            out.extend_from_slice(metadata.to_string().as_bytes());
            out.push(b'}');
        }
        OutgoingValue::Json(value) => out.extend_from_slice(value.to_string().as_bytes()),
        OutgoingValue::Failed(why) => {
            out.extend_from_slice(json!({ SERIALIZATION_ERROR: why }).to_string().as_bytes());
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::chunk::ChunkedMessage;
    use crate::output::OutputMessage;
    use crate::{Limits, Redactor};

    fn read_back(message: &OutgoingMessage) -> OutputMessage {
        let message = ChunkedMessage { frame_id: 3, payload: message.encode(true).into() };
        OutputMessage::parse(message, &Limits::default(), &Redactor::default()).unwrap()
    }

    #[test]
    fn what_is_written_is_read_back() {
        let sent = OutgoingMessage {
            outputs: Some(vec![
                (
                    "pic \"1\"".into(),
                    OutgoingValue::Image { jpeg: Bytes::from_static(b"jpeg"), metadata: json!({}) },
                ),
                ("n".into(), OutgoingValue::Json(json!([1, 2]))),
                ("bad".into(), OutgoingValue::Failed("no \"mask\"".into())),
            ]),
            metadata: VideoMetadata { frame_id: 3, pts: Some(7), ..VideoMetadata::default() },
            errors: vec!["slow".into()],
            processing_complete: false,
            termination_reason: None,
        };
        let read = read_back(&sent);
        let outputs = read.outputs.unwrap();
        assert_eq!(outputs.get("pic \"1\"").unwrap().image().unwrap().jpeg().unwrap(), "jpeg");
        assert_eq!(outputs.get("n").unwrap().json(), "[1,2]");
        let failed = outputs.get("bad").unwrap().serialization_error();
        assert_eq!(failed.as_deref(), Some("no \"mask\""));
        assert_eq!(read.metadata.unwrap(), sent.metadata);
        assert_eq!(read.errors, ["slow"]);
    }

    #[test]
    fn only_messages_with_outputs_are_compressed() {
        let mut message = OutgoingMessage { processing_complete: true, ..Default::default() };
        assert!(message.encode(true).starts_with(b"{"));
        message.outputs = Some(Vec::new());
        assert!(gzip::is_gzip(&message.encode(true)));
        assert!(message.encode(false).starts_with(b"{"));
        assert!(read_back(&message).processing_complete);
    }
}
