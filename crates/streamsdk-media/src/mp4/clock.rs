//! Which tick of the file each frame gets.

use super::{FrameTiming, Mp4Error};
use crate::{TimeBase, Timestamp};

use ffmpeg_next::Rational;

/// Gives out ticks that always grow.
pub(super) struct SampleClock {
    base: TimeBase,
    by_timestamp: bool,
    /// Tick of the first timestamp.
    origin: Option<i64>,
    last: Option<i64>,
    step: i64,
}

impl SampleClock {
    pub(super) fn new(timing: FrameTiming) -> Result<Self, Mp4Error> {
        let (base, by_timestamp) = match timing {
            FrameTiming::Rate(rate) => (frame_length(rate)?, false),
            FrameTiming::Timestamps(precision) => (encodable(precision), true),
        };
        Ok(Self { base, by_timestamp, origin: None, last: None, step: 1 })
    }

    /// Length of a tick.
    pub(super) fn base(&self) -> TimeBase {
        self.base
    }

    /// Ticks between the last two frames: as long as the last one is shown.
    pub(super) fn step(&self) -> i64 {
        self.step
    }

    /// How many frames per second the encoder may expect. A wrong guess costs a little quality.
    pub(super) fn rate_hint(&self) -> Rational {
        if self.by_timestamp {
            return Rational::new(30, 1);
        }
        Rational::new(self.base.den() as i32, self.base.num() as i32)
    }

    pub(super) fn next(&mut self, timestamp: Option<Timestamp>) -> Result<i64, Mp4Error> {
        let earliest = self.last.map_or(Some(0), |last| last.checked_add(1));
        let earliest = earliest.ok_or(Mp4Error::Timestamp)?;
        let tick =
            if self.by_timestamp { self.tick_of(timestamp)?.max(earliest) } else { earliest };
        if let Some(last) = self.last {
            self.step = tick - last;
        }
        self.last = Some(tick);
        Ok(tick)
    }

    fn tick_of(&mut self, timestamp: Option<Timestamp>) -> Result<i64, Mp4Error> {
        let tick = timestamp
            .and_then(|timestamp| timestamp.rescale(self.base))
            .map(|timestamp| timestamp.pts)
            .ok_or(Mp4Error::Timestamp)?;
        let origin = *self.origin.get_or_insert(tick);
        let since = tick.checked_sub(origin).ok_or(Mp4Error::Timestamp)?;
        if since > MAX_TICKS { Err(Mp4Error::Timestamp) } else { Ok(since) }
    }
}

/// Length of a frame, exact for whole rates and for those of NTSC.
fn frame_length(rate: f64) -> Result<TimeBase, Mp4Error> {
    if !(0.01..=1000.0).contains(&rate) {
        return Err(Mp4Error::Rate { rate });
    }
    let ntsc = rate * 1.001;
    let (num, den) = if (rate - rate.round()).abs() < 1e-6 {
        (1.0, rate.round())
    } else if rate > 10.0 && (ntsc - ntsc.round()).abs() < 1e-3 && ntsc < 65.0 {
        (1001.0, ntsc.round() * 1000.0)
    } else {
        (100.0, (rate * 100.0).round())
    };
    TimeBase::new(num as u32, den as u32).ok_or(Mp4Error::Rate { rate })
}

/// MPEG-4 has 16 bits for the ticks of a second.
fn encodable(precision: TimeBase) -> TimeBase {
    if precision.den() <= 65_535 && precision.num() <= 65_535 {
        return precision;
    }
    TimeBase::new(1, 60_000).unwrap_or(TimeBase::MILLISECONDS)
}

/// Largest tick: three years at the finest precision, and far from what could overflow.
const MAX_TICKS: i64 = 1 << 43;

#[cfg(test)]
mod tests {
    use super::*;

    fn length(rate: f64) -> (u32, u32) {
        let base = frame_length(rate).unwrap();
        (base.num(), base.den())
    }

    #[test]
    fn rates_become_exact_fractions_where_they_have_one() {
        assert_eq!(length(30.0), (1, 30));
        assert_eq!(length(29.97), (1001, 30_000));
        assert_eq!(length(30_000.0 / 1001.0), (1001, 30_000));
        assert_eq!(length(23.976), (1001, 24_000));
        assert_eq!(length(12.5), (100, 1250));
        assert_eq!(length(0.5), (100, 50));
    }

    #[test]
    fn rates_out_of_bounds_are_errors() {
        for rate in [0.0, -1.0, f64::NAN, f64::INFINITY, 1001.0] {
            assert!(matches!(frame_length(rate), Err(Mp4Error::Rate { .. })), "{rate}");
        }
    }

    #[test]
    fn ticks_start_at_zero_and_always_grow() {
        let mut clock = SampleClock::new(TimeBase::MILLISECONDS.into()).unwrap();
        let mut tick = |pts| clock.next(Some(Timestamp::new(pts, TimeBase::RTP_VIDEO)));
        assert_eq!(tick(900_000), Ok(0));
        assert_eq!(tick(909_000), Ok(100));
        assert_eq!(tick(909_000), Ok(101));
        assert_eq!(tick(0), Ok(102));
        assert_eq!(tick(i64::MAX), Err(Mp4Error::Timestamp));
        assert_eq!(tick(918_000), Ok(200));
    }
}
