//! The numbers of frames, and how many were left out.

/// Numbers frames by the sequence numbers that the driver gives its pictures.
#[derive(Debug, Default)]
pub(super) struct Numbering {
    /// The driver's number of the last frame.
    last: Option<u32>,
    next: u64,
    /// Pictures since the last frame that were taken from the driver and left out.
    skipped: u64,
}

impl Numbering {
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
        let mut numbering = Numbering::default();
        assert_eq!(numbering.number(u32::MAX - 1), (0, 0));
        assert_eq!(numbering.number(u32::MAX), (1, 0));
        assert_eq!(numbering.number(2), (4, 2));
        // A picture that was taken and left out is counted once.
        numbering.skip();
        assert_eq!(numbering.number(4), (6, 1));
    }

    #[test]
    fn without_the_drivers_numbers_those_count_that_were_left_out_here() {
        let mut numbering = Numbering::default();
        numbering.skip();
        assert_eq!(numbering.number(7), (1, 1));
        assert_eq!(numbering.number(7), (2, 0));
        numbering.skip();
        numbering.skip();
        assert_eq!(numbering.number(7), (5, 2));
        assert_eq!(numbering.number(3), (6, 0));
    }
}
