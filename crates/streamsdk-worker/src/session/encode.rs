use serde_json::json;
use streamsdk_media::{Frame, jpeg};
use streamsdk_protocol::output::{OutgoingValue, VideoMetadata};

use crate::processor::{OutputValue, Outputs};
use crate::workflow::{DataSelection, OutputSource, WorkflowOutput};

/// Turns what a processor made into what travels.
pub(crate) struct Encoder {
    outputs: Vec<WorkflowOutput>,
    jpeg: jpeg::Encoder,
}

impl Encoder {
    pub(crate) fn new(outputs: Vec<WorkflowOutput>, jpeg_quality: u8) -> Self {
        Self { outputs, jpeg: jpeg::Encoder::new(jpeg_quality) }
    }

    /// The selected outputs under the workflow's names; `None` when only metadata is wanted.
    pub(crate) fn encode(
        &mut self,
        frame: &Frame,
        made: Outputs,
        selection: &DataSelection,
        metadata: &VideoMetadata,
    ) -> Option<Vec<(String, OutgoingValue)>> {
        if *selection == DataSelection::Metadata {
            return None;
        }
        let jpeg = &mut self.jpeg;
        let selected = self.outputs.iter().filter(|output| selection.includes(output));
        let encoded = selected.map(|output| {
            let value = match &output.from {
                OutputSource::Frame => image(jpeg, frame, metadata),
                OutputSource::Processor(name) => match made.get(name) {
                    Some(OutputValue::Image(frame)) => image(jpeg, frame, metadata),
                    Some(OutputValue::Json(value)) => OutgoingValue::Json(value.clone()),
                    None => OutgoingValue::Failed(format!("the processor made no output '{name}'")),
                },
            };
            (output.name.clone(), value)
        });
        Some(encoded.collect())
    }
}

fn image(encoder: &mut jpeg::Encoder, frame: &Frame, metadata: &VideoMetadata) -> OutgoingValue {
    match encoder.encode(frame) {
        Ok(jpeg) => OutgoingValue::Image {
            jpeg: jpeg.into(),
            metadata: json!({
                "video_identifier": "default_source",
                "frame_number": metadata.frame_id,
                "frame_timestamp": metadata.received_at,
                "fps": metadata.declared_fps,
                "measured_fps": metadata.measured_fps,
                "comes_from_video_file": true,
            }),
        },
        Err(error) => OutgoingValue::Failed(error.to_string()),
    }
}

/// Now, as servers of this protocol write it: ISO 8601 with microseconds and without a zone.
pub(crate) fn timestamp() -> String {
    let now = jiff::Timestamp::now();
    format!("{now:.6}").trim_end_matches('Z').to_owned()
}

#[cfg(test)]
mod tests {
    #[test]
    fn timestamps_have_microseconds_and_no_zone() {
        let text = super::timestamp();
        assert_eq!(text.len(), "2026-11-22T08:21:04.185894".len(), "{text}");
        assert!(text.contains('T') && !text.ends_with('Z'), "{text}");
    }
}
