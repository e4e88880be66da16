//! Values as people write them, in a command line or a file.

use std::fmt;
use std::time::Duration;

use serde::de::{self, Deserialize, Deserializer, Visitor};
use streamsdk::RetryPolicy;

/// Bits per second: `300000`, `2500k`, `2.5M`; from 10k to 1000M.
///
/// # Errors
///
/// What was expected.
pub fn bitrate(text: &str) -> Result<u32, String> {
    let (number, unit) = match text.strip_suffix(['k', 'K']) {
        Some(number) => (number, 1e3),
        None => text.strip_suffix('M').map_or((text, 1.0), |number| (number, 1e6)),
    };
    let bits = number.parse::<f64>().map_err(|error| error.to_string())? * unit;
    if (10_000.0..=1e9).contains(&bits) {
        Ok(bits as u32)
    } else {
        Err("expected 10k to 1000M".to_owned())
    }
}

/// Seconds, with or without a fraction.
///
/// # Errors
///
/// What is wrong with it.
pub fn duration(text: &str) -> Result<Duration, String> {
    let seconds = text.parse::<f64>().map_err(|error| error.to_string())?;
    Duration::try_from_secs_f64(seconds).map_err(|error| error.to_string())
}

/// A limit in seconds: none at all would be over before it began.
///
/// # Errors
///
/// What is wrong with it.
pub fn limit(text: &str) -> Result<Duration, String> {
    let limit = duration(text)?;
    if limit.is_zero() { Err("expected more than 0 seconds".to_owned()) } else { Ok(limit) }
}

/// How long a lost connection is made anew: `never`, `forever`, or seconds without a result.
///
/// # Errors
///
/// What is wrong with it.
pub fn retry(text: &str) -> Result<RetryPolicy, String> {
    match text {
        "never" => Ok(RetryPolicy::never()),
        "forever" => Ok(RetryPolicy::forever()),
        seconds => Ok(RetryPolicy::default().give_up_after(limit(seconds)?)),
    }
}

/// Takes a text or a number, and reads it as the command line would.
struct Written<T> {
    read: fn(&str) -> Result<T, String>,
    expected: &'static str,
}

impl<T> Visitor<'_> for Written<T> {
    type Value = Option<T>;

    fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.expected)
    }

    fn visit_str<E: de::Error>(self, text: &str) -> Result<Option<T>, E> {
        (self.read)(text).map(Some).map_err(E::custom)
    }

    fn visit_i64<E: de::Error>(self, number: i64) -> Result<Option<T>, E> {
        self.visit_str(&number.to_string())
    }

    fn visit_u64<E: de::Error>(self, number: u64) -> Result<Option<T>, E> {
        self.visit_str(&number.to_string())
    }

    fn visit_f64<E: de::Error>(self, number: f64) -> Result<Option<T>, E> {
        self.visit_str(&number.to_string())
    }
}

pub(crate) fn bitrate_given<'de, D: Deserializer<'de>>(from: D) -> Result<Option<u32>, D::Error> {
    from.deserialize_any(Written {
        read: bitrate,
        expected: "a bitrate such as 2500000 or \"2.5M\"",
    })
}

pub(crate) fn limit_given<'de, D: Deserializer<'de>>(
    from: D,
) -> Result<Option<Duration>, D::Error> {
    from.deserialize_any(Written { read: limit, expected: "seconds" })
}

pub(crate) fn retry_given<'de, D: Deserializer<'de>>(
    from: D,
) -> Result<Option<RetryPolicy>, D::Error> {
    from.deserialize_any(Written { read: retry, expected: "seconds, \"never\" or \"forever\"" })
}

/// Takes a text that can be parsed.
pub(crate) fn parsed_given<'de, D, T>(from: D) -> Result<Option<T>, D::Error>
where
    D: Deserializer<'de>,
    T: std::str::FromStr<Err: fmt::Display>,
{
    let text = String::deserialize(from)?;
    text.parse().map(Some).map_err(de::Error::custom)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn bitrates_have_units() {
        assert_eq!(bitrate("2500k"), Ok(2_500_000));
        assert_eq!(bitrate("2.5M"), Ok(2_500_000));
        assert_eq!(bitrate("300000"), Ok(300_000));
        assert!(bitrate("3").is_err() && bitrate("x").is_err());
        assert!(bitrate("-3M").is_err() && bitrate("NaN").is_err());
    }

    #[test]
    fn a_limit_of_no_time_is_refused() {
        assert_eq!(limit("0.5"), Ok(Duration::from_millis(500)));
        for wrong in ["0", "-1", "x", "inf"] {
            assert!(limit(wrong).is_err(), "{wrong}");
        }
    }
}
