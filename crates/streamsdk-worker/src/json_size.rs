//! How much a JSON text becomes when it is read: a value takes up to seventy times the two bytes that it may be written
//! with.

use std::cell::Cell;
use std::fmt;

use serde::de::{DeserializeSeed, Error, MapAccess, SeqAccess, Visitor};

/// Most values that a request may consist of. A workflow of a hundred steps has a few thousand.
const MAX_VALUES: usize = 100_000;

/// Whether `json` is of more values than a request may have. They are counted without being kept; what is no JSON is left
/// to whoever reads it.
pub(crate) fn is_of_too_many_values(json: &[u8]) -> bool {
    let values = Cell::new(0);
    let mut deserializer = serde_json::Deserializer::from_slice(json);
    // An error is that there are too many, or that whoever reads it gets no further either.
    let _ = Counted(&values).deserialize(&mut deserializer);
    values.get() > MAX_VALUES
}

/// Counts a value and all that are in it.
#[derive(Clone, Copy)]
struct Counted<'a>(&'a Cell<usize>);

impl Counted<'_> {
    fn count<E: Error>(self) -> Result<(), E> {
        self.0.set(self.0.get() + 1);
        if self.0.get() > MAX_VALUES { Err(E::custom("too many values")) } else { Ok(()) }
    }
}

impl<'de> DeserializeSeed<'de> for Counted<'_> {
    type Value = ();

    fn deserialize<D: serde::Deserializer<'de>>(self, deserializer: D) -> Result<(), D::Error> {
        self.count()?;
        deserializer.deserialize_any(self)
    }
}

impl<'de> Visitor<'de> for Counted<'_> {
    type Value = ();

    fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("any value")
    }

    fn visit_bool<E>(self, _: bool) -> Result<(), E> {
        Ok(())
    }

    fn visit_i64<E>(self, _: i64) -> Result<(), E> {
        Ok(())
    }

    fn visit_u64<E>(self, _: u64) -> Result<(), E> {
        Ok(())
    }

    fn visit_f64<E>(self, _: f64) -> Result<(), E> {
        Ok(())
    }

    fn visit_str<E>(self, _: &str) -> Result<(), E> {
        Ok(())
    }

    fn visit_unit<E>(self) -> Result<(), E> {
        Ok(())
    }

    fn visit_seq<A: SeqAccess<'de>>(self, mut items: A) -> Result<(), A::Error> {
        while items.next_element_seed(self)?.is_some() {}
        Ok(())
    }

    fn visit_map<A: MapAccess<'de>>(self, mut members: A) -> Result<(), A::Error> {
        while members.next_key::<serde::de::IgnoredAny>()?.is_some() {
            members.next_value_seed(self)?;
        }
        Ok(())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn values_are_counted_wherever_they_are() {
        let many = |item: &str, count: usize| format!("[{}]", vec![item; count].join(","));
        let members = |count: usize| {
            let members: Vec<String> = (0..count).map(|n| format!("\"{n}\":[]")).collect();
            format!("{{{}}}", members.join(","))
        };
        for (json, is_too_many) in [
            (many("0", MAX_VALUES - 1), false),
            (many("0", MAX_VALUES), true),
            (many("[]", MAX_VALUES), true),
            (many("[[1,2.5,\"x\",true,null]]", MAX_VALUES / 7), false),
            (many("[[1,2.5,\"x\",true,null]]", MAX_VALUES / 7 + 1), true),
            (members(MAX_VALUES), true),
            (members(1000), false),
            (format!("\"{}\"", "x".repeat(1 << 20)), false),
            ("[1,".to_owned(), false),
            (String::new(), false),
        ] {
            assert_eq!(is_of_too_many_values(json.as_bytes()), is_too_many, "{:.40}", json);
        }
    }
}
