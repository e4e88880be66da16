//! The numbers of frames, and how many were left out.

/// Numbers frames by the sequence numbers that the driver gives its pictures.
#[derive(Debug, Default)]
pub(super) struct Sequence {
    /// The driver's number of the last frame.
    last: Option<u32>,
    next: u64,
    /// Pictures since the last frame that were taken from the driver and left out.
    skipped: u64,
}

impl Sequence {
    /// A picture was left out.
    pub(super) fn skip(&mut self) {
        self.skipped = self.skipped.saturating_add(1);
    }

    /// The number of the frame that is made of a picture, and how many were left out before it.
    pub(super) fn number(&mut self, sequence: u32) -> (u64, u64) {
        let steps = self.last.map(|last| sequence.wrapping_sub(last));
        let dropped = match steps {
            Some(steps @ 1..=MAX_GAP) => u64::from(steps - 1),
            // The first, or of a driver that does not count.
            _ => self.skipped,
        };
        let number = self.next.saturating_add(dropped);
        *self = Self { last: Some(sequence), next: number.saturating_add(1), skipped: 0 };
        (number, dropped)
    }
}

/// A longer way forward is a way back.
const MAX_GAP: u32 = u32::MAX / 2;

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn gaps_in_the_drivers_numbers_are_frames_that_were_left_out() {
        let mut sequence_numbers = Sequence::default();
        assert_eq!(sequence_numbers.number(u32::MAX - 1), (0, 0));
        assert_eq!(sequence_numbers.number(u32::MAX), (1, 0));
        assert_eq!(sequence_numbers.number(2), (4, 2));
        // A picture that was taken and left out is counted once.
        sequence_numbers.skip();
        assert_eq!(sequence_numbers.number(4), (6, 1));
    }

    #[test]
    fn without_the_drivers_numbers_those_count_that_were_left_out_here() {
        let mut sequence_numbers = Sequence::default();
        sequence_numbers.skip();
        assert_eq!(sequence_numbers.number(7), (1, 1));
        assert_eq!(sequence_numbers.number(7), (2, 0));
        sequence_numbers.skip();
        sequence_numbers.skip();
        assert_eq!(sequence_numbers.number(7), (5, 2));
        assert_eq!(sequence_numbers.number(3), (6, 0));
    }
}
