//! What comes between answers: RTP and RTCP (RFC 3550).

use streamsdk_codec::rtp::RtpPacket;

/// An RTP packet, and what its payload is.
pub(crate) struct ReceivedPacket<'a> {
    pub(crate) payload_type: u8,
    pub(crate) packet: RtpPacket<&'a [u8]>,
}

impl<'a> ReceivedPacket<'a> {
    /// `None` if it is none.
    pub(crate) fn parse(data: &'a [u8]) -> Option<Self> {
        let (header, rest) = data.split_first_chunk::<HEADER_SIZE>()?;
        let [first, second, n1, n2, t1, t2, t3, t4, ..] = *header;
        if first >> 6 != VERSION {
            return None;
        }
        let sources = usize::from(first & 0x0f) * 4;
        let mut payload = rest.get(sources..)?;
        if first & HAS_EXTENSION != 0 {
            let (extension, after) = payload.split_first_chunk::<4>()?;
            let words = u16::from_be_bytes([extension[2], extension[3]]);
            payload = after.get(usize::from(words) * 4..)?;
        }
        if first & HAS_PADDING != 0 {
            let padding = usize::from(*payload.last()?);
            payload = payload.get(..payload.len().checked_sub(padding)?)?;
        }
        let packet = RtpPacket {
            sequence_number: u16::from_be_bytes([n1, n2]),
            timestamp: u32::from_be_bytes([t1, t2, t3, t4]),
            marker: second & 0x80 != 0,
            payload,
        };
        Some(Self { payload_type: second & 0x7f, packet })
    }
}

/// Whether the sender says goodbye in a compound packet of RTCP.
pub(crate) fn says_goodbye(mut data: &[u8]) -> bool {
    while let Some((&[first, kind, n1, n2], rest)) = data.split_first_chunk::<4>() {
        if first >> 6 != VERSION {
            return false;
        }
        if kind == GOODBYE {
            return true;
        }
        data = rest.get(usize::from(u16::from_be_bytes([n1, n2])) * 4..).unwrap_or_default();
    }
    false
}

const HEADER_SIZE: usize = 12;
const VERSION: u8 = 2;
const HAS_PADDING: u8 = 0x20;
const HAS_EXTENSION: u8 = 0x10;
const GOODBYE: u8 = 203;

#[cfg(test)]
mod tests {
    use super::*;

    /// A packet that begins with that byte, and what follows the fixed part of its header.
    fn packet(first: u8, rest: &[u8]) -> Vec<u8> {
        [&[first, 0xe0, 1, 2, 0, 0, 3, 4, 9, 9, 9, 9], rest].concat()
    }

    #[test]
    fn a_payload_is_what_is_left_of_sources_extensions_and_padding() {
        for (first, rest) in [
            (0x80, &[7, 8][..]),
            (0x81, &[1, 1, 1, 1, 7, 8]),
            (0x90, &[0xbe, 0xde, 0, 1, 5, 5, 5, 5, 7, 8]),
            (0xa0, &[7, 8, 0, 0, 3]),
            (0xb1, &[1, 1, 1, 1, 0xbe, 0xde, 0, 0, 7, 8, 1]),
        ] {
            let data = packet(first, rest);
            let read = ReceivedPacket::parse(&data).unwrap();
            let expected = RtpPacket {
                sequence_number: 0x102,
                timestamp: 0x304,
                marker: true,
                payload: &[7, 8][..],
            };
            assert_eq!((read.payload_type, read.packet), (96, expected), "{first:x}");
        }
    }

    #[test]
    fn what_is_cut_off_or_no_rtp_is_none() {
        for (first, rest) in [
            (0x40, &[7][..]),
            (0x8f, &[7]),
            (0x90, &[0, 0, 0]),
            (0x90, &[0, 0, 0, 9]),
            (0xa0, &[9]),
        ] {
            assert!(ReceivedPacket::parse(&packet(first, rest)).is_none(), "{first:x}");
        }
        assert!(ReceivedPacket::parse(&packet(0xa0, &[])).is_none());
        assert!(ReceivedPacket::parse(&packet(0x80, &[])[..11]).is_none());
    }

    #[test]
    fn a_goodbye_may_follow_a_report() {
        let report = [0x80, 200, 0, 1, 0, 0, 0, 7];
        let goodbye = [0x81, 203, 0, 1, 0, 0, 0, 7];
        assert!(says_goodbye(&[report, goodbye].concat()));
        assert!(
            !says_goodbye(&report) && !says_goodbye(&[0x80, 200, 9, 9, 203]) && !says_goodbye(&[])
        );
        assert!(!says_goodbye(&[0, 203, 0, 0]));
    }
}
