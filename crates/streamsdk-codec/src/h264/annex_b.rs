//! H264 as live receivers want it: behind start codes, with the parameter sets in front of every key
//! frame.

use bytes::Bytes;

use super::{H264Profile, NalKind, append, nal_units, profile};

/// Brings the packets of one stream, as containers and cameras have them, into the form that live
/// receivers want: behind start codes (Annex B), with the parameter sets in front of every key frame.
#[derive(Debug, Clone)]
pub struct AnnexBConverter {
    /// Those that the container has, behind start codes.
    parameters: Vec<u8>,
    /// How many bytes tell a unit's length, where units have lengths instead of start codes.
    length_bytes: Option<usize>,
}

/// What belongs to one frame.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct AccessUnit {
    /// NAL units, each behind a start code.
    pub data: Bytes,
    /// Whether it can be decoded without the frames before it.
    pub key_frame: bool,
}

impl AnnexBConverter {
    /// Takes what the container says about the stream (FFmpeg's `extradata`): a configuration record
    /// (`avcC`, ISO/IEC 14496-15), parameter sets behind start codes, or nothing.
    ///
    /// After a configuration record units have their lengths in front of them. What of it is damaged is
    /// taken for nothing.
    pub fn new(extra_data: &[u8]) -> Self {
        match extra_data.first() {
            Some(1) => Self {
                parameters: configured_parameters(extra_data).unwrap_or_default(),
                length_bytes: Some(extra_data.get(4).map_or(4, |byte| usize::from(byte & 3) + 1)),
            },
            _ => Self { parameters: extra_data.to_vec(), length_bytes: None },
        }
    }

    /// The profile, if the container tells it.
    pub fn profile(&self) -> Option<H264Profile> {
        profile(&self.parameters)
    }

    /// The packet in that form; `None` if there is nothing in it that belongs to a picture. A unit that is
    /// cut off is left out, and what follows it.
    pub fn access_unit(&self, packet: &[u8]) -> Option<AccessUnit> {
        let mut data = match self.length_bytes {
            Some(bytes) => behind_start_codes(packet, bytes),
            None => packet.to_vec(),
        };
        let has = |wanted: fn(NalKind) -> bool| nal_units(&data).map(NalKind::of).any(wanted);
        if !has(NalKind::is_slice) {
            return None;
        }
        let key_frame = has(|kind| kind == NalKind::IDR_SLICE);
        let has_sets = has(|kind| kind == NalKind::SEQUENCE_PARAMETERS)
            && has(|kind| kind == NalKind::PICTURE_PARAMETERS);
        if key_frame && !has_sets {
            data.splice(..0, self.parameters.iter().copied());
        }
        Some(AccessUnit { data: data.into(), key_frame })
    }
}

/// The parameter sets of a configuration record (ISO/IEC 14496-15, 5.3.3.1); `None` if it is cut off.
fn configured_parameters(record: &[u8]) -> Option<Vec<u8>> {
    let mut parameters = Vec::new();
    let mut rest = record.get(5..)?;
    for count_bits in [0x1f, 0xff] {
        let (count, sets) = rest.split_first()?;
        rest = sets;
        for _ in 0..count & count_bits {
            let (length, set) = rest.split_first_chunk()?;
            let (set, after) = set.split_at_checked(usize::from(u16::from_be_bytes(*length)))?;
            append(&mut parameters, set);
            rest = after;
        }
    }
    Some(parameters)
}

/// Units that have their length in front of them. A unit that is cut off ends the packet.
fn behind_start_codes(packet: &[u8], length_bytes: usize) -> Vec<u8> {
    let mut data = Vec::with_capacity(packet.len() + 64);
    let mut rest = packet;
    while let Some((length, after)) = rest.split_at_checked(length_bytes) {
        let length = length.iter().fold(0, |length, byte| length << 8 | usize::from(*byte));
        let Some((unit, after)) = after.split_at_checked(length) else { break };
        append(&mut data, unit);
        rest = after;
    }
    data
}

#[cfg(test)]
mod tests {
    use super::*;

    const SPS: &[u8] = &[0x67, 66, 0xe0, 31];
    const PPS: &[u8] = &[0x68, 0xce];
    const KEY: &[u8] = &[0x65, 1, 2, 3];
    const OTHER: &[u8] = &[0x41, 9];

    fn annex_b(units: &[&[u8]]) -> Vec<u8> {
        let mut data = Vec::new();
        units.iter().for_each(|unit| append(&mut data, unit));
        data
    }

    fn record() -> Vec<u8> {
        [&[1, 66, 0xe0, 31, 0xff, 0xe1, 0, 4], SPS, &[1, 0, 2], PPS].concat()
    }

    fn with_lengths(units: &[&[u8]]) -> Vec<u8> {
        let unit = |unit: &&[u8]| [&(unit.len() as u32).to_be_bytes()[..], unit].concat();
        units.iter().flat_map(unit).collect()
    }

    #[test]
    fn units_with_lengths_get_start_codes_and_key_frames_their_parameters() {
        let converter = AnnexBConverter::new(&record());
        assert_eq!(converter.profile(), Some(H264Profile::Baseline));
        let key = converter.access_unit(&with_lengths(&[KEY])).unwrap();
        assert_eq!((key.data.as_ref(), key.key_frame), (&annex_b(&[SPS, PPS, KEY])[..], true));
        let other = converter.access_unit(&with_lengths(&[OTHER])).unwrap();
        assert_eq!((other.data.as_ref(), other.key_frame), (&annex_b(&[OTHER])[..], false));
    }

    #[test]
    fn parameters_that_are_there_are_not_repeated() {
        let converter = AnnexBConverter::new(&annex_b(&[SPS, PPS]));
        let whole = annex_b(&[SPS, PPS, KEY]);
        assert_eq!(converter.access_unit(&whole).unwrap().data, whole);
        assert_eq!(converter.access_unit(&annex_b(&[KEY])).unwrap().data, whole);
        // One kind alone is of no use.
        let half = converter.access_unit(&annex_b(&[SPS, KEY])).unwrap();
        assert_eq!(half.data, annex_b(&[SPS, PPS, SPS, KEY]));
    }

    #[test]
    fn what_is_no_frame_or_cut_off_is_left_out() {
        let converter = AnnexBConverter::new(&record());
        for packet in [&[][..], &[0, 0], &with_lengths(&[SPS]), &with_lengths(&[KEY])[..7]] {
            assert_eq!(converter.access_unit(packet), None, "{packet:?}");
        }
        for length in 0..record().len() {
            let cut = AnnexBConverter::new(&record()[..length]);
            let key = cut.access_unit(&with_lengths(&[KEY]));
            assert!(key.is_none_or(|key| key.key_frame || key.data.is_empty()));
        }
    }
}
