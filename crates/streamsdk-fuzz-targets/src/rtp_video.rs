//! Packets of any content, in any order, and frames through packets: no panic, no frame that is empty or
//! comes twice, and what was cut is put together again.

use std::time::Instant;

use crate::structured;
use arbitrary::Arbitrary;
use streamsdk_codec::VideoCodec;
use streamsdk_codec::rtp::{FrameAssembler, Packetizer, RtpPacket};

#[derive(Debug, Arbitrary)]
enum Step {
    /// Small numbers, so that packets meet in the same frame.
    Packet {
        sequence_number: u8,
        timestamp: u8,
        marker: bool,
        payload: Vec<u8>,
    },
    /// A frame's packets, all of them or but one.
    Frame {
        data: Vec<u8>,
        lost: Option<u8>,
    },
    GiveUp,
}

pub(crate) fn run(input: &[u8]) {
    let Some(input) = structured::<(bool, u8, Vec<Step>)>(input) else { return };
    let (is_h264, max_payload, steps) = input;
    let codec = if is_h264 { VideoCodec::H264 } else { VideoCodec::Vp8 };
    let mut packetizer = Packetizer::new(codec, max_payload.into()).starting_at(250, 0);
    let mut assembler = FrameAssembler::new(codec);
    let now = Instant::now();
    let mut time = 0;
    for step in steps {
        match step {
            Step::Packet { sequence_number, timestamp, marker, payload } => assembler.push(
                RtpPacket {
                    sequence_number: sequence_number.into(),
                    timestamp: timestamp.into(),
                    marker,
                    payload: payload.into(),
                },
                now,
            ),
            Step::Frame { data, lost } => {
                time += 3000;
                let packets = packetizer.packetize(time, &data.into());
                for (index, packet) in packets.into_iter().enumerate() {
                    if lost.map(usize::from) != Some(index) {
                        assembler.push(packet, now);
                    }
                }
            }
            Step::GiveUp => assembler.give_up(),
        }
        while let Some(frame) = assembler.next_frame(now) {
            assert!(!frame.data.is_empty());
        }
        let (expected, missing) = assembler.packets();
        assert!(missing <= expected);
    }
}
