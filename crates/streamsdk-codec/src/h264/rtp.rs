//! RTP payloads of H264 (RFC 6184, packetization mode 1).

use bytes::{BufMut, Bytes, BytesMut};

use super::{NalKind, append, nal_units};

/// Makes payloads of frames that have start codes.
#[derive(Debug, Default)]
pub(crate) struct Payloader {
    /// Parameter sets, which go with the next unit.
    parameters: Vec<Bytes>,
}

impl Payloader {
    /// Payloads of at most `max_payload` bytes.
    pub(crate) fn payloads(&mut self, max_payload: usize, frame: &Bytes) -> Vec<Bytes> {
        let mut payloads = Vec::new();
        for unit in nal_units(frame) {
            let kind = NalKind::of(unit);
            let unit = frame.slice_ref(unit);
            match kind {
                NalKind::ACCESS_UNIT_DELIMITER | NalKind::FILLER => {}
                NalKind::SEQUENCE_PARAMETERS | NalKind::PICTURE_PARAMETERS => {
                    self.parameters.push(unit);
                }
                _ => {
                    push_stap_a(std::mem::take(&mut self.parameters), max_payload, &mut payloads);
                    push_unit(unit, max_payload, &mut payloads);
                }
            }
        }
        payloads
    }
}

/// In one payload if they fit into it.
fn push_stap_a(sets: Vec<Bytes>, max_payload: usize, payloads: &mut Vec<Bytes>) {
    let length = 1 + sets.iter().map(|set| 2 + set.len()).sum::<usize>();
    if sets.len() < 2 || length > max_payload {
        sets.into_iter().for_each(|set| push_unit(set, max_payload, payloads));
        return;
    }
    let mut payload = BytesMut::with_capacity(length);
    payload.put_u8(MOST_NEEDED | NalKind::STAP_A.0);
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
    let (indicator, kind) = (unit[0] & !NalKind::MASK | NalKind::FU_A.0, NalKind::of(&unit).0);
    let fragments = unit[1..].chunks(max_fragment);
    let last = fragments.len() - 1;
    // All fragments lie in one piece of memory.
    let mut buffer = BytesMut::with_capacity(unit.len() + 2 * fragments.len());
    for (index, data) in fragments.enumerate() {
        let begin = if index == 0 { FRAGMENT_BEGINS } else { 0 };
        let end = if index == last { FRAGMENT_ENDS } else { 0 };
        buffer.put_u8(indicator);
        buffer.put_u8(begin | end | kind);
        buffer.extend_from_slice(data);
        payloads.push(buffer.split().freeze());
    }
}

/// Whether the payload is the first of a key frame.
pub(crate) fn begins_key_frame(payload: &[u8]) -> bool {
    let begins = |kind| matches!(kind, NalKind::SEQUENCE_PARAMETERS | NalKind::IDR_SLICE);
    match NalKind::of(payload) {
        // One length of two bytes, then a unit.
        NalKind::STAP_A => begins(NalKind::of(payload.get(3..).unwrap_or_default())),
        NalKind::FU_A => payload.get(1..).is_some_and(|fragment| {
            fragment.first().is_some_and(|header| header & FRAGMENT_BEGINS != 0)
                && NalKind::of(fragment) == NalKind::IDR_SLICE
        }),
        kind => begins(kind),
    }
}

/// What a payload has of units.
pub(super) enum Part<'a> {
    /// A whole one.
    Unit(&'a [u8]),
    /// The beginning of one: its header, and what follows that.
    Begin(u8, &'a [u8]),
    /// More of the one that has begun.
    Middle(&'a [u8]),
    /// The last of the one that has begun.
    End(&'a [u8]),
}

impl Part<'_> {
    /// Of which kind the unit is, if it begins here.
    pub(super) fn kind(&self) -> Option<NalKind> {
        match self {
            Self::Unit(unit) => Some(NalKind::of(unit)),
            Self::Begin(header, _) => Some(NalKind::of(&[*header])),
            Self::Middle(_) | Self::End(_) => None,
        }
    }

    /// Appends it, with a start code in front where a unit begins.
    pub(super) fn append_to(&self, frame: &mut Vec<u8>) {
        match self {
            Self::Unit(unit) => append(frame, unit),
            Self::Begin(header, data) => {
                append(frame, &[*header]);
                frame.extend_from_slice(data);
            }
            Self::Middle(data) | Self::End(data) => frame.extend_from_slice(data),
        }
    }
}

/// Hands over what a payload has of units. `None` if it is broken.
pub(super) fn parts<'a>(payload: &'a [u8], mut take: impl FnMut(Part<'a>)) -> Option<()> {
    let (&indicator, rest) = payload.split_first()?;
    match NalKind::of(payload) {
        kind if kind.is_nal_unit() => take(Part::Unit(payload)),
        NalKind::STAP_A => {
            let mut rest = rest;
            while let Some((length, after)) = rest.split_first_chunk() {
                let (unit, after) = after.split_at_checked(u16::from_be_bytes(*length).into())?;
                take(Part::Unit(unit));
                rest = after;
            }
            return rest.is_empty().then_some(());
        }
        NalKind::FU_A => {
            let (&header, data) = rest.split_first()?;
            match (header & FRAGMENT_BEGINS != 0, header & FRAGMENT_ENDS != 0) {
                (true, ends) => {
                    take(Part::Begin(indicator & !NalKind::MASK | header & NalKind::MASK, data));
                    if ends {
                        take(Part::End(&[]));
                    }
                }
                (false, true) => take(Part::End(data)),
                (false, false) => take(Part::Middle(data)),
            }
        }
        _ => return None,
    }
    Some(())
}

/// Appends the units of a payload with start codes in front. `None` if the payload is broken.
pub(crate) fn depacketize(payload: &[u8], frame: &mut Vec<u8>) -> Option<()> {
    parts(payload, |part| part.append_to(frame))
}

/// `nal_ref_idc` of parameter sets: nothing is needed more.
const MOST_NEEDED: u8 = 0x60;

/// Bits of a fragment's header.
const FRAGMENT_BEGINS: u8 = 0x80;
const FRAGMENT_ENDS: u8 = 0x40;

#[cfg(test)]
mod tests {
    use super::*;

    const SPS: &[u8] = &[0x67, 66];
    const PPS: &[u8] = &[0x68, 1, 2];

    fn frame(units: &[&[u8]]) -> Bytes {
        units.iter().flat_map(|unit| [&[0, 0, 0, 1], *unit].concat()).collect()
    }

    fn payloads(max_payload: usize, units: &[&[u8]]) -> Vec<Bytes> {
        Payloader::default().payloads(max_payload, &frame(units))
    }

    #[test]
    fn parameter_sets_travel_together_in_front_of_their_picture() {
        let key: &[u8] = &[0x65, 1, 2, 3];
        let together: &[u8] = &[0x78, 0, 2, 0x67, 66, 0, 3, 0x68, 1, 2];
        assert_eq!(payloads(100, &[&[9, 0x10], SPS, PPS, key]), [together, key]);
        assert_eq!(payloads(9, &[SPS, PPS, key]), [SPS, PPS, key], "too long together");
        let mut payloader = Payloader::default();
        assert!(payloader.payloads(100, &frame(&[SPS, PPS])).is_empty());
        assert_eq!(payloader.payloads(100, &frame(&[key])), [together, key]);
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
        assert!(Payloader::default().payloads(100, &Bytes::from_static(b"no")).is_empty());
    }
    #[test]
    fn units_survive_aggregation_and_fragments() {
        let unit =
            |header: u8, length: usize| [&[header], &vec![header | 0x80; length][..]].concat();
        let (sps, pps, idr) = (unit(0x67, 10), unit(0x68, 4), unit(0x65, 5_000));
        let key = frame(&[&sps, &pps, &idr]);
        let other = frame(&[&unit(0x41, 3_000)]);
        let whole = |payloads: &[Bytes]| {
            let mut frame = Vec::new();
            payloads.iter().for_each(|payload| depacketize(payload, &mut frame).unwrap());
            frame
        };
        let mut payloader = Payloader::default();
        let payloads = payloader.payloads(1200, &key);
        assert!(begins_key_frame(&payloads[0]));
        assert_eq!(whole(&payloads), key);
        let payloads = payloader.payloads(1200, &other);
        assert!(!payloads.iter().any(|payload| begins_key_frame(payload)));
        assert_eq!(whole(&payloads), other);
    }
}
