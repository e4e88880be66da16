//! RTP payloads: what they hold and where frames begin.

use bytes::Bytes;

use super::VideoCodec;

const NAL_IDR: u8 = 5;
pub(super) const NAL_SPS: u8 = 7;
pub(super) const NAL_PPS: u8 = 8;
pub(super) const NAL_STAP_A: u8 = 24;
pub(super) const NAL_FU_A: u8 = 28;
const START_CODE: [u8; 4] = [0, 0, 0, 1];

/// Whether the payload is the first of a key frame.
pub(super) fn begins_key_frame(codec: VideoCodec, payload: &[u8]) -> bool {
    match codec {
        VideoCodec::Vp8 => vp8_data(payload).is_some_and(|(first, data)| {
            first && data.first().is_some_and(|header| header & 1 == 0)
        }),
        VideoCodec::H264 => h264_begins_key_frame(payload),
    }
}

fn h264_begins_key_frame(payload: &[u8]) -> bool {
    let kind = |byte: Option<&u8>| byte.map_or(0, |byte| byte & 0x1f);
    match kind(payload.first()) {
        NAL_SPS | NAL_IDR => true,
        // One length of two bytes, then a unit.
        NAL_STAP_A => matches!(kind(payload.get(3)), NAL_SPS | NAL_IDR),
        NAL_FU_A => payload.get(1).is_some_and(|fu| fu & 0x80 != 0 && fu & 0x1f == NAL_IDR),
        _ => false,
    }
}

/// Appends what a payload adds to its frame. `None` if the payload is broken.
pub(super) fn depacketize(codec: VideoCodec, payload: &Bytes, frame: &mut Vec<u8>) -> Option<()> {
    match codec {
        VideoCodec::Vp8 => frame.extend_from_slice(vp8_data(payload)?.1),
        VideoCodec::H264 => return depacketize_h264(payload, frame),
    }
    Some(())
}

/// Whether a VP8 payload is the first of its frame, and what follows its descriptor (RFC 7741).
fn vp8_data(payload: &[u8]) -> Option<(bool, &[u8])> {
    let (&flags, mut rest) = payload.split_first()?;
    let first = flags & 0x10 != 0 && flags & 0x0f == 0;
    if flags & 0x80 != 0 {
        let (&extension, after) = rest.split_first()?;
        rest = after;
        if extension & 0x80 != 0 {
            let long = *rest.first()? & 0x80 != 0;
            rest = rest.get(if long { 2 } else { 1 }..)?;
        }
        let others = usize::from(extension & 0x40 != 0) + usize::from(extension & 0x30 != 0);
        rest = rest.get(others..)?;
    }
    (!rest.is_empty()).then_some((first, rest))
}

/// Appends the units of a payload with start codes in front (RFC 6184, packetization mode 1).
fn depacketize_h264(payload: &[u8], frame: &mut Vec<u8>) -> Option<()> {
    let (&header, rest) = payload.split_first()?;
    match header & 0x1f {
        1..=23 => {
            frame.extend_from_slice(&START_CODE);
            frame.extend_from_slice(payload);
        }
        NAL_STAP_A => {
            let mut rest = rest;
            while !rest.is_empty() {
                let len = usize::from(u16::from_be_bytes(*rest.first_chunk()?));
                frame.extend_from_slice(&START_CODE);
                frame.extend_from_slice(rest.get(2..2 + len)?);
                rest = &rest[2 + len..];
            }
        }
        NAL_FU_A => {
            let (&fu, data) = rest.split_first()?;
            if fu & 0x80 != 0 {
                frame.extend_from_slice(&START_CODE);
                frame.push(header & 0xe0 | fu & 0x1f);
            }
            frame.extend_from_slice(data);
        }
        _ => return None,
    }
    Some(())
}

#[cfg(test)]
mod tests {
    use super::*;

    fn frame_of(codec: VideoCodec, payloads: &[Bytes]) -> Option<Vec<u8>> {
        let mut frame = Vec::new();
        payloads.iter().try_for_each(|payload| depacketize(codec, payload, &mut frame))?;
        Some(frame)
    }

    #[test]
    fn a_vp8_frame_survives_any_packet_size_down_to_its_last_byte() {
        let frame: Vec<u8> = (0..200).map(|n| n & !1).collect();
        for mtu in 2..210 {
            let payloads = VideoCodec::Vp8.payloader().payload(mtu, &frame.clone().into()).unwrap();
            assert!(begins_key_frame(VideoCodec::Vp8, &payloads[0]));
            assert!(payloads[1..].iter().all(|p| !begins_key_frame(VideoCodec::Vp8, p)));
            assert_eq!(frame_of(VideoCodec::Vp8, &payloads).as_ref(), Some(&frame), "{mtu}");
        }
    }

    #[test]
    fn h264_units_survive_aggregation_and_fragments() {
        let unit = |header: u8, len: usize| {
            [&START_CODE[..], &[header], &vec![header | 0x80; len]].concat()
        };
        let key = [unit(0x67, 10), unit(0x68, 4), unit(0x65, 5_000)].concat();
        let other = unit(0x41, 3_000);
        let mut payloader = VideoCodec::H264.payloader();
        let payloads = payloader.payload(1200, &key.clone().into()).unwrap();
        assert!(begins_key_frame(VideoCodec::H264, &payloads[0]));
        assert_eq!(frame_of(VideoCodec::H264, &payloads), Some(key));
        let payloads = payloader.payload(1200, &other.clone().into()).unwrap();
        assert!(payloads.iter().all(|p| !begins_key_frame(VideoCodec::H264, p)));
        assert_eq!(frame_of(VideoCodec::H264, &payloads), Some(other));
    }

    #[test]
    fn every_short_payload_is_taken_or_refused_without_a_panic() {
        for codec in [VideoCodec::Vp8, VideoCodec::H264] {
            for first in 0..=255 {
                for rest in [&[][..], &[0], &[0xff], &[0x80, 0xff], &[0xff, 0xff, 0xff, 0xff]] {
                    let payload = Bytes::from([&[first], rest].concat());
                    begins_key_frame(codec, &payload);
                    let _ = depacketize(codec, &payload, &mut Vec::new());
                }
            }
        }
    }
}
