//! The headers of a track's packets, made after one of the engine's.

use super::super::feedback::ntp_now;

/// The part that every header has.
pub(super) const HEADER_SIZE: usize = 12;
/// An extension with the time at which a packet leaves, and nothing else (RFC 8285): one element of three bytes.
const STAMP_BLOCK: usize = 8;
const ONE_BYTE_ELEMENTS: [u8; 4] = [0xbe, 0xde, 0, 1];
const THREE_BYTES: u8 = 2;

const VERSION: u8 = 0x80;
const HAS_EXTENSION: u8 = 0x10;
const MARKER: u8 = 0x80;

/// What all headers of a track have in common.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) struct HeaderTemplate {
    bytes: [u8; HEADER_SIZE + STAMP_BLOCK],
    length: usize,
}

impl HeaderTemplate {
    /// After a header of the engine's. `None` if it has something that is not known here.
    pub(super) fn of(header: &[u8]) -> Option<Self> {
        let (fixed, extension) = header.split_first_chunk::<HEADER_SIZE>()?;
        let is_known = match fixed[0] {
            VERSION => extension.is_empty(),
            with if with == VERSION | HAS_EXTENSION => {
                extension.len() == STAMP_BLOCK
                    && extension.starts_with(&ONE_BYTE_ELEMENTS)
                    && extension[4] & 0x0f == THREE_BYTES
            }
            _ => false,
        };
        let mut bytes = [0; HEADER_SIZE + STAMP_BLOCK];
        bytes.get_mut(..header.len())?.copy_from_slice(header);
        is_known.then_some(Self { bytes, length: header.len() })
    }

    pub(super) fn length(&self) -> usize {
        self.length
    }

    /// Appends the header of a packet that leaves now.
    pub(super) fn append(&self, buffer: &mut Vec<u8>, number: u16, timestamp: u32, marker: bool) {
        let mut bytes = self.bytes;
        bytes[1] = bytes[1] & !MARKER | if marker { MARKER } else { 0 };
        bytes[2..4].copy_from_slice(&number.to_be_bytes());
        bytes[4..8].copy_from_slice(&timestamp.to_be_bytes());
        // 24 bits: six of seconds, eighteen of fraction.
        let stamp = ((ntp_now() >> 14) as u32).to_be_bytes();
        bytes[HEADER_SIZE + 5..].copy_from_slice(&stamp[1..]);
        buffer.extend_from_slice(&bytes[..self.length]);
    }
}

/// Whether a packet, or what is authenticated of it, is RTP, and not RTCP (RFC 5761, 4).
pub(super) fn is_rtp(packet: &[u8]) -> bool {
    is_media(packet) && packet.len() >= HEADER_SIZE && !(64..96).contains(&(packet[1] & 0x7f))
}

/// Whether a packet is RTP or RTCP (RFC 7983).
pub(super) fn is_media(packet: &[u8]) -> bool {
    packet.first().is_some_and(|first| first >> 6 == 2)
}

pub(super) fn sequence_number(header: &[u8]) -> Option<u16> {
    Some(u16::from_be_bytes(*header.get(2..)?.first_chunk()?))
}

pub(super) fn ssrc(header: &[u8]) -> Option<u32> {
    Some(u32::from_be_bytes(*header.get(8..)?.first_chunk()?))
}

#[cfg(test)]
mod tests {
    use super::*;

    const FIXED: [u8; HEADER_SIZE] = [0x80, 0x60, 1, 2, 3, 4, 5, 6, 7, 8, 9, 10];

    fn with_extension(extension: &[u8]) -> Vec<u8> {
        let mut header = [&FIXED[..], extension].concat();
        header[0] |= HAS_EXTENSION;
        header
    }

    #[test]
    fn headers_are_made_after_one_that_was_seen() {
        let stamped = with_extension(&[0xbe, 0xde, 0, 1, 0x32, 0, 0, 0]);
        for seen in [&FIXED[..], &stamped] {
            let template = HeaderTemplate::of(seen).unwrap();
            let mut header = Vec::new();
            template.append(&mut header, 0xa0b0, 0xc0d0_e0f0, true);
            assert_eq!(header.len(), seen.len());
            assert_eq!(header[..2], [seen[0], 0xe0]);
            assert_eq!(header[2..8], [0xa0, 0xb0, 0xc0, 0xd0, 0xe0, 0xf0]);
            assert_eq!(header[8..12], seen[8..12]);
            if seen.len() > HEADER_SIZE {
                assert_eq!(header[12..17], seen[12..17]);
                assert_ne!(header[17..], [0, 0, 0]);
            }
        }
    }

    #[test]
    fn what_is_not_known_is_nothing_to_be_made_after() {
        let two = [0xbe, 0xde, 0, 2, 0x32, 0, 0, 0, 0x10, 1, 0, 0];
        for seen in [
            &FIXED[..11],
            &[&FIXED[..], &[0; 8]].concat(),
            &with_extension(&two),
            &with_extension(&[0xbe, 0xde, 0, 1, 0x31, 0, 0, 0]),
            &with_extension(&[0x10, 0, 0, 1, 0x32, 0, 0, 0]),
            &[&[0x81], &FIXED[1..]].concat(),
        ] {
            assert_eq!(HeaderTemplate::of(seen), None, "{seen:?}");
        }
    }

    #[test]
    fn reports_and_records_are_no_packets_of_a_track() {
        let mut report = FIXED;
        report[1] = 200;
        let mut record = FIXED;
        record[0] = 23;
        let is = |packet: &[u8]| (is_media(packet), is_rtp(packet));
        assert_eq!([is(&FIXED), is(&report)], [(true, true), (true, false)]);
        assert_eq!(
            [is(&record), is(&FIXED[..4]), is(&[])],
            [(false, false), (true, false), (false, false)]
        );
        assert_eq!((sequence_number(&FIXED), ssrc(&FIXED)), (Some(0x102), Some(0x0708_090a)));
    }
}
