use serde_json::{Value, json};
use streamsdk_media::{Frame, jpeg};
use streamsdk_protocol::output::{OutgoingValue, VideoMetadata};

use crate::processor::{OutputValue, ProcessorOutputs};
use crate::workflow::{DataSelection, OutputSource, Selection, WorkflowOutput};

/// Turns what a processor made into what travels.
pub(super) struct ResultEncoder {
    outputs: Vec<WorkflowOutput>,
    jpeg: jpeg::Encoder,
    comes_from_file: bool,
}

impl ResultEncoder {
    pub(super) fn new(
        outputs: Vec<WorkflowOutput>,
        jpeg_quality: u8,
        comes_from_file: bool,
    ) -> Self {
        Self { outputs, jpeg: jpeg::Encoder::new(jpeg_quality), comes_from_file }
    }

    /// What is wrong with the selection, in the words of the real server, which says it with every frame.
    pub(super) fn unknown_outputs<'a>(
        &'a self,
        selection: &'a DataSelection,
    ) -> impl Iterator<Item = String> + 'a {
        selection.unknown(&self.outputs).map(|name| format!("Output '{name}' not found"))
    }

    /// The processor's outputs, by its own names, of which something travels.
    pub(super) fn wanted<'a>(
        &'a self,
        selection: &'a Selection,
        returns_frames: bool,
    ) -> impl Iterator<Item = &'a str> {
        let returned = selection.image.as_deref().filter(|_| returns_frames);
        let travels = move |output: &WorkflowOutput| {
            selection.data.includes(output) || returned == Some(output.name.as_str())
        };
        self.outputs.iter().filter(move |output| travels(output)).filter_map(|output| match &output
            .from
        {
            OutputSource::Processor(name) => Some(name.as_str()),
            OutputSource::Frame => None,
        })
    }

    /// The selected outputs under the workflow's names; `None` when there are none.
    pub(super) fn encode(
        &mut self,
        frame: &Frame,
        made: &ProcessorOutputs,
        selection: &DataSelection,
        metadata: &VideoMetadata,
    ) -> Option<Vec<(String, OutgoingValue)>> {
        let jpeg = &mut self.jpeg;
        let selected = self.outputs.iter().filter(|output| selection.includes(output));
        let encoded: Vec<_> = selected
            .map(|output| {
                let value = match find(output, frame, made) {
                    Ok(Found::Image(frame)) => image(jpeg, frame, metadata, self.comes_from_file),
                    Ok(Found::Json(value)) => OutgoingValue::Json(value.clone()),
                    Err(missing) => OutgoingValue::Failed(missing),
                };
                (output.name.clone(), value)
            })
            .collect();
        (!encoded.is_empty()).then_some(encoded)
    }

    /// The image that is called `name`, or why there is none.
    pub(super) fn picture(
        &self,
        name: Option<&str>,
        frame: &Frame,
        made: &ProcessorOutputs,
    ) -> Result<Frame, String> {
        let name = name.ok_or("no output is selected for the video track")?;
        let output = self.outputs.iter().find(|output| output.name == name);
        let output = output.ok_or_else(|| format!("the workflow has no output '{name}'"))?;
        match find(output, frame, made)? {
            Found::Image(frame) => Ok(frame.clone()),
            Found::Json(_) => Err(format!("the output '{name}' is no image")),
        }
    }
}

/// The value of an output.
enum Found<'a> {
    Image(&'a Frame),
    Json(&'a Value),
}

fn find<'a>(
    output: &WorkflowOutput,
    frame: &'a Frame,
    made: &'a ProcessorOutputs,
) -> Result<Found<'a>, String> {
    match &output.from {
        OutputSource::Frame => Ok(Found::Image(frame)),
        OutputSource::Processor(name) => match made.get(name) {
            Some(OutputValue::Image(frame)) => Ok(Found::Image(frame)),
            Some(OutputValue::Json(value)) => Ok(Found::Json(value)),
            None => Err(format!("the processor made no output '{name}'")),
        },
    }
}

fn image(
    encoder: &mut jpeg::Encoder,
    frame: &Frame,
    metadata: &VideoMetadata,
    comes_from_file: bool,
) -> OutgoingValue {
    match encoder.encode(frame) {
        Ok(jpeg) => OutgoingValue::Image {
            jpeg: jpeg.into(),
            metadata: json!({
                "video_identifier": "default_source",
                "frame_number": metadata.frame_id,
                "frame_timestamp": metadata.received_at,
                "fps": metadata.declared_fps,
                "measured_fps": metadata.measured_fps,
                "comes_from_video_file": comes_from_file,
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
