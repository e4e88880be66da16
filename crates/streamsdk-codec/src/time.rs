//! When a frame belongs: ticks, and how long a tick is.

use std::num::NonZeroU32;

/// Ticks of an RTP clock for video in a second.
pub const VIDEO_CLOCK_RATE: u32 = 90_000;

/// How long one tick of a [`Timestamp`] lasts: `num / den` seconds.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub struct TimeBase {
    num: NonZeroU32,
    den: NonZeroU32,
}

impl TimeBase {
    /// The clock of video in RTP: [`VIDEO_CLOCK_RATE`] ticks per second.
    pub const RTP_VIDEO: Self = Self::ticks_per_second(VIDEO_CLOCK_RATE);

    /// Milliseconds.
    pub const MILLISECONDS: Self = Self::ticks_per_second(1000);

    /// Microseconds.
    pub const MICROSECONDS: Self = Self::ticks_per_second(1_000_000);

    /// A tick of `num / den` seconds; `None` if either is zero.
    pub const fn new(num: u32, den: u32) -> Option<Self> {
        match (NonZeroU32::new(num), NonZeroU32::new(den)) {
            (Some(num), Some(den)) => Some(Self { num, den }),
            _ => None,
        }
    }

    const fn ticks_per_second(den: u32) -> Self {
        Self { num: NonZeroU32::MIN, den: NonZeroU32::MIN.saturating_add(den - 1) }
    }

    /// Numerator of the tick's length in seconds.
    pub const fn num(self) -> u32 {
        self.num.get()
    }

    /// Denominator of the tick's length in seconds.
    pub const fn den(self) -> u32 {
        self.den.get()
    }

    /// Length of the tick in seconds.
    pub fn seconds(self) -> f64 {
        f64::from(self.num()) / f64::from(self.den())
    }
}

/// A point in time, counted in ticks of a [`TimeBase`] from wherever the producer began.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub struct Timestamp {
    /// Ticks; may be negative.
    pub pts: i64,
    /// How long a tick is.
    pub time_base: TimeBase,
}

impl Timestamp {
    /// A point in time.
    pub const fn new(pts: i64, time_base: TimeBase) -> Self {
        Self { pts, time_base }
    }

    /// The same in seconds, as exactly as an `f64` can say it.
    pub fn seconds(self) -> f64 {
        self.pts as f64 * self.time_base.seconds()
    }

    /// The same in ticks of another time base, rounded to the nearest one, half away from zero.
    ///
    /// `None` if the result does not fit.
    ///
    /// ```
    /// use streamsdk_codec::{TimeBase, Timestamp};
    ///
    /// let third = Timestamp::new(3, TimeBase::new(1, 30).unwrap());
    /// assert_eq!(third.rescale(TimeBase::RTP_VIDEO).unwrap().pts, 9000);
    /// ```
    pub fn rescale(self, to: TimeBase) -> Option<Self> {
        // At most 63 + 32 + 32 bits: no intermediate result can overflow.
        let factor = i128::from(self.time_base.num()) * i128::from(to.den());
        let divisor = i128::from(self.time_base.den()) * i128::from(to.num());
        let ticks = i128::from(self.pts) * factor;
        let rounded = (ticks + ticks.signum() * (divisor / 2)) / divisor;
        Some(Self { pts: i64::try_from(rounded).ok()?, time_base: to })
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn rescaling_rounds_to_the_nearest_tick_on_both_sides_of_zero() {
        let rescaled = |pts| Timestamp::new(pts, TimeBase::MILLISECONDS).rescale(RATE_15).unwrap();
        const RATE_15: TimeBase = TimeBase::new(1, 15).unwrap();
        assert_eq!(rescaled(100).pts, 2);
        assert_eq!(rescaled(-100).pts, -2);
        assert_eq!(rescaled(99).pts, 1);
        assert_eq!(rescaled(-99).pts, -1);
        assert_eq!(rescaled(0).pts, 0);
    }

    #[test]
    fn a_result_that_does_not_fit_is_none_and_the_extremes_do_not_overflow() {
        let slow = TimeBase::new(u32::MAX, 1).unwrap();
        let fast = TimeBase::new(1, u32::MAX).unwrap();
        assert_eq!(Timestamp::new(i64::MAX, slow).rescale(fast), None);
        assert_eq!(Timestamp::new(i64::MIN, slow).rescale(fast), None);
        assert_eq!(Timestamp::new(i64::MIN, fast).rescale(slow).unwrap().pts, -1);
        assert_eq!(Timestamp::new(i64::MIN, slow).rescale(slow).unwrap().pts, i64::MIN);
    }

    #[test]
    fn a_time_base_of_zero_cannot_be_made() {
        assert_eq!(TimeBase::new(0, 1), None);
        assert_eq!(TimeBase::new(1, 0), None);
    }

    #[test]
    fn seconds_are_ticks_times_the_base() {
        let timestamp = Timestamp::new(-45_000, TimeBase::RTP_VIDEO);
        assert_eq!(timestamp.seconds(), -0.5);
    }
}
