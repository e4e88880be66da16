//! VP8: the first bytes of a frame (RFC 6386, section 9.1), and its RTP payloads (RFC 7741).

use bytes::{BufMut, Bytes, BytesMut};

use crate::{BitstreamError, FrameContent, FrameInfo, VideoCodec};

/// Tells key frames from others, and the size in a key frame.
pub(crate) fn inspect(data: &[u8]) -> Result<FrameInfo, BitstreamError> {
    match *data {
        [tag, _, _, ..] if !is_key_frame(tag) => {
            Ok(FrameInfo { content: FrameContent::OtherFrame, size: None })
        }
        [_, _, _, 0x9d, 0x01, 0x2a, w0, w1, h0, h1, ..] => {
            // The upper two bits ask for scaling, which receivers may ignore.
            let side = |low, high| u32::from(u16::from_le_bytes([low, high]) & 0x3fff);
            let whole = |side: u32| side.next_multiple_of(16);
            let size = (whole(side(w0, w1)), whole(side(h0, h1)));
            Ok(FrameInfo { content: FrameContent::KeyFrame, size: Some(size) })
        }
        _ => Err(BitstreamError::Corrupt {
            codec: VideoCodec::Vp8,
            reason: format!("no frame header in {} bytes", data.len()),
        }),
    }
}

fn is_key_frame(first_byte: u8) -> bool {
    first_byte & 1 == 0
}

/// Cuts a frame into payloads of at most `max_payload` bytes, each behind a descriptor of one byte.
pub(crate) fn payloads(max_payload: usize, frame: &[u8]) -> Vec<Bytes> {
    let max_part = max_payload.saturating_sub(1).max(1);
    let parts = frame.chunks(max_part);
    // All payloads lie in one piece of memory.
    let mut buffer = BytesMut::with_capacity(frame.len() + parts.len());
    let mut payloads = Vec::with_capacity(parts.len());
    for (index, part) in parts.enumerate() {
        buffer.put_u8(if index == 0 { START_OF_PARTITION } else { 0 });
        buffer.extend_from_slice(part);
        payloads.push(buffer.split().freeze());
    }
    payloads
}

/// Whether the payload is the first of a key frame.
pub(crate) fn begins_key_frame(payload: &[u8]) -> bool {
    split_payload(payload)
        .is_some_and(|(first, data)| first && data.first().is_some_and(|&tag| is_key_frame(tag)))
}

/// Appends what a payload adds to its frame. `None` if the payload is broken.
pub(crate) fn depacketize(payload: &[u8], frame: &mut Vec<u8>) -> Option<()> {
    frame.extend_from_slice(split_payload(payload)?.1);
    Some(())
}

/// Whether a payload is the first of its frame, and what follows its descriptor.
fn split_payload(payload: &[u8]) -> Option<(bool, &[u8])> {
    let (&flags, mut rest) = payload.split_first()?;
    let first = flags & START_OF_PARTITION != 0 && flags & PARTITION_INDEX == 0;
    if flags & EXTENDED != 0 {
        let (&extension, after) = rest.split_first()?;
        rest = after;
        if extension & HAS_PICTURE_ID != 0 {
            let long = *rest.first()? & LONG_PICTURE_ID != 0;
            rest = rest.get(if long { 2 } else { 1 }..)?;
        }
        let others = [HAS_TL0PICIDX, HAS_TID_OR_KEYIDX];
        let others = others.iter().filter(|bits| extension & **bits != 0).count();
        rest = rest.get(others..)?;
    }
    (!rest.is_empty()).then_some((first, rest))
}

/// Bits of a descriptor's first byte.
const EXTENDED: u8 = 0x80;
const START_OF_PARTITION: u8 = 0x10;
const PARTITION_INDEX: u8 = 0x0f;

/// Bits of its second byte, if it has one: what follows.
const HAS_PICTURE_ID: u8 = 0x80;
const HAS_TL0PICIDX: u8 = 0x40;
const HAS_TID_OR_KEYIDX: u8 = 0x30;

/// The picture's number has 15 bits rather than 7.
const LONG_PICTURE_ID: u8 = 0x80;

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_frame_survives_any_packet_size_down_to_its_last_byte() {
        let frame: Vec<u8> = (0..200).map(|n| n & !1).collect();
        for max_payload in 2..210 {
            let payloads = payloads(max_payload, &frame);
            assert!(payloads.iter().all(|payload| payload.len() <= max_payload));
            assert!(begins_key_frame(&payloads[0]));
            assert!(!payloads[1..].iter().any(|payload| begins_key_frame(payload)));
            let mut whole = Vec::new();
            payloads.iter().for_each(|payload| depacketize(payload, &mut whole).unwrap());
            assert_eq!(whole, frame, "{max_payload}");
        }
    }

    #[test]
    fn descriptors_of_every_length_are_passed_over() {
        let data = |payload: &'static [u8]| split_payload(payload);
        assert_eq!(data(&[0x10, 9]), Some((true, &[9][..])));
        assert_eq!(data(&[0x90, 0x80, 0x7f, 9]), Some((true, &[9][..])));
        assert_eq!(data(&[0x90, 0xf0, 0xff, 0xff, 1, 2, 9]), Some((true, &[9][..])));
        assert_eq!(data(&[0x80, 0x20, 1, 9]), Some((false, &[9][..])));
        for broken in [&[][..], &[0x10], &[0x90], &[0x90, 0x80], &[0x90, 0x80, 0xff, 1]] {
            assert_eq!(data(broken), None, "{broken:?}");
        }
    }

    #[test]
    fn the_size_is_in_whole_macroblocks() {
        let key = [0, 0, 0, 0x9d, 0x01, 0x2a, 0x81, 0x42, 17, 0];
        let info = FrameInfo { content: FrameContent::KeyFrame, size: Some((656, 32)) };
        assert_eq!(inspect(&key), Ok(info));
        let other = FrameInfo { content: FrameContent::OtherFrame, size: None };
        assert_eq!(inspect(&[1, 0, 0]), Ok(other));
        assert!(inspect(&key[..9]).is_err() && inspect(&[1]).is_err());
    }
}
