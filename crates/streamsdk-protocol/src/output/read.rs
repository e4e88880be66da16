use std::borrow::Cow;
use std::fmt;

use bytes::Bytes;
use serde::de::DeserializeOwned;
use thiserror::Error;

use super::image::{self, EncodedImage};
use super::mend::mend;
use super::odd::or_odd;
use super::outline::{Member, elements, members};
use super::{OddFields, Oddity, SERIALIZATION_ERROR, VideoMetadata, metadata, string};
use crate::chunk::ChunkedMessage;
use crate::{Limits, Redactor, gzip};

/// Most texts about one frame that are kept.
const MAX_TEXTS: usize = 100;
/// Most outputs of one message that are read.
const MAX_OUTPUTS: usize = 4_096;

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
    /// What went wrong with this frame, in the server's words. At most 100 texts.
    pub errors: Vec<String>,
    /// Whether the stream ends here. Such a message is about no frame.
    pub processing_complete: bool,
    /// Why the server ended the stream, when it says so (`timeout_reached`).
    pub termination_reason: Option<String>,
    /// What was wrong with the message, field by field; mostly nothing.
    pub odd: OddFields,
    /// Of the JSON that outputs are slices of.
    json_bytes: usize,
}

impl OutputMessage {
    /// Reads a reassembled message, compressed or not.
    ///
    /// The texts in it that are for people, the errors and the reason for the end, come without what
    /// `redactor` knows, cleaned and shortened ([`Redactor::text`]). Outputs come as they are.
    ///
    /// # Errors
    ///
    /// [`OutputError`] only where the message as a whole cannot be read: too large, cut off, no JSON
    /// object. A field that is odd is noted in [`OutputMessage::odd`].
    pub fn parse(
        message: ChunkedMessage,
        limits: &Limits,
        redactor: &Redactor,
    ) -> Result<Self, OutputError> {
        let ChunkedMessage { frame_id, payload } = message;
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
        Self::read(frame_id, &json, redactor).map_err(OutputError::Json)
    }

    /// Reads a message that came as text, without chunks and their header: the number of its frame is what
    /// [`OutputMessage::metadata`] says, and 0 where that says none.
    ///
    /// # Errors
    ///
    /// As of [`OutputMessage::parse`].
    pub fn parse_text(
        text: impl Into<Bytes>,
        limits: &Limits,
        redactor: &Redactor,
    ) -> Result<Self, OutputError> {
        let text = text.into();
        if text.len() > limits.inflated_bytes {
            return Err(OutputError::TooLarge { limit: limits.inflated_bytes });
        }
        let message = Self::read(0, &text, redactor).map_err(OutputError::Json)?;
        let frame_id = message.metadata.as_ref().map_or(0, |metadata| metadata.frame_id);
        Ok(Self { frame_id, ..message })
    }

    /// Bytes that are held for as long as the message is, about: those that outputs are slices of, names, and texts.
    pub fn held_bytes(&self) -> usize {
        let outputs = self.outputs.as_ref().map_or(0, Outputs::held_bytes);
        let texts = self.errors.iter().chain(&self.termination_reason);
        let texts: usize = texts.map(|text| text.len() + size_of::<String>()).sum();
        self.json_bytes + outputs + texts
    }

    fn read(frame_id: u32, json: &Bytes, redactor: &Redactor) -> Result<Self, serde_json::Error> {
        let mut message = Self { frame_id, json_bytes: json.len(), ..Self::default() };
        for member in members(json) {
            let Member { name, value, .. } = member?;
            let odd = &mut message.odd;
            match &*name {
                "serialized_output_data" => message.outputs = Outputs::read(value, json, odd),
                "video_metadata" => message.metadata = metadata::read(value, frame_id, odd),
                "errors" => message.errors = texts(&name, value, redactor, odd),
                "processing_complete" => {
                    message.processing_complete = or_odd(&name, value, odd).unwrap_or_default();
                }
                "termination_reason" => {
                    message.termination_reason = texts(&name, value, redactor, odd).pop();
                }
                _ => {}
            }
        }
        Ok(message)
    }
}

/// The text or the texts that `value` is, fit for people. What is none is shown as it is written.
fn texts(name: &str, value: &[u8], redactor: &Redactor, odd: &mut OddFields) -> Vec<String> {
    if matches!(value, b"null" | b"[]") {
        return Vec::new();
    }
    let mended = mend(value, name, odd);
    let value = mended.as_deref().unwrap_or(value);
    let mut texts: Vec<String> = match value.first() {
        Some(b'[') => elements(value).take(MAX_TEXTS).collect::<Vec<_>>(),
        _ => vec![value],
    }
    .into_iter()
    .filter(|text| *text != b"null")
    .map(|text| match text {
        [b'"', inside @ .., b'"'] => redactor.text(&string::read(inside).0),
        other => {
            odd.add(|| name.to_owned(), Oddity::of(other));
            redactor.text(&String::from_utf8_lossy(other))
        }
    })
    .collect();
    let left_out = elements(value).skip(MAX_TEXTS).count();
    if left_out > 0 {
        texts.push(format!("… ({left_out} errors more)"));
    }
    texts
}

/// The outputs of one message by name, in the server's order. Cloning is cheap.
#[derive(Debug, Clone, Default)]
pub struct Outputs {
    entries: Vec<(String, Output)>,
}

impl Outputs {
    /// `None` where the server wrote null. `json` is the message that `value` is a part of.
    fn read(value: &[u8], json: &Bytes, odd: &mut OddFields) -> Option<Self> {
        const FIELD: &str = "serialized_output_data";
        if value == b"null" {
            return None;
        }
        if !value.starts_with(b"{") {
            odd.add(|| FIELD.to_owned(), Oddity::of(value));
            return None;
        }
        let mut outputs = Self::default();
        for member in members(value) {
            let Ok(member) = member else {
                odd.add(|| FIELD.to_owned(), Oddity::Malformed);
                break;
            };
            if outputs.len() == MAX_OUTPUTS {
                odd.add(|| FIELD.to_owned(), Oddity::TooMany);
                break;
            }
            outputs.insert(member, json, odd);
        }
        Some(outputs)
    }

    fn insert(&mut self, member: Member<'_>, json: &Bytes, odd: &mut OddFields) {
        let Member { name, name_is_valid, value } = member;
        if !name_is_valid {
            odd.add(|| name.to_string(), Oddity::Text);
        }
        let output = Output::read(&name, value, json, odd);
        match self.entries.iter_mut().find(|(known, _)| *known == name) {
            Some((_, known)) => {
                odd.add(|| name.into_owned(), Oddity::Duplicate);
                *known = output;
            }
            None => self.entries.push((name.into_owned(), output)),
        }
    }

    /// The image called `name`: an output that is an image, the first image of an output that is a list of
    /// them, or with an index behind its name (`crops[2]`) another image of the list.
    ///
    /// Returns its full name as well, which has the index of an image in a list.
    pub fn image(&self, name: &str) -> Option<(String, EncodedImage)> {
        let (output, list, place) = match self.get(name) {
            Some(output) => (output, name, 0),
            None => {
                let (list, place) = image::split_index(name)?;
                (self.get(list)?, list, place)
            }
        };
        match output.image().filter(|_| list == name) {
            Some(image) => Some((name.to_owned(), image)),
            None => Some((format!("{list}[{place}]"), output.images()?.into_iter().nth(place)?)),
        }
    }

    /// The output called `name`.
    pub fn get(&self, name: &str) -> Option<&Output> {
        self.iter().find_map(|(known, output)| (known == name).then_some(output))
    }

    /// All outputs in the server's order.
    pub fn iter(&self) -> impl Iterator<Item = (&str, &Output)> {
        self.entries.iter().map(|(name, output)| (name.as_str(), output))
    }

    /// What they take besides the message that they are slices of.
    fn held_bytes(&self) -> usize {
        let of_each = self.entries.iter().map(|(name, output)| {
            let mended = if output.is_mended() { output.json.len() } else { 0 };
            name.len() + mended + size_of::<(String, Output)>()
        });
        of_each.sum()
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
    /// Valid JSON.
    json: Bytes,
    raw: Bytes,
}

impl Output {
    fn read(name: &str, value: &[u8], message: &Bytes, odd: &mut OddFields) -> Self {
        let raw = message.slice_ref(value);
        let json = mend(value, name, odd).map_or_else(|| raw.clone(), Bytes::from);
        let output = Self { json, raw };
        if let Some(why) = output.serialization_error() {
            odd.add(|| name.to_owned(), Oddity::failed(&why));
        }
        output
    }

    fn is_mended(&self) -> bool {
        self.json.as_ptr() != self.raw.as_ptr()
    }

    /// The output as JSON text, which is always valid: what the server wrote, with null for what is not
    /// JSON, and U+FFFD for what is not Unicode.
    pub fn json(&self) -> &str {
        std::str::from_utf8(&self.json).unwrap_or_default()
    }

    /// The output exactly as the server wrote it, whatever that is.
    pub fn raw(&self) -> &Bytes {
        &self.raw
    }

    /// Parses the output.
    ///
    /// # Errors
    ///
    /// [`OutputError::Json`] when it is of another shape than `T`.
    pub fn parse<T: DeserializeOwned>(&self) -> Result<T, OutputError> {
        serde_json::from_slice(&self.json).map_err(OutputError::Json)
    }

    /// The output as an image, if it is one. Nothing is decoded.
    pub fn image(&self) -> Option<EncodedImage> {
        image::read(&self.json, &self.json)
    }

    /// The output's images in their order, if it is a list of nothing but images. Nothing is decoded.
    pub fn images(&self) -> Option<Vec<EncodedImage>> {
        if !self.json.starts_with(b"[") {
            return None;
        }
        let images: Option<Vec<_>> =
            elements(&self.json).map(|element| image::read(element, &self.json)).collect();
        images.filter(|images| !images.is_empty())
    }

    /// All images in the output in their order, at whatever depth. Nothing is decoded.
    pub fn all_images(&self) -> Vec<EncodedImage> {
        image::all(&self.json)
    }

    /// The output as JSON text with URLs in the place of the images' base64, in the order of [`Output::all_images`]: an image
    /// is an object with the type `url` then. One for which there is no URL has no `value`.
    pub fn json_with_image_urls(
        &self,
        urls: impl IntoIterator<Item = Option<String>>,
    ) -> Cow<'_, str> {
        image::with_urls(&self.json, &mut urls.into_iter())
    }

    /// The output as JSON text without the base64 of images: `None` for an image, and for a list or an
    /// object that has some, each without its `value`.
    pub fn json_without_images(&self) -> Option<Cow<'_, str>> {
        image::without_images(&self.json)
    }

    /// What the server says if it could not serialise this output.
    pub fn serialization_error(&self) -> Option<String> {
        let may_be = self.json.starts_with(b"{") && self.json.len() <= 64 << 10;
        if !may_be || memchr::memmem::find(&self.json, SERIALIZATION_ERROR.as_bytes()).is_none() {
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
        const MAX_SHOWN_BYTES: usize = 200;
        let json = self.json();
        match json.char_indices().nth(MAX_SHOWN_BYTES) {
            Some((end, _)) => write!(f, "{}… ({} bytes)", &json[..end], json.len()),
            None => f.write_str(json),
        }
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
    Json(serde_json::Error),
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
        let message =
            ChunkedMessage { frame_id: 5, payload: Bytes::copy_from_slice(json.as_bytes()) };
        OutputMessage::parse(message, &Limits::default(), &Redactor::default())
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
    fn one_odd_number_loses_only_itself() {
        let text = r#"{"serialized_output_data":{"p":{"a":1,"speed":NaN},"n":Infinity,"c":2},"video_metadata":{"frame_id":5,"declared_fps":NaN},"errors":[],"processing_complete":false}"#;
        let message = parse(text).unwrap();
        let outputs = message.outputs.unwrap();
        let json: Vec<_> = outputs.iter().map(|(name, output)| (name, output.json())).collect();
        assert_eq!(json, [("p", r#"{"a":1,"speed":null}"#), ("n", "null"), ("c", "2")]);
        assert_eq!(outputs.get("p").unwrap().raw(), &r#"{"a":1,"speed":NaN}"#);
        assert_eq!(message.metadata.unwrap().frame_id, 5);
        assert_eq!(message.odd.count(), 3);
        assert_eq!(
            message.odd.to_string(),
            "p.speed is not a finite number; n is not a finite number; \
             video_metadata.declared_fps is not a finite number"
        );
    }

    #[test]
    fn outputs_of_the_wrong_shape_do_not_cost_the_message() {
        for (outputs, names, said) in [
            ("[1]", None, "serialized_output_data cannot be [1]"),
            ("\"x\"", None, "serialized_output_data cannot be \"x\""),
            (r#"{"a":1,"b" 2}"#, Some(vec!["a"]), "serialized_output_data is not JSON"),
            (r#"{"a":[1},"b":2}"#, Some(vec!["a", "b"]), "a is not JSON"),
            (r#"{"a":1,"a":2}"#, Some(vec!["a"]), "a is there twice"),
            (r#"{"\ud83d":1}"#, Some(vec!["\u{fffd}"]), "\u{fffd} is not a valid text"),
        ] {
            let message =
                parse(&format!(r#"{{"serialized_output_data":{outputs},"errors":["e"]}}"#));
            let message = message.unwrap();
            let found = message.outputs.as_ref();
            let found = found.map(|found| found.iter().map(|(name, _)| name).collect::<Vec<_>>());
            assert_eq!((found, message.odd.to_string()), (names, said.to_owned()), "{outputs}");
            assert_eq!(message.errors, ["e"], "{outputs}");
        }
        let twice = parse(r#"{"serialized_output_data":{"a":1,"a":2}}"#).unwrap().outputs.unwrap();
        assert_eq!(twice.get("a").unwrap().json(), "2");
        let many: String = (0..10_000).map(|n| format!("\"{n}\":1,")).collect();
        let many = parse(&format!(r#"{{"serialized_output_data":{{{many}"x":1}}}}"#)).unwrap();
        assert_eq!(many.outputs.unwrap().len(), MAX_OUTPUTS);
        assert_eq!(many.odd.to_string(), "serialized_output_data has too many members");
    }

    #[test]
    fn texts_for_people_are_clean_short_and_without_secrets() {
        let redactor = Redactor::default().url("rtsp://me:s3cret@cam");
        let read = |errors: &str| {
            let json = format!(r#"{{"errors":{errors},"termination_reason":"a\nb"}}"#);
            let message = ChunkedMessage { frame_id: 1, payload: json.into() };
            OutputMessage::parse(message, &Limits::default(), &redactor).unwrap()
        };
        let message = read(r#"["\u001b[31mcannot open rtsp://me:s3cret@cam", "x\ud83d", null]"#);
        assert_eq!(message.errors, ["[31mcannot open rtsp://[redacted]@cam", "x\u{fffd}"]);
        assert_eq!(message.termination_reason.as_deref(), Some("a b"));
        assert_eq!(read("\"alone\"").errors, ["alone"]);
        let message = read(r#"[{"why":NaN},"b"]"#);
        assert_eq!(message.errors, [r#"{"why":null}"#, "b"]);
        assert_eq!(message.odd.count(), 2);
        let huge = read(&format!("[\"{}\"]", "x".repeat(5 << 20)));
        assert!(huge.errors[0].len() < 1_100, "{}", huge.errors[0].len());
        let many = read(&format!("[{}\"x\"]", "\"x\",".repeat(500)));
        assert_eq!((many.errors.len(), &*many.errors[100]), (101, "… (401 errors more)"));
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
        assert_eq!(parse(json).unwrap().odd.to_string(), "a could not be serialised: no");
        assert_eq!(outputs.get("b").unwrap().serialization_error(), None);
    }

    #[test]
    fn json_nested_a_million_deep_neither_overflows_nor_panics() {
        let deep = format!("{}{}", "[".repeat(1_000_000), "]".repeat(1_000_000));
        let inside = format!(r#"{{"serialized_output_data":{{"a":{deep}}}}}"#);
        let message = parse(&inside).unwrap();
        let outputs = message.outputs.unwrap();
        assert!(outputs.get("a").unwrap().parse::<serde_json::Value>().is_ok());
        assert!(message.odd.to_string().ends_with("is nested too deeply"));
        assert!(parse(&deep).is_err());
    }

    #[test]
    fn a_message_that_comes_as_text_says_itself_which_frame_it_is_about() {
        let read = |text: &str, limits: &Limits| {
            OutputMessage::parse_text(text.to_owned(), limits, &Redactor::default())
        };
        let text = r#"{"video_metadata":{"frame_id":7},"serialized_output_data":{"n":3}}"#;
        let message = read(text, &Limits::default()).unwrap();
        assert_eq!(message.frame_id, 7);
        assert_eq!(message.outputs.unwrap().get("n").unwrap().parse::<u8>().unwrap(), 3);
        let about_none = read(r#"{"processing_complete":true}"#, &Limits::default()).unwrap();
        assert!(about_none.processing_complete && about_none.frame_id == 0);
        for garbage in ["", "hello", "[1]", r#"{"a""#] {
            let error = read(garbage, &Limits::default()).unwrap_err();
            assert!(matches!(error, OutputError::Json(_)), "{garbage:?}: {error}");
        }
        let limit = text.len() - 1;
        let error = read(text, &Limits::default().inflated_bytes(limit)).unwrap_err();
        assert!(matches!(error, OutputError::TooLarge { limit: known } if known == limit));
    }

    #[test]
    fn a_bomb_is_refused() {
        let message = ChunkedMessage { frame_id: 1, payload: deflate(&vec![b' '; 8 << 20]).into() };
        let limits = Limits::default().inflated_bytes(1 << 20);
        assert!(matches!(
            OutputMessage::parse(message, &limits, &Redactor::default()),
            Err(OutputError::TooLarge { limit }) if limit == 1 << 20
        ));
    }

    #[test]
    fn debug_of_a_large_output_is_short() {
        let json = format!(r#"{{"serialized_output_data":{{"a":"{}"}}}}"#, "x".repeat(10_000));
        assert!(format!("{:?}", parse(&json).unwrap()).len() < 1_000);
    }
}
