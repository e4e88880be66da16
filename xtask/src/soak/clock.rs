//! The clock that stands in the results, too.

use std::time::{Duration, SystemTime, UNIX_EPOCH};

const SECONDS_PER_DAY: u64 = 24 * 60 * 60;
const DAYS_PER_400_YEARS: u64 = 146_097;

/// Since 1970.
pub(super) fn now() -> Duration {
    SystemTime::now().duration_since(UNIX_EPOCH).unwrap_or_default()
}

/// Reads `2026-11-29T10:15:02.417833Z`, as time since 1970.
pub(super) fn read(text: &str) -> Option<Duration> {
    let (date, time) = text.strip_suffix('Z')?.split_once('T')?;
    let [year, month, day] = numbers(date.split('-'))?;
    let (time, fraction) = time.split_once('.').unwrap_or((time, "0"));
    let [hour, minute, second] = numbers(time.split(':'))?;
    let fraction: f64 = format!("0.{fraction}").parse().ok()?;
    let days = days_since_1970(year, month, day)?;
    let seconds = days * SECONDS_PER_DAY + hour * 3600 + minute * 60 + second;
    Some(Duration::from_secs(seconds) + Duration::from_secs_f64(fraction))
}

fn numbers<'a>(parts: impl Iterator<Item = &'a str>) -> Option<[u64; 3]> {
    let numbers: Option<Vec<u64>> = parts.map(|part| part.parse().ok()).collect();
    numbers?.try_into().ok()
}

/// Years begin with March here, so that the day that some of them have more is their last.
fn days_since_1970(year: u64, month: u64, day: u64) -> Option<u64> {
    if !(1..=12).contains(&month) || !(1..=31).contains(&day) || !(1970..10_000).contains(&year) {
        return None;
    }
    let (year, month) = if month > 2 { (year, month - 3) } else { (year - 1, month + 9) };
    let (cycle, year) = (year / 400, year % 400);
    let day_of_year = (153 * month + 2) / 5 + day - 1;
    let day_of_cycle = year * 365 + year / 4 - year / 100 + day_of_year;
    (cycle * DAYS_PER_400_YEARS + day_of_cycle).checked_sub(719_468)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn times_are_read_as_they_stand_in_results() {
        let seconds = |text| read(text).map(|time| time.as_secs_f64());
        assert_eq!(seconds("1970-01-01T00:00:00Z"), Some(0.0));
        assert_eq!(seconds("2000-02-29T00:00:01.5Z"), Some(951_782_401.5));
        assert_eq!(seconds("2026-11-29T20:30:16.378055Z"), Some(1_795_984_216.378_055));
        assert_eq!(seconds("2026-11-29 20:30:16Z"), None);
        assert_eq!(seconds("2026-13-29T20:30:16Z"), None);
    }
}
