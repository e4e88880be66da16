//! Frames cut into RTP packets, and put together again.

mod frame_assembler;
mod packetizer;
mod timestamp;

use bytes::Bytes;

pub use frame_assembler::{AssembledFrame, FrameAssembler};
pub use packetizer::Packetizer;
pub use timestamp::TimestampUnwrapper;

use crate::{VideoCodec, h264, vp8};

/// What of an RTP packet belongs to the video.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct RtpPacket<P = Bytes> {
    /// The packet's number, which wraps.
    pub sequence_number: u16,
    /// The frame's time on the sender's clock, [`VIDEO_CLOCK_RATE`](crate::VIDEO_CLOCK_RATE) ticks a
    /// second; it wraps.
    pub timestamp: u32,
    /// Whether it is the last of its frame. Not all senders say so.
    pub marker: bool,
    /// Part of a frame, as its codec's payload format has it. May be empty.
    pub payload: P,
}

/// Whether the payload is the first of a key frame.
fn begins_key_frame(codec: VideoCodec, payload: &[u8]) -> bool {
    match codec {
        VideoCodec::Vp8 => vp8::begins_key_frame(payload),
        VideoCodec::H264 => h264::rtp::begins_key_frame(payload),
    }
}

/// Appends what a payload adds to its frame. `None` if the payload is broken.
fn depacketize(codec: VideoCodec, payload: &[u8], frame: &mut Vec<u8>) -> Option<()> {
    match codec {
        VideoCodec::Vp8 => vp8::depacketize(payload, frame),
        VideoCodec::H264 => h264::rtp::depacketize(payload, frame),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_short_payload_is_taken_or_refused_without_a_panic() {
        for codec in VideoCodec::ALL {
            for first in 0..=255 {
                for rest in [&[][..], &[0], &[0xff], &[0x80, 0xff], &[0xff, 0xff, 0xff, 0xff]] {
                    let payload = [&[first], rest].concat();
                    begins_key_frame(*codec, &payload);
                    let _ = depacketize(*codec, &payload, &mut Vec::new());
                }
            }
        }
    }
}
