//! RTP payloads of H264 (RFC 6184, packetization mode 1).

use bytes::{BufMut, Bytes, BytesMut};
use memchr::memmem;
use rtc::rtp::packetizer::Payloader;
use rtc::shared::error::Result;

use super::depacketize::{NAL_FU_A, NAL_PPS, NAL_SPS, NAL_STAP_A};

const NAL_AUD: u8 = 9;
const NAL_FILLER: u8 = 12;
const NAL_TYPE_MASK: u8 = 0x1f;
/// A unit with all of it set is needed most, as parameter sets are.
const NAL_REF_IDC_MASK: u8 = 0x60;
const START_CODE: [u8; 3] = [0, 0, 1];

/// Makes payloads of frames that have start codes. Unlike the engine's it does not look at them byte by
/// byte.
#[derive(Debug, Clone, Default)]
pub(super) struct H264Payloader {
    /// Parameter sets, which go with the next unit.
    parameters: Vec<Bytes>,
}

impl Payloader for H264Payloader {
    fn payload(&mut self, max_payload: usize, frame: &Bytes) -> Result<Vec<Bytes>> {
        let mut payloads = Vec::new();
        for unit in nal_units(frame) {
            match unit[0] & NAL_TYPE_MASK {
                NAL_AUD | NAL_FILLER => {}
                NAL_SPS | NAL_PPS => self.parameters.push(unit),
                _ => {
                    push_stap_a(std::mem::take(&mut self.parameters), max_payload, &mut payloads);
                    push_unit(unit, max_payload, &mut payloads);
                }
            }
        }
        Ok(payloads)
    }

    fn clone_to(&self) -> Box<dyn Payloader> {
        Box::new(self.clone())
    }
}

/// What is behind each start code, without the zeros that may follow; never empty.
fn nal_units(frame: &Bytes) -> impl Iterator<Item = Bytes> {
    let mut starts = memmem::find_iter(frame, &START_CODE).peekable();
    std::iter::from_fn(move || {
        let start = starts.next()? + START_CODE.len();
        let unit = &frame[start..starts.peek().copied().unwrap_or(frame.len())];
        let zeros = unit.iter().rev().take_while(|byte| **byte == 0).count();
        Some(frame.slice(start..start + unit.len() - zeros))
    })
    .filter(|unit| !unit.is_empty())
}

/// In one payload if they fit into it.
fn push_stap_a(sets: Vec<Bytes>, max_payload: usize, payloads: &mut Vec<Bytes>) {
    let length = 1 + sets.iter().map(|set| 2 + set.len()).sum::<usize>();
    if sets.len() < 2 || length > max_payload {
        sets.into_iter().for_each(|set| push_unit(set, max_payload, payloads));
        return;
    }
    let mut payload = BytesMut::with_capacity(length);
    payload.put_u8(NAL_REF_IDC_MASK | NAL_STAP_A);
    for set in sets {
        // It is shorter than a payload.
        payload.put_u16(set.len() as u16);
        payload.extend_from_slice(&set);
    }
    payloads.push(payload.freeze());
}

/// In as many payloads as it takes.
fn push_unit(unit: Bytes, max_payload: usize, payloads: &mut Vec<Bytes>) {
    let max_fragment = max_payload.saturating_sub(2);
    if unit.len() <= max_payload || max_fragment == 0 {
        payloads.push(unit);
        return;
    }
    let (header, kind) = (unit[0] & !NAL_TYPE_MASK, unit[0] & NAL_TYPE_MASK);
    let fragments = unit[1..].chunks(max_fragment);
    let last = fragments.len() - 1;
    for (index, data) in fragments.enumerate() {
        let ends = [(index == 0, 0x80), (index == last, 0x40)];
        let ends = ends.map(|(is_there, bit)| if is_there { bit } else { 0 });
        let mut payload = BytesMut::with_capacity(2 + data.len());
        payload.put_u8(header | NAL_FU_A);
        payload.put_u8(ends[0] | ends[1] | kind);
        payload.extend_from_slice(data);
        payloads.push(payload.freeze());
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const SPS: &[u8] = &[0x67, 66];
    const PPS: &[u8] = &[0x68, 1, 2];

    fn frame(units: &[&[u8]]) -> Bytes {
        units.iter().flat_map(|unit| [&[0, 0, 0, 1], *unit].concat()).collect()
    }

    fn payloads(max_payload: usize, units: &[&[u8]]) -> Vec<Bytes> {
        H264Payloader::default().payload(max_payload, &frame(units)).unwrap()
    }

    #[test]
    fn parameter_sets_travel_together_in_front_of_their_picture() {
        let key: &[u8] = &[0x65, 1, 2, 3];
        let together: &[u8] = &[0x78, 0, 2, 0x67, 66, 0, 3, 0x68, 1, 2];
        assert_eq!(payloads(100, &[&[9, 0x10], SPS, PPS, key]), [together, key]);
        assert_eq!(payloads(9, &[SPS, PPS, key]), [SPS, PPS, key], "too long together");
        let mut payloader = H264Payloader::default();
        assert!(payloader.payload(100, &frame(&[SPS, PPS])).unwrap().is_empty());
        assert_eq!(payloader.payload(100, &frame(&[key])).unwrap(), [together, key]);
    }

    #[test]
    fn a_unit_that_is_too_long_is_cut_and_its_ends_are_marked() {
        let unit: &[u8] = &[0x41, 1, 2, 3, 4, 5];
        assert_eq!(payloads(6, &[unit]), [unit]);
        let cut: [&[u8]; 3] = [&[0x5c, 0x81, 1, 2], &[0x5c, 0x01, 3, 4], &[0x5c, 0x41, 5]];
        assert_eq!(payloads(4, &[unit]), cut);
    }

    #[test]
    fn what_is_no_unit_is_left_out() {
        assert!(payloads(100, &[&[12, 0xff], &[]]).is_empty());
        assert!(
            H264Payloader::default().payload(100, &Bytes::from_static(b"no")).unwrap().is_empty()
        );
    }
}
