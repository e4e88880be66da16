//! Values of options, as they are written.

use serde_json::Value;

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
    fn parameters_are_json_or_else_text() {
        let parse = |text| parse_parameter(text).map(|(_, value)| value);
        assert_eq!(parse("a=3"), Ok(Value::from(3)));
        assert_eq!(parse("a=x=y"), Ok(Value::from("x=y")));
        assert_eq!(parse("a=[1]"), Ok(serde_json::json!([1])));
        assert!(parse("a").is_err() && parse("=3").is_err());
    }
}
