//! What errors say of themselves and of what they came of.
// Clippy takes only functions marked as tests for test code.
#![allow(clippy::unwrap_used)]

use std::error::Error;

use bytes::Bytes;
use streamsdk_protocol::chunk::{ChunkedMessage, Reassembler};
use streamsdk_protocol::control::ControlMessage;
use streamsdk_protocol::output::{OutputError, OutputMessage};
use streamsdk_protocol::upload::{UploadAssembler, UploadPlan};
use streamsdk_protocol::{Limits, Redactor, sdp};

fn read(payload: &'static [u8]) -> OutputError {
    let message = ChunkedMessage { frame_id: 1, payload: Bytes::from_static(payload) };
    OutputMessage::parse(message, &Limits::default(), &Redactor::default()).unwrap_err()
}

#[test]
fn no_error_says_what_its_source_says() {
    let limits = Limits::default();
    let short = Bytes::from_static(b"abc");
    let errors: [(Box<dyn Error>, &str); 7] = [
        (Box::new(ControlMessage::parse("{").unwrap_err()), "EOF while parsing"),
        (Box::new(read(b"{")), "a name is missing"),
        (Box::new(read(&[0x1f, 0x8b, 0])), "its gzip data is broken"),
        (Box::new(Reassembler::new(limits).push(short.clone()).unwrap_err()), "chunk of 3 bytes"),
        (Box::new(UploadAssembler::new(limits).push(short).unwrap_err()), "chunk of 3 bytes"),
        (Box::new(UploadPlan::new(0).unwrap_err()), "the file is empty"),
        (Box::new(sdp::check_offer("nothing").unwrap_err()), "v=0"),
    ];
    for (error, said) in errors {
        assert!(error.to_string().contains(said), "{error}");
        let causes = std::iter::successors(error.source(), |error| (*error).source());
        for cause in causes {
            assert!(!error.to_string().contains(&cause.to_string()), "{error}: {cause}");
        }
    }
}
