use std::fmt;
use std::time::Duration;

use streamsdk_codec::VIDEO_CLOCK_RATE;

/// A presentation time in ticks of 90 kHz, computed as the server does it: exactly, and rounded
/// towards 0.
///
/// `time_base` is in seconds, and stands for the fraction that it was made from (1/90000,
/// 1001/30000). `None` when it is not positive, or not near such a fraction of 31-bit numbers, or
/// when the result does not fit.
pub fn pts_to_90khz(pts: i64, time_base: f64) -> Option<i64> {
    let (numerator, denominator) = fraction(time_base)?;
    let ticks = i128::from(pts) * i128::from(VIDEO_CLOCK_RATE) * i128::from(numerator);
    i64::try_from(ticks / i128::from(denominator)).ok()
}

/// The simplest fraction that is `value` when divided out: the first continued fraction that is.
fn fraction(value: f64) -> Option<(i64, i64)> {
    const MAX_TERM: f64 = i32::MAX as f64;
    if !(value > 0.0 && value <= MAX_TERM) {
        return None;
    }
    let (mut before, mut last) = ((0.0, 1.0), (1.0, 0.0));
    let mut rest = value;
    loop {
        let whole = rest.floor();
        let next: (f64, f64) = (whole * last.0 + before.0, whole * last.1 + before.1);
        let fits = next.0 <= MAX_TERM && next.1 <= MAX_TERM;
        if !fits {
            return None;
        }
        if next.0 / next.1 == value {
            return Some((next.0 as i64, next.1 as i64));
        }
        (before, last) = (last, next);
        rest = (rest - whole).recip();
    }
}

/// Ticks from `earlier` to `later` on a clock that wraps at 2³².
pub(super) fn ticks_between(earlier: u32, later: u32) -> i32 {
    later.wrapping_sub(earlier) as i32
}

/// A reading of the server's clock, modulo a quarter of an hour.
///
/// The server says `received_at` in local time and does not say in which zone, and sender reports
/// in UTC. All zones differ by whole quarters, so this much of the two can be compared.
#[derive(Clone, Copy, PartialEq, Eq)]
pub struct ServerTime {
    micros: i64,
}

const SECOND: i64 = 1_000_000;
const QUARTER: i64 = 900 * SECOND;

impl ServerTime {
    /// Readings that are further apart cannot be compared.
    pub(super) const MAX_APART: Duration = Duration::from_secs(450);

    /// From an NTP time as it is on the wire: 32 bits of seconds, 32 bits of fraction.
    pub fn from_ntp(time: u64) -> Self {
        // NTP seconds count from a midnight.
        let (seconds, fraction) = ((time >> 32) as i64, (time & 0xffff_ffff) as i64);
        Self { micros: (seconds * SECOND + ((fraction * SECOND) >> 32)) % QUARTER }
    }

    /// From a date and time such as `2026-11-22T08:22:30.799712`. A zone after it is ignored.
    pub fn from_iso8601(text: &str) -> Option<Self> {
        let (_, time) = text.split_once(['T', ' '])?;
        let (_hour, time) = time.split_once(':')?;
        let (minute, second) = time.split_once(':')?;
        let minute: u8 = minute.parse().ok()?;
        let is_zone = |c: char| !c.is_ascii_digit() && c != '.';
        let second: f64 = second.split(is_zone).next()?.parse().ok()?;
        if minute >= 60 || second >= 61.0 {
            return None;
        }
        let micros = i64::from(minute) * 60 * SECOND + (second * SECOND as f64).round() as i64;
        Some(Self { micros: micros % QUARTER })
    }

    /// Whether this is at or after `other`, given that they are in range of each other.
    pub(super) fn is_at_or_after(self, other: Self) -> bool {
        (self.micros - other.micros).rem_euclid(QUARTER) < QUARTER / 2
    }
}

impl fmt::Debug for ServerTime {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let (minutes, micros) = (self.micros / (60 * SECOND), self.micros % (60 * SECOND));
        write!(f, "{minutes:02}:{:09.6}", micros as f64 / SECOND as f64)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_time_bases_of_recordings_convert_exactly() {
        assert_eq!(pts_to_90khz(438_001, 1.1111111111111112e-05), Some(438_001));
        assert_eq!(pts_to_90khz(438_001, 0.000011111111111111112), Some(438_001));
        assert_eq!(pts_to_90khz(1_536, 6.510416666666667e-05), Some(9_000));
        assert_eq!(pts_to_90khz(-1, 1001.0 / 30_000.0), Some(-3_003));
    }

    #[test]
    fn a_tick_that_is_not_whole_is_rounded_towards_zero() {
        assert_eq!(pts_to_90khz(1_001, 1.0 / 24_000.0), Some(3_753));
        assert_eq!(pts_to_90khz(-1_001, 1.0 / 24_000.0), Some(-3_753));
    }

    #[test]
    fn absurd_times_are_no_times() {
        for time_base in [0.0, -1.0, f64::NAN, f64::INFINITY, 5e-324, 1e-300, f64::MAX] {
            assert_eq!(pts_to_90khz(1, time_base), None, "{time_base:e}");
        }
        assert_eq!(pts_to_90khz(i64::MIN, 1.0), None);
        assert_eq!(pts_to_90khz(i64::MIN, 1.0 / 90_000.0), Some(i64::MIN));
    }

    #[test]
    fn clocks_compare_whatever_the_zone_and_the_hour() {
        let ntp =
            |micros: u64| ServerTime::from_ntp(((3_600 * 12) << 32) + (micros << 32) / 1_000_000);
        for taken in ["2026-11-22T12:00:00.500000", "2026-11-22 17:45:00.5+05:45"] {
            let taken = ServerTime::from_iso8601(taken).unwrap();
            assert!(ntp(500_001).is_at_or_after(taken) && !ntp(499_999).is_at_or_after(taken));
        }
        let before_the_hour = ServerTime::from_iso8601("2026-11-22T11:59:59").unwrap();
        assert!(ntp(0).is_at_or_after(before_the_hour) && !before_the_hour.is_at_or_after(ntp(0)));
    }

    #[test]
    fn text_that_is_no_time_is_refused() {
        for text in
            ["", "T", "12:00:00", "T1:2", "T1:60:0", "T1:2:61", "T1:2:3.4.5", "T1:-2:3", "T1:2:Z"]
        {
            assert_eq!(ServerTime::from_iso8601(text), None, "{text}");
        }
    }
}
