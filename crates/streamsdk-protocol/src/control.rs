//! Control messages: JSON text from the client on the inference channel.

use serde::{Deserialize, Serialize};
use thiserror::Error;

/// One message from the client.
///
/// A message may carry several fields; the real server looks at each by itself.
#[derive(Debug, Clone, Default, PartialEq, Eq, Deserialize, Serialize)]
pub struct ControlMessage {
    /// Every frame up to this one has a place that cannot be lost.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub ack: Option<u32>,
    /// New outputs for the video track; only a session that began with one can change them.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub stream_output: Option<Vec<String>>,
    /// New outputs for data messages.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub data_output: Option<Vec<String>>,
}

impl ControlMessage {
    /// Acknowledges every frame up to `frame_id`.
    pub fn ack(frame_id: u32) -> Self {
        Self { ack: Some(frame_id), ..Self::default() }
    }

    /// Selects the outputs for data messages.
    pub fn data_output(names: Vec<String>) -> Self {
        Self { data_output: Some(names), ..Self::default() }
    }

    /// Selects the outputs for the video track.
    pub fn stream_output(names: Vec<String>) -> Self {
        Self { stream_output: Some(names), ..Self::default() }
    }

    /// The text to send, spaced as the Python SDK spaces it.
    pub fn to_text(&self) -> String {
        let ack = self.ack.map(|id| format!("\"ack\": {id}"));
        let stream = self.stream_output.as_ref().map(|n| format!("\"stream_output\": {}", list(n)));
        let data = self.data_output.as_ref().map(|n| format!("\"data_output\": {}", list(n)));
        let fields: Vec<String> = [ack, stream, data].into_iter().flatten().collect();
        format!("{{{}}}", fields.join(", "))
    }

    /// Reads a message. Fields that are not known are ignored.
    ///
    /// # Errors
    ///
    /// If it is no JSON object, or a field has another type.
    pub fn parse(text: &str) -> Result<Self, MalformedControl> {
        serde_json::from_str(text).map_err(MalformedControl)
    }
}

fn list(names: &[String]) -> String {
    let quoted: Vec<String> =
        names.iter().map(|name| serde_json::Value::from(name.as_str()).to_string()).collect();
    format!("[{}]", quoted.join(", "))
}

/// Text that is not a control message.
#[derive(Debug, Error)]
#[error("not a control message: {0}")]
pub struct MalformedControl(serde_json::Error);

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn texts_are_those_of_the_python_sdk() {
        assert_eq!(ControlMessage::ack(10).to_text(), r#"{"ack": 10}"#);
        let both = ControlMessage {
            stream_output: Some(vec!["image".into()]),
            data_output: Some(vec!["a".into(), "b\"c".into()]),
            ack: None,
        };
        assert_eq!(both.to_text(), r#"{"stream_output": ["image"], "data_output": ["a", "b\"c"]}"#);
    }

    #[test]
    fn what_is_written_is_read_back_and_strange_fields_pass() {
        let message = ControlMessage::data_output(vec!["*".into()]);
        assert_eq!(ControlMessage::parse(&message.to_text()).unwrap(), message);
        assert_eq!(ControlMessage::parse(r#"{"x": 1}"#).unwrap(), ControlMessage::default());
    }

    #[test]
    fn garbage_is_an_error() {
        for text in ["", "7", r#"{"ack": -1}"#, r#"{"ack": 4294967296}"#, r#"{"data_output": 3}"#] {
            assert!(ControlMessage::parse(text).is_err(), "{text}");
        }
    }
}
