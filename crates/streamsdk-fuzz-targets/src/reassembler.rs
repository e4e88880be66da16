//! Chunks of any content and in any order: no panic, no more in flight than allowed.

use crate::structured;
use arbitrary::Arbitrary;
use bytes::{Bytes, BytesMut};
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

const BYTES: usize = 200;
const MESSAGES: usize = 3;

pub(crate) fn run(input: &[u8]) {
    let Some(inputs) = structured::<Vec<Input>>(input) else { return };
    let limits =
        Limits::default().message_bytes(BYTES).message_chunks(20).messages_in_flight(MESSAGES);
    let mut reassembler = Reassembler::new(limits);
    for input in inputs {
        if let Ok(Some(message)) = reassembler.push(chunk(input)) {
            assert!(message.payload.len() <= BYTES);
        }
        assert!(reassembler.in_flight() <= MESSAGES);
    }
}

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
