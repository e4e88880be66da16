//! Packets that are kept to be sent again, as they were.

use bytes::Bytes;

use super::super::MAX_RETRANSMIT_PACKETS;

/// The newest packets, encrypted.
#[derive(Default)]
pub(super) struct Repetitions {
    /// Each at its number's place.
    kept: Vec<Option<(u16, Bytes)>>,
}

impl Repetitions {
    pub(super) fn keep(&mut self, number: u16, packet: Bytes) {
        if self.kept.is_empty() {
            self.kept.resize(usize::from(MAX_RETRANSMIT_PACKETS), None);
        }
        let place = place(number);
        self.kept[place] = Some((number, packet));
    }

    /// `None` if it is too old, or was never sent.
    pub(super) fn get(&self, number: u16) -> Option<&Bytes> {
        let (kept, packet) = self.kept.get(place(number))?.as_ref()?;
        (*kept == number).then_some(packet)
    }
}

fn place(number: u16) -> usize {
    usize::from(number % MAX_RETRANSMIT_PACKETS)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_newest_packets_are_kept_by_their_numbers() {
        let mut repetitions = Repetitions::default();
        assert_eq!(repetitions.get(3), None);
        for number in (65_000..=u16::MAX).chain(0..100) {
            repetitions.keep(number, Bytes::copy_from_slice(&number.to_be_bytes()));
        }
        let first = 100_u16.wrapping_sub(MAX_RETRANSMIT_PACKETS);
        for number in [99, 0, u16::MAX] {
            assert_eq!(repetitions.get(number).unwrap()[..], number.to_be_bytes());
        }
        for gone in [100, 64_999, first.wrapping_sub(1)] {
            assert_eq!(repetitions.get(gone), None, "{gone}");
        }
    }
}
