//! Parts of an upload of any content and in any order: no panic, bounds kept, parts in order.

use crate::structured;
use arbitrary::Arbitrary;
use bytes::Bytes;
use streamsdk_protocol::upload::{UploadAssembler, UploadEvent};
use streamsdk_protocol::{Limits, MAX_CHUNK_PAYLOAD};

#[derive(Debug, Arbitrary)]
enum Input {
    /// The total that the upload began with, mostly.
    Likely {
        index: u8,
        payload: Vec<u8>,
    },
    Numbered {
        index: u32,
        total: u32,
        payload: Vec<u8>,
    },
    Raw(Vec<u8>),
}

const FILE: u64 = 16 * MAX_CHUNK_PAYLOAD as u64;
const WAITING: usize = 100;

pub(crate) fn run(input: &[u8]) {
    let Some(inputs) = structured::<(u8, Vec<Input>)>(input) else { return };
    let (total, inputs) = inputs;
    let limits = Limits::default().upload_bytes(FILE).upload_reorder_bytes(WAITING);
    let mut upload = UploadAssembler::new(limits);
    let mut handed_out = 0;
    for input in inputs {
        match upload.push(message(input, total.into())) {
            Ok(UploadEvent::Next(parts)) => {
                assert!(!parts.is_empty());
                handed_out += parts.iter().map(|part| part.len() as u64).sum::<u64>();
            }
            Ok(UploadEvent::Ping | UploadEvent::Waiting) => {}
            Err(_) => return,
        }
        assert!(upload.received_bytes() <= FILE);
        assert!(upload.received_bytes() - handed_out <= WAITING as u64);
        assert!(!upload.is_complete() || upload.received_bytes() == handed_out);
    }
}

fn message(input: Input, likely_total: u32) -> Bytes {
    let (index, total, payload) = match input {
        Input::Likely { index, payload } => (index.into(), likely_total, payload),
        Input::Numbered { index, total, payload } => (index, total, payload),
        Input::Raw(bytes) => return bytes.into(),
    };
    [&index.to_le_bytes()[..], &total.to_le_bytes()[..], &payload].concat().into()
}
