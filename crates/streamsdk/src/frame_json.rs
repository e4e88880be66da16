//! What the server said about a frame, as one JSON object.

use serde::ser::{Error as _, Serialize, SerializeMap, SerializeStruct, Serializer};
use serde_json::value::RawValue;
use streamsdk_protocol::output::Outputs;

use crate::frame::FrameData;

/// What becomes of images where a frame is written as JSON.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
#[non_exhaustive]
pub enum Images {
    /// They are left out; of lists and objects only the images' base64.
    #[default]
    Off,
    /// They are in it as they came: base64 of JPEG.
    Inline,
}

/// What the server said about a frame, to be written as JSON: an object with `frame_id`, `pts`, `time_base`, `errors` and
/// `outputs`, and with `odd` where something in the message was.
#[derive(Debug, Clone, Copy)]
pub struct FrameJson<'a> {
    data: &'a FrameData,
    images: ImageValues<'a>,
}

#[derive(Debug, Clone, Copy)]
enum ImageValues<'a> {
    Off,
    Inline,
    Urls(&'a [Option<String>]),
}

impl<'a> FrameJson<'a> {
    /// It is written when it is serialized, and not before.
    pub fn new(data: &'a FrameData, images: Images) -> Self {
        let images = match images {
            Images::Off => ImageValues::Off,
            Images::Inline => ImageValues::Inline,
        };
        Self { data, images }
    }

    /// The same with URLs in the place of images, in their order over all outputs ([`Output::all_images`]). An image for which
    /// there is none has no `value`.
    ///
    /// [`Output::all_images`]: crate::Output::all_images
    pub fn with_image_urls(data: &'a FrameData, urls: &'a [Option<String>]) -> Self {
        Self { data, images: ImageValues::Urls(urls) }
    }

    /// The frame that it is about.
    pub fn data(&self) -> &'a FrameData {
        self.data
    }

    /// Writes its fields into an object that has others as well.
    ///
    /// # Errors
    ///
    /// If an output cannot be written as JSON.
    pub fn write_to<S: SerializeStruct>(&self, object: &mut S) -> Result<(), S::Error> {
        let metadata = self.data.metadata();
        object.serialize_field("frame_id", &self.data.frame_id())?;
        object.serialize_field("pts", &metadata.and_then(|metadata| metadata.pts))?;
        object.serialize_field("time_base", &metadata.and_then(|metadata| metadata.time_base))?;
        object.serialize_field("errors", self.data.errors())?;
        let outputs = self.data.outputs().map(|outputs| OutputsJson(outputs, self.images));
        object.serialize_field("outputs", &outputs)?;
        let odd = self.data.odd_fields();
        if !odd.is_empty() {
            let odd: Vec<_> = odd.iter().map(ToString::to_string).collect();
            object.serialize_field("odd", &odd)?;
        }
        Ok(())
    }
}

impl Serialize for FrameJson<'_> {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        let mut object = serializer.serialize_struct("Frame", 6)?;
        self.write_to(&mut object)?;
        object.end()
    }
}

struct OutputsJson<'a>(&'a Outputs, ImageValues<'a>);

impl Serialize for OutputsJson<'_> {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        let mut urls = match self.1 {
            ImageValues::Urls(urls) => urls.iter().cloned(),
            _ => [].iter().cloned(),
        };
        let mut map = serializer.serialize_map(None)?;
        for (name, output) in self.0.iter() {
            let json = match self.1 {
                ImageValues::Inline => Some(output.json().into()),
                ImageValues::Off => output.json_without_images(),
                ImageValues::Urls(_) => Some(output.json_with_image_urls(&mut urls)),
            };
            let Some(json) = json else { continue };
            let json: &RawValue = serde_json::from_str(&json).map_err(S::Error::custom)?;
            map.serialize_entry(name, json)?;
        }
        map.end()
    }
}

#[cfg(test)]
mod tests {
    use streamsdk_protocol::chunk::ChunkedMessage;
    use streamsdk_protocol::output::OutputMessage;
    use streamsdk_protocol::{Limits, Redactor};

    use super::*;

    #[test]
    fn what_is_written_is_json_without_the_base64_of_images() {
        let image = r#"{"type":"base64","value":"/9j/"}"#;
        let payload = format!(
            r#"{{"serialized_output_data":{{"i":{image},"crops":[{image}],"n":NaN,"t":"a\ud83d","odd":[1}}}}}}"#
        );
        let message = ChunkedMessage { frame_id: 1, payload: payload.into() };
        let read = OutputMessage::parse(message, &Limits::default(), &Redactor::default());
        let outputs = read.unwrap().outputs.unwrap();
        assert_eq!(
            serde_json::to_string(&OutputsJson(&outputs, ImageValues::Off)).unwrap(),
            "{\"crops\":[{\"type\":\"base64\"}],\"n\":null,\"t\":\"a\u{fffd}\",\"odd\":null}"
        );
        let urls = ["1", "2"].map(|url| Some(url.to_owned()));
        assert_eq!(
            serde_json::to_string(&OutputsJson(&outputs, ImageValues::Urls(&urls))).unwrap(),
            "{\"i\":{\"type\":\"url\",\"value\":\"1\"},\"crops\":[{\"type\":\"url\",\"value\":\"2\"}],\
             \"n\":null,\"t\":\"a\u{fffd}\",\"odd\":null}"
        );
    }
}
