//! Values of options, as they are written.

use std::time::Duration;

use serde_json::Value;

/// Bits per second: `300000`, `2500k`, `2.5M`.
pub(super) fn parse_bitrate(text: &str) -> Result<u32, String> {
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
pub(super) fn parse_duration(text: &str) -> Result<Duration, String> {
    let seconds = text.parse::<f64>().map_err(|error| error.to_string())?;
    Duration::try_from_secs_f64(seconds).map_err(|error| error.to_string())
}

/// A limit in seconds: none at all would be over before it began.
pub(super) fn parse_limit(text: &str) -> Result<Duration, String> {
    let limit = parse_duration(text)?;
    if limit.is_zero() { Err("expected more than 0 seconds".to_owned()) } else { Ok(limit) }
}

/// `NAME=VALUE`, the value as JSON or else as text.
pub(super) fn parse_parameter(text: &str) -> Result<(String, Value), String> {
    let (name, value) = text.split_once('=').ok_or("expected NAME=VALUE")?;
    if name.is_empty() {
        return Err("expected a name before the =".to_owned());
    }
    let value = serde_json::from_str(value).unwrap_or_else(|_| Value::from(value));
    Ok((name.to_owned(), value))
}

/// Bytes: `1000000`, `500k`, `64M`, `2G`; a thousand to the next, as with bitrates.
#[cfg(feature = "worker")]
pub(super) fn parse_bytes(text: &str) -> Result<u64, String> {
    let units = [(&['k', 'K'][..], 1e3), (&['M'], 1e6), (&['G'], 1e9)];
    let with_unit = |(letters, unit)| text.strip_suffix::<&[char]>(letters).map(|it| (it, unit));
    let (number, unit) = units.into_iter().find_map(with_unit).unwrap_or((text, 1.0));
    let bytes = number.parse::<f64>().map_err(|error| error.to_string())? * unit;
    if (1.0..=1e15).contains(&bytes) {
        Ok(bytes as u64)
    } else {
        Err("expected 1 byte to 1000000G".to_owned())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn bitrates_have_units() {
        assert_eq!(parse_bitrate("2500k"), Ok(2_500_000));
        assert_eq!(parse_bitrate("2.5M"), Ok(2_500_000));
        assert_eq!(parse_bitrate("300000"), Ok(300_000));
        assert!(parse_bitrate("3").is_err() && parse_bitrate("x").is_err());
        assert!(parse_bitrate("-3M").is_err() && parse_bitrate("NaN").is_err());
    }

    #[cfg(feature = "worker")]
    #[test]
    fn bytes_have_units() {
        assert_eq!((parse_bytes("1"), parse_bytes("500k")), (Ok(1), Ok(500_000)));
        assert_eq!((parse_bytes("1.5M"), parse_bytes("2G")), (Ok(1_500_000), Ok(2_000_000_000)));
        for wrong in ["", "0", "-1", "x", "1T", "NaN", "inf"] {
            assert!(parse_bytes(wrong).is_err(), "{wrong}");
        }
    }

    #[test]
    fn a_limit_of_no_time_is_refused() {
        assert_eq!(parse_limit("0.5"), Ok(Duration::from_millis(500)));
        for wrong in ["0", "-1", "x", "inf"] {
            assert!(parse_limit(wrong).is_err(), "{wrong}");
        }
    }

    #[test]
    fn parameters_are_json_or_else_text() {
        let parse = |text| parse_parameter(text).map(|(_, value)| value);
        assert_eq!(parse("a=3"), Ok(Value::from(3)));
        assert_eq!(parse("a=x=y"), Ok(Value::from("x=y")));
        assert_eq!(parse("a=[1]"), Ok(serde_json::json!([1])));
        assert!(parse("a").is_err() && parse("=3").is_err());
    }
}
