//! Access units out of RTP packets that come in order, as over one connection.

use std::collections::VecDeque;
use std::mem;

use super::rtp::{Part, parts};
use super::{AccessUnit, NalKind, append, nal_units};
use crate::rtp::RtpPacket;

/// Puts the access units of one stream together from RTP packets that come in the order in which they were sent.
///
/// What is missing is not waited for, since it will not come. A unit that has no end is kept for as long as it grows: how
/// much is pushed has to be limited elsewhere. A unit of which a part is missing is left out. Every key
/// frame has parameter sets in front: the newest that there were, if it has none of its own, or not of both kinds.
#[derive(Debug)]
pub struct AccessUnitAssembler {
    parameters: ParameterSets,
    /// The number of the packet that comes next.
    next: Option<u16>,
    pending: Pending,
    /// Whether the packet that has a marker is the last of its unit, as is due.
    has_honest_markers: bool,
    /// The time of the unit that came last.
    last: Option<u32>,
    has_gap: bool,
    left_out: u64,
    ready: VecDeque<AssembledUnit>,
}

/// A whole access unit.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct AssembledUnit {
    /// What is in it.
    pub unit: AccessUnit,
    /// Its time on the sender's clock; it wraps.
    pub timestamp: u32,
    /// Whether packets are missing between the unit before this one and it.
    pub follows_gap: bool,
    /// Of how many units a part came, but not all, since the one before.
    pub left_out: u64,
}

/// The sets that came last, behind start codes.
#[derive(Debug, Default)]
struct ParameterSets {
    sequence: Vec<u8>,
    picture: Vec<u8>,
}

/// The access unit that is being put together.
#[derive(Debug, Default)]
struct Pending {
    timestamp: u32,
    data: Vec<u8>,
    has_packets: bool,
    has_slices: bool,
    is_key_frame: bool,
    has_sequence_parameters: bool,
    has_picture_parameters: bool,
    /// Whether the last that came is a unit that has not ended.
    is_amid_unit: bool,
    is_broken: bool,
}

impl AccessUnitAssembler {
    /// For a stream of which nothing has come yet. `parameters` are its parameter sets behind start codes, as far as
    /// they are known.
    pub fn new(parameters: &[u8]) -> Self {
        Self {
            parameters: ParameterSets::of(parameters),
            next: None,
            pending: Pending::default(),
            has_honest_markers: true,
            last: None,
            has_gap: false,
            left_out: 0,
            ready: VecDeque::new(),
        }
    }

    /// The newest parameter sets, behind start codes; empty if there were none.
    pub fn parameters(&self) -> Vec<u8> {
        self.parameters.all()
    }

    /// Whether there were any that say what the pictures are.
    pub fn has_parameters(&self) -> bool {
        !self.parameters.sequence.is_empty()
    }

    /// Whether a packet has come.
    pub fn has_packets(&self) -> bool {
        self.next.is_some()
    }

    /// Takes the next packet.
    pub fn push(&mut self, packet: &RtpPacket<&[u8]>) {
        let follows_gap = self.next.is_some_and(|next| next != packet.sequence_number);
        self.next = Some(packet.sequence_number.wrapping_add(1));
        self.has_gap |= follows_gap;
        self.pending.is_broken |= follows_gap && self.pending.has_packets;
        if self.pending.has_packets && self.pending.timestamp != packet.timestamp {
            self.end_unit();
        }
        self.take(packet);
        if packet.marker && self.has_honest_markers && self.pending.has_slices {
            self.end_unit();
        }
    }

    /// The next unit that is whole. To be called until there is none.
    pub fn next_unit(&mut self) -> Option<AssembledUnit> {
        self.ready.pop_front()
    }

    fn take(&mut self, packet: &RtpPacket<&[u8]>) {
        let Self { pending, parameters, .. } = self;
        pending.has_packets = true;
        pending.timestamp = packet.timestamp;
        // Without anything in it, it is padding or only a marker.
        if packet.payload.is_empty() {
            return;
        }
        let mut misses_beginning = false;
        let read = parts(packet.payload, |part| {
            misses_beginning |= !pending.has_slices && is_later_slice(&part);
            pending.take(&part, parameters);
        });
        pending.is_broken |= read.is_none();
        if misses_beginning {
            let is_rest = !self.has_gap && self.last == Some(packet.timestamp);
            match is_rest {
                true => self.has_honest_markers = false,
                false => pending.is_broken = true,
            }
        }
    }

    fn end_unit(&mut self) {
        let unit = self.pending.take_unit();
        if unit.is_broken || unit.is_amid_unit {
            self.has_gap = true;
            self.left_out += 1;
            return;
        }
        if !unit.has_slices {
            return;
        }
        let Pending { mut data, timestamp, is_key_frame: key_frame, .. } = unit;
        if key_frame && !(unit.has_sequence_parameters && unit.has_picture_parameters) {
            data.splice(..0, self.parameters.all());
        }
        self.last = Some(timestamp);
        self.ready.push_back(AssembledUnit {
            unit: AccessUnit { data: data.into(), key_frame },
            timestamp,
            follows_gap: mem::take(&mut self.has_gap),
            left_out: mem::take(&mut self.left_out),
        });
    }
}

impl ParameterSets {
    fn of(data: &[u8]) -> Self {
        let mut sets = Self::default();
        for unit in nal_units(data) {
            match NalKind::of(unit) {
                NalKind::SEQUENCE_PARAMETERS => append(&mut sets.sequence, unit),
                NalKind::PICTURE_PARAMETERS => append(&mut sets.picture, unit),
                _ => {}
            }
        }
        sets
    }

    fn all(&self) -> Vec<u8> {
        [&self.sequence[..], &self.picture].concat()
    }
}

impl Pending {
    /// Takes what a packet has, and keeps the parameter sets in it.
    fn take(&mut self, part: &Part<'_>, parameters: &mut ParameterSets) {
        let begins = !matches!(part, Part::Middle(_) | Part::End(_));
        self.is_broken |= begins == self.is_amid_unit;
        self.is_amid_unit = matches!(part, Part::Begin(..) | Part::Middle(_));
        part.append_to(&mut self.data);
        let kind = part.kind();
        self.has_slices |= kind.is_some_and(NalKind::is_slice);
        self.is_key_frame |= kind == Some(NalKind::IDR_SLICE);
        let Part::Unit(unit) = part else { return };
        // The first of a unit take the place of those of the unit before.
        let (sets, has_some) = match kind {
            Some(NalKind::SEQUENCE_PARAMETERS) => {
                (&mut parameters.sequence, &mut self.has_sequence_parameters)
            }
            Some(NalKind::PICTURE_PARAMETERS) => {
                (&mut parameters.picture, &mut self.has_picture_parameters)
            }
            _ => return,
        };
        if !mem::replace(has_some, true) {
            sets.clear();
        }
        append(sets, unit);
    }

    /// What there is, with room left for as much again.
    fn take_unit(&mut self) -> Self {
        let data = Vec::with_capacity(self.data.len());
        mem::replace(self, Self { data, ..Self::default() })
    }
}

/// Whether it is of a picture, and not of its beginning.
fn is_later_slice(part: &Part<'_>) -> bool {
    let body = match part {
        Part::Unit(unit) => unit.get(1),
        Part::Begin(_, data) => data.first(),
        Part::Middle(_) | Part::End(_) => None,
    };
    // The number of its first macroblock comes first: a single bit if it is 0.
    part.kind().is_some_and(NalKind::has_macroblock_number)
        && body.is_none_or(|byte| byte & 0x80 == 0)
}

#[cfg(test)]
mod tests {
    use super::*;

    const SPS: &[u8] = &[0x67, 66, 0xe0, 31];
    const PPS: &[u8] = &[0x68, 0xce];
    /// The first slice of a key frame, and of another, and a later one of each.
    const KEY: &[u8] = &[0x65, 0x88, 2, 3];
    const OTHER: &[u8] = &[0x41, 0x9a, 7];
    const MORE_KEY: &[u8] = &[0x65, 0x48, 4];
    const MORE: &[u8] = &[0x41, 0x58, 8];

    /// A packet by its time, whether it has a marker, and what is in it.
    type Sent<'a> = (u32, bool, &'a [u8]);

    fn annex_b(units: &[&[u8]]) -> Vec<u8> {
        let mut data = Vec::new();
        units.iter().for_each(|unit| append(&mut data, unit));
        data
    }

    /// The units of these packets, without those of the numbers in `lost`.
    fn assemble(parameters: &[u8], packets: &[Sent<'_>], lost: &[usize]) -> Vec<AssembledUnit> {
        let mut assembler = AccessUnitAssembler::new(parameters);
        let mut units = Vec::new();
        for (index, &(timestamp, marker, payload)) in packets.iter().enumerate() {
            let sequence_number = (index as u16).wrapping_sub(2);
            if !lost.contains(&index) {
                assembler.push(&RtpPacket { sequence_number, timestamp, marker, payload });
            }
            units.extend(std::iter::from_fn(|| assembler.next_unit()));
        }
        units
    }

    fn contents(units: &[AssembledUnit]) -> Vec<(u32, Vec<u8>)> {
        units.iter().map(|unit| (unit.timestamp, unit.unit.data.to_vec())).collect()
    }

    #[test]
    fn a_unit_ends_at_its_marker_or_where_the_next_begins() {
        let sets = annex_b(&[SPS, PPS]);
        for markers in [true, false] {
            let packets =
                [(0, markers, KEY), (9, false, OTHER), (9, markers, MORE), (18, markers, OTHER)];
            let units = contents(&assemble(&sets, &packets, &[]));
            let expected = [
                (0, annex_b(&[SPS, PPS, KEY])),
                (9, annex_b(&[OTHER, MORE])),
                (18, annex_b(&[OTHER])),
            ];
            // Without markers the last may go on.
            assert_eq!(units, expected[..if markers { 3 } else { 2 }]);
        }
    }

    #[test]
    fn markers_on_every_slice_are_not_believed_for_long() {
        let frame = |time| [(time, true, OTHER), (time, true, MORE), (time, true, MORE)];
        let packets = [frame(0), frame(9), frame(18), frame(27)].concat();
        let whole = annex_b(&[OTHER, MORE, MORE]);
        let units = contents(&assemble(&[], &packets, &[]));
        assert_eq!(units[0], (0, annex_b(&[OTHER])));
        assert_eq!(units[1], (0, annex_b(&[MORE, MORE])));
        assert_eq!(units[2..], [(9, whole.clone()), (18, whole)]);
    }

    #[test]
    fn a_clock_that_stands_still_joins_no_units() {
        let packets = [(0, true, KEY), (0, true, OTHER), (0, true, OTHER)];
        assert_eq!(assemble(&[], &packets, &[]).len(), 3);
    }

    #[test]
    fn the_newest_parameter_sets_go_with_a_key_frame_that_has_none() {
        let (sps, pps): (&[u8], &[u8]) = (&[0x67, 66, 0xe0, 40], &[0x68, 0xcf]);
        let packets = [
            (0, true, KEY),
            (9, true, sps),
            (9, true, pps),
            (9, true, OTHER),
            (18, true, KEY),
            (27, false, SPS),
            (27, true, KEY),
        ];
        let units = contents(&assemble(&annex_b(&[SPS, PPS]), &packets, &[]));
        let expected = [
            (0, annex_b(&[SPS, PPS, KEY])),
            (9, annex_b(&[sps, pps, OTHER])),
            (18, annex_b(&[sps, pps, KEY])),
            (27, annex_b(&[SPS, pps, SPS, KEY])),
        ];
        assert_eq!(units, expected);
    }

    #[test]
    fn units_of_which_a_part_is_missing_are_left_out_and_counted() {
        let begin: &[u8] = &[0x5c, 0x81, 0x9a, 1];
        let (middle, end): (&[u8], &[u8]) = (&[0x5c, 0x01, 2], &[0x5c, 0x41, 3]);
        let packets = [
            (0, true, KEY),
            (9, false, begin),
            (9, false, middle),
            (9, true, end),
            (18, false, OTHER),
            (18, true, MORE),
            (27, true, OTHER),
            (36, true, OTHER),
        ];
        let cut = annex_b(&[&[0x41, 0x9a, 1, 2, 3]]);
        assert_eq!(contents(&assemble(&[], &packets, &[]))[1], (9, cut));
        for (lost, times, left_out) in [
            (&[1][..], &[0, 18, 27, 36][..], 1),
            (&[2], &[0, 18, 27, 36], 1),
            (&[3], &[0, 18, 27, 36], 1),
            (&[4], &[0, 9, 27, 36], 1),
            (&[5], &[0, 9, 27, 36], 1),
            (&[3, 4], &[0, 27, 36], 2),
            // Nothing came of it.
            (&[6], &[0, 9, 18, 36], 0),
            (&[0], &[9, 18, 27, 36], 0),
        ] {
            let units = assemble(&[], &packets, lost);
            let came: Vec<_> = units.iter().map(|unit| unit.timestamp).collect();
            assert_eq!(came, times, "without {lost:?}");
            assert_eq!(units.iter().map(|unit| unit.left_out).sum::<u64>(), left_out, "{lost:?}");
            let gaps = units.iter().filter(|unit| unit.follows_gap).count();
            assert_eq!(gaps, usize::from(lost != [0]), "{lost:?}");
        }
    }

    #[test]
    fn a_stream_that_begins_amid_a_picture_begins_with_the_next() {
        let middle: &[u8] = &[0x5c, 0x01, 2];
        for first in [MORE, MORE_KEY, middle, &[0x41], &[25, 1, 2], &[0x78, 0, 9, 1]] {
            let packets = [(0, true, first), (9, true, OTHER)];
            let units = assemble(&[], &packets, &[]);
            assert_eq!(units.last().unwrap().timestamp, 9, "{first:?}");
            assert_eq!(units.len(), 1, "{first:?}");
        }
    }
}
