//! One chunk as it comes from the channel, read down to the last output: whatever came, what is given out
//! is JSON.
//!
//! Recorded chunks (`in_inference_*.bin`) are inputs as they are.

use bytes::Bytes;
use serde_json::Value;
use streamsdk_protocol::chunk::Reassembler;
use streamsdk_protocol::output::{Output, OutputMessage};
use streamsdk_protocol::predictions::Predictions;
use streamsdk_protocol::{Limits, Redactor};

const INFLATED: usize = 1 << 20;

pub(crate) fn run(chunk: &[u8]) {
    let limits = Limits::default().inflated_bytes(INFLATED);
    let message = Reassembler::new(limits).push(Bytes::copy_from_slice(chunk));
    let Ok(Some(message)) = message else { return };
    let redactor = Redactor::default();
    let Ok(message) = OutputMessage::parse(message, &limits, &redactor) else { return };
    let _ = (format!("{message:?}"), message.odd.to_string());
    let _ = message.metadata.and_then(|metadata| metadata.seconds());
    for (name, output) in message.outputs.iter().flat_map(|outputs| outputs.iter()) {
        assert!(output.json().len() <= 2 * output.raw().len() + 1_000, "{name}");
        read(output);
    }
}

fn read(output: &Output) {
    assert!(output.parse::<Value>().is_ok(), "{:?}", output.raw());
    let without_images = output.json_without_images();
    assert!(without_images.is_none_or(|json| serde_json::from_str::<Value>(&json).is_ok()));
    let with_urls = output.json_with_image_urls(std::iter::repeat_n(Some("u".to_owned()), 3));
    assert!(serde_json::from_str::<Value>(&with_urls).is_ok());
    let _ = output.serialization_error();
    assert!(output.parse::<Predictions>().is_ok());
    let alone = output.image().into_iter().chain(output.images().unwrap_or_default());
    alone.chain(output.all_images()).for_each(|image| drop(image.jpeg()));
}
