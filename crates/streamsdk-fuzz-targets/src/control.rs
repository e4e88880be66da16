//! Control messages: what can be read can be written and read again.

use streamsdk_protocol::control::ControlMessage;

pub(crate) fn run(input: &[u8]) {
    let Ok(text) = str::from_utf8(input) else { return };
    if let Ok(message) = ControlMessage::parse(text) {
        let written = message.to_text();
        let read = ControlMessage::parse(&written);
        assert_eq!(read.ok(), Some(message), "{written}");
    }
}
