//! Control messages: what can be read can be written and read again.
#![no_main]

use libfuzzer_sys::fuzz_target;
use streamsdk_protocol::control::ControlMessage;

fuzz_target!(|text: &str| {
    if let Ok(message) = ControlMessage::parse(text) {
        let written = message.to_text();
        let read = ControlMessage::parse(&written);
        assert_eq!(read.ok(), Some(message), "{written}");
    }
});
