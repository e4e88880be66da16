//! What is missing of what the peer has sent.
//!
//! A sender of SCTP sends again at once what three acknowledgements in a row call missing (RFC 9260, 7.2.4), and waits for
//! its time-out otherwise. A receiver acknowledges every packet for that while something is missing (6.7). The engine
//! acknowledges once a round, a burst with all that is behind the gap: the sender counts to one and waits.
//!
//! Records of DTLS are numbered in the open. So a packet that is lost, or late, shows at the one behind it, and the engine
//! is given the next ones in a round each.

/// What the peer's records are counted by.
#[derive(Debug, Default)]
pub(crate) struct Gaps {
    /// The number of the record that comes next, if none is missing; 0 before there was one.
    next: u64,
}

impl Gaps {
    /// Where the first packet begins before which a record is missing, of packets of `stride` bytes one behind the other.
    pub(crate) fn look(&mut self, packets: &[u8], stride: usize) -> Option<usize> {
        let stride = stride.max(1);
        let mut first = None;
        for (index, packet) in packets.chunks(stride).enumerate() {
            if self.is_before(packet) {
                first = first.or(Some(index * stride));
            }
        }
        first
    }

    fn is_before(&mut self, packet: &[u8]) -> bool {
        let Some(number) = encrypted_record(packet) else { return false };
        let is_gap = self.next > 0 && number > self.next;
        self.next = self.next.max(number.saturating_add(1));
        is_gap
    }
}

/// The number of a record that is encrypted: its epoch, and which of the epoch's it is.
pub(super) fn encrypted_record(packet: &[u8]) -> Option<u64> {
    let [20..=25, 0xfe, 0xfd, number @ .., _, _] = packet.first_chunk::<13>()? else { return None };
    let number = u64::from_be_bytes(*number);
    (number >> 48 > 0).then_some(number)
}

#[cfg(test)]
pub(crate) mod tests {
    use super::*;

    /// A packet with one record of the first epoch that is encrypted.
    pub(crate) fn record(number: u8) -> Vec<u8> {
        vec![23, 0xfe, 0xfd, 0, 1, 0, 0, 0, 0, 0, number, 0, 1, 0]
    }

    /// Which of these packets show that something is missing.
    fn shown(packets: &[&[u8]]) -> Vec<bool> {
        let mut gaps = Gaps::default();
        packets.iter().map(|packet| gaps.look(packet, packet.len()).is_some()).collect()
    }

    #[test]
    fn a_record_that_is_missing_shows_at_the_one_behind_it_and_once() {
        let packets = [5, 6, 8, 9, 7, 10, 13, 11, 12, 14].map(record);
        let expected = [8, 13].map(record);
        let shown = shown(&packets.each_ref().map(Vec::as_slice));
        assert_eq!(shown, packets.map(|packet| expected.contains(&packet)));
    }

    #[test]
    fn of_packets_that_came_together_it_says_where() {
        let together =
            |numbers: &[u8]| numbers.iter().copied().flat_map(record).collect::<Vec<_>>();
        let mut gaps = Gaps::default();
        let stride = record(0).len();
        assert_eq!(gaps.look(&together(&[1, 2, 3]), stride), None);
        assert_eq!(gaps.look(&together(&[4, 5, 7, 9, 10]), stride), Some(2 * stride));
        assert_eq!(gaps.look(&together(&[12, 13]), stride), Some(0));
        assert_eq!(gaps.look(&together(&[14]), 0), None, "whatever a stride is");
    }

    #[test]
    fn what_is_not_encrypted_is_not_counted() {
        let mut handshake = record(200);
        handshake[4] = 0;
        let (first, second) = (record(1), record(2));
        let others =
            [&first[..], &[], &[23], &handshake, &[0; 20], &[0x80; 40], &[0xff; 30], &second];
        assert_eq!(shown(&others), [false; 8]);
        let last = [&[23, 0xfe, 0xfd][..], &[0xff; 8], &[0, 1, 0]].concat();
        assert_eq!(shown(&[&record(1), &last, &record(3)]), [false, true, false]);
    }
}
