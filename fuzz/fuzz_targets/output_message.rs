//! One chunk as it comes from the channel, read down to the last output.
//!
//! Recorded chunks (`in_inference_*.bin`) are inputs as they are.
#![no_main]

use bytes::Bytes;
use libfuzzer_sys::fuzz_target;
use streamsdk_protocol::Limits;
use streamsdk_protocol::chunk::Reassembler;
use streamsdk_protocol::detections::Detections;
use streamsdk_protocol::output::{Output, OutputMessage};

const INFLATED: usize = 1 << 20;

fuzz_target!(|chunk: &[u8]| {
    let limits = Limits { inflated_bytes: INFLATED, ..Limits::default() };
    let message = Reassembler::new(limits).push(Bytes::copy_from_slice(chunk));
    let Ok(Some(message)) = message else { return };
    let plain = message.payload.clone();
    let Ok(message) = OutputMessage::parse(message, &limits) else { return };
    let _ = format!("{message:?}");
    let _ = message.metadata.and_then(|metadata| metadata.seconds());
    for (name, output) in message.outputs.iter().flat_map(|outputs| outputs.iter()) {
        assert!(output.json().len() <= INFLATED.max(plain.len()), "{name}");
        read(output);
    }
});

fn read(output: &Output) {
    let _ = output.serialization_error();
    let _ = output.parse::<Detections>();
    if let Some(image) = output.image() {
        let _ = image.jpeg();
    }
}
