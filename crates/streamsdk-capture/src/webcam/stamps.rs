//! When a picture was taken, and which of the camera's it is.

use std::time::{Duration, SystemTime};

use rustix::time::{ClockId, clock_gettime};

/// Gives pictures their times, which never go back.
#[derive(Debug, Default)]
pub(super) struct FrameClock {
    last: Option<i64>,
}

/// A moment on both clocks.
#[derive(Debug, Clone, Copy)]
pub(super) struct ClockReading {
    /// Microseconds of the monotonic clock, which is the one that cameras use.
    pub(super) monotonic: i64,
    pub(super) time_of_day: SystemTime,
}

impl ClockReading {
    pub(super) fn now() -> Self {
        let monotonic = Duration::try_from(clock_gettime(ClockId::Monotonic)).unwrap_or_default();
        let monotonic = i64::try_from(monotonic.as_micros()).unwrap_or(i64::MAX);
        Self { monotonic, time_of_day: SystemTime::now() }
    }
}

impl FrameClock {
    /// The monotonic time of a picture in microseconds, and the time of day that it was, which is never
    /// in the future. A driver that does not tell, or tells what cannot be, gives its pictures when
    /// they are asked for.
    pub(super) fn stamp(&mut self, taken_at: Option<i64>, now: ClockReading) -> (i64, SystemTime) {
        let is_plausible =
            |micros: &i64| now.monotonic.abs_diff(*micros) <= MAX_CLOCK_OFFSET_MICROS;
        let plausible = taken_at.filter(is_plausible);
        let taken_at = plausible.unwrap_or(now.monotonic);
        let age = u64::try_from(now.monotonic.saturating_sub(taken_at)).unwrap_or(0);
        let arrived = now.time_of_day.checked_sub(Duration::from_micros(age));
        let after_last = self.last.map_or(i64::MIN, |last| last.saturating_add(1));
        let stamp = taken_at.max(after_last);
        self.last = Some(stamp);
        (stamp, arrived.unwrap_or(now.time_of_day))
    }
}

/// Microseconds of a time in two parts; `None` if it is none.
pub(super) fn micros(seconds: i64, microseconds: i64) -> Option<i64> {
    let is_part = (0..1_000_000).contains(&microseconds);
    seconds.checked_mul(1_000_000)?.checked_add(microseconds).filter(|_| is_part)
}

/// Some drivers give a picture before the end of the time that it shows, and pictures take a while; but a
/// clock that is farther away shows another time, or stands still. In microseconds.
const MAX_CLOCK_OFFSET_MICROS: u64 = 1_000_000;

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
    fn a_picture_is_as_old_as_its_camera_says() {
        let now = ClockReading { monotonic: 5_000_000, time_of_day: SystemTime::UNIX_EPOCH + HOUR };
        let mut clock = FrameClock::default();
        let ago = |micros| now.time_of_day - Duration::from_micros(micros);
        assert_eq!(clock.stamp(Some(4_990_000), now), (4_990_000, ago(10_000)));
        // Twice the same time, and back.
        assert_eq!(clock.stamp(Some(4_990_000), now), (4_990_001, ago(10_000)));
        assert_eq!(clock.stamp(Some(4_000_000), now), (4_990_002, ago(1_000_000)));
        // Ahead of its time.
        assert_eq!(clock.stamp(Some(5_100_000), now), (5_100_000, now.time_of_day));
    }

    #[test]
    fn a_time_that_cannot_be_is_replaced() {
        let now = ClockReading { monotonic: 5_000_000, time_of_day: SystemTime::UNIX_EPOCH };
        for odd in [
            None,
            Some(0),
            Some(-1),
            Some(i64::MIN),
            Some(i64::MAX),
            Some(6_000_001),
            Some(3_999_999),
        ] {
            let stamped = FrameClock::default().stamp(odd, now);
            assert_eq!(stamped, (5_000_000, SystemTime::UNIX_EPOCH), "{odd:?}");
        }
    }

    #[test]
    fn two_parts_are_one_time_or_none() {
        assert_eq!(micros(3, 500_000), Some(3_500_000));
        for (seconds, microseconds) in [(i64::MAX, 0), (i64::MIN, 0), (1, -1), (1, 1_000_000)] {
            assert_eq!(micros(seconds, microseconds), None);
        }
    }

    const HOUR: Duration = Duration::from_secs(3600);

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
