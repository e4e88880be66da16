//! Chunks of any content and in any order: no panic, no more in flight than allowed.
#![no_main]

use bytes::{Bytes, BytesMut};
use libfuzzer_sys::arbitrary::{self, Arbitrary};
use libfuzzer_sys::fuzz_target;
use streamsdk_protocol::Limits;
use streamsdk_protocol::chunk::{ChunkHeader, Reassembler};

#[derive(Debug, Arbitrary)]
enum Input {
    /// Small numbers, so that chunks meet in the same message.
    Likely {
        frame_id: u8,
        index: u8,
        total: u8,
        payload: Vec<u8>,
    },
    Raw(Vec<u8>),
}

fuzz_target!(|inputs: Vec<Input>| {
    let limits = Limits {
        message_bytes: 200,
        message_chunks: 20,
        messages_in_flight: 3,
        ..Limits::default()
    };
    let mut reassembler = Reassembler::new(limits);
    for input in inputs {
        if let Ok(Some(message)) = reassembler.push(chunk(input)) {
            assert!(message.payload.len() <= limits.message_bytes);
        }
        assert!(reassembler.in_flight() <= limits.messages_in_flight);
    }
});

fn chunk(input: Input) -> Bytes {
    match input {
        Input::Likely { frame_id, index, total, payload } => {
            let (frame_id, index, total) = (frame_id.into(), index.into(), total.into());
            let mut chunk = BytesMut::new();
            ChunkHeader { frame_id, index, total }.write(&mut chunk);
            chunk.extend_from_slice(&payload);
            chunk.freeze()
        }
        Input::Raw(bytes) => bytes.into(),
    }
}
