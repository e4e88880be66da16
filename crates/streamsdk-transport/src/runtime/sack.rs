//! What an acknowledgement looks like to one who cannot read it.
//!
//! An acknowledgement of SCTP (a SACK without gaps) says up to where everything has arrived, so the
//! newest says all that those before it said. A peer that sends one for each packet has the engine
//! decrypt and handle dozens where one would do. Such a packet is known by its size alone: its record
//! of DTLS is shorter than one with any data in it. The few others of that size (an answer to the reset
//! of a stream) are asked for again when they are lost, as on any network.

/// Common header and SACK chunk.
const SACK: usize = 12 + 16;
/// Explicit nonce and tag of AES-GCM.
const PROTECTION: usize = 8 + 16;
const RECORD: u16 = (SACK + PROTECTION) as u16;
const RECORD_HEADER: usize = 13;
/// Application data of DTLS 1.2.
const APPLICATION_DATA: [u8; 3] = [23, 0xfe, 0xfd];

/// Whether a later packet of which this is also true may stand for this one.
pub(crate) fn looks_like_sack(packet: &[u8]) -> bool {
    packet.len() == RECORD_HEADER + usize::from(RECORD)
        && packet.starts_with(&APPLICATION_DATA)
        && packet[RECORD_HEADER - 2..RECORD_HEADER] == RECORD.to_be_bytes()
}

#[cfg(test)]
pub(crate) mod tests {
    use super::*;

    /// A packet as an acknowledgement is seen from outside, in the record of that number.
    pub(crate) fn sack(number: u8) -> Vec<u8> {
        let mut packet = vec![number; RECORD_HEADER + usize::from(RECORD)];
        packet[..3].copy_from_slice(&APPLICATION_DATA);
        packet[3..RECORD_HEADER - 2].copy_from_slice(&[0, 1, 0, 0, 0, 0, 0, number]);
        packet[RECORD_HEADER - 2..RECORD_HEADER].copy_from_slice(&RECORD.to_be_bytes());
        packet
    }

    #[test]
    fn only_a_lone_record_of_that_size_is_one() {
        let sack = sack(1);
        assert_eq!(sack.len(), 65);
        assert!(looks_like_sack(&sack));
        assert!(!looks_like_sack(&[]));
        assert!(!looks_like_sack(&sack[..64]));
        assert!(!looks_like_sack(&[&sack[..], &[0]].concat()), "with a gap it is longer");
        for (at, other) in [(0, 22), (1, 0xfd), (12, 51)] {
            let mut packet = sack.clone();
            packet[at] = other;
            assert!(!looks_like_sack(&packet), "byte {at}");
        }
    }
}
