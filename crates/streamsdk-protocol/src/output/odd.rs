//! What was wrong with a message that could be read all the same.

use std::fmt;

use serde::de::DeserializeOwned;

use super::outline::optional;
use crate::text::{clean, shorten};

/// Most odd fields of one message that are listed; the others are only counted.
const MAX_LISTED_FIELDS: usize = 16;
/// Most characters of a field's name that are kept.
const MAX_NAME_CHARS: usize = 120;
/// Most characters of an unusable value that are kept.
const MAX_VALUE_CHARS: usize = 40;

/// What was wrong with the fields of one message. The first 16 are listed, all are counted.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct OddFields {
    listed: Vec<OddField>,
    count: u64,
}

/// A field of a message that was not as it should be, and cost nothing but itself.
#[derive(Debug, Clone, PartialEq, Eq)]
#[non_exhaustive]
pub struct OddField {
    /// Where it is: `video_metadata.declared_fps`, or in an output `predictions.predictions[0].speed`.
    pub field: String,
    /// What is wrong with it.
    pub what: Oddity,
}

/// What can be wrong with a field.
#[derive(Debug, Clone, PartialEq, Eq)]
#[non_exhaustive]
pub enum Oddity {
    /// NaN or an infinite number, which JSON does not have. Null stands in its place.
    NotFinite,
    /// A number beyond what any reader's numbers hold. Null stands in its place.
    OutOfRange,
    /// A text that is no Unicode (half of a character, no UTF-8), or holds what JSON would escape. U+FFFD
    /// stands for what could not be read.
    Text,
    /// A value of another type than the field has, or no value of JSON. It counts as null.
    Unusable {
        /// The value, shortened.
        found: String,
    },
    /// Nested more deeply than JSON readers go. Null stands in its place.
    TooDeep,
    /// Two outputs of the same name. The last one counts.
    Duplicate,
    /// No JSON at all. The output is null, and [`Output::raw`](super::Output::raw) has it.
    Malformed,
    /// An output that the server could not put into words.
    Failed {
        /// Why, in the server's words, shortened.
        why: String,
    },
    /// More outputs than are read; the others are left out.
    TooMany,
}

impl OddFields {
    /// Whether nothing was wrong.
    pub fn is_empty(&self) -> bool {
        self.count == 0
    }

    /// How many fields were odd.
    pub fn count(&self) -> u64 {
        self.count
    }

    /// The first of them, in the order of the message.
    pub fn iter(&self) -> impl Iterator<Item = &OddField> {
        self.listed.iter()
    }

    /// `name` is asked for only where there is a place for it.
    pub(super) fn add(&mut self, name: impl FnOnce() -> String, what: Oddity) {
        self.count += 1;
        if self.listed.len() < MAX_LISTED_FIELDS {
            self.listed.push(OddField { field: shorten(&clean(&name()), MAX_NAME_CHARS), what });
        }
    }
}

impl Oddity {
    /// What is wrong with a value of metadata that could not be read.
    pub(super) fn of(value: &[u8]) -> Self {
        match value {
            b"NaN" | b"Infinity" | b"-Infinity" => Self::NotFinite,
            // No character has more than four bytes.
            other => {
                let start = &other[..other.len().min(MAX_VALUE_CHARS * 4)];
                let found = clean(&String::from_utf8_lossy(start));
                Self::Unusable { found: shorten(&found, MAX_VALUE_CHARS) }
            }
        }
    }

    pub(super) fn failed(why: &str) -> Self {
        Self::Failed { why: shorten(&clean(why), MAX_NAME_CHARS) }
    }
}

impl fmt::Display for OddFields {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        for (place, odd) in self.listed.iter().enumerate() {
            write!(f, "{}{odd}", if place > 0 { "; " } else { "" })?;
        }
        match self.count - self.listed.len() as u64 {
            0 => Ok(()),
            more => write!(f, "; and {more} more"),
        }
    }
}

impl fmt::Display for OddField {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{} {}", self.field, self.what)
    }
}

impl fmt::Display for Oddity {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::NotFinite => f.write_str("is not a finite number"),
            Self::OutOfRange => f.write_str("is too large a number"),
            Self::Text => f.write_str("is not a valid text"),
            Self::Unusable { found } => write!(f, "cannot be {found}"),
            Self::TooDeep => f.write_str("is nested too deeply"),
            Self::Duplicate => f.write_str("is there twice"),
            Self::Failed { why } => write!(f, "could not be serialised: {why}"),
            Self::Malformed => f.write_str("is not JSON"),
            Self::TooMany => f.write_str("has too many members"),
        }
    }
}

/// A value that may be null; what cannot be read is noted and counts as null.
pub(super) fn or_odd<T: DeserializeOwned>(
    name: &str,
    value: &[u8],
    odd: &mut OddFields,
) -> Option<T> {
    optional(value).unwrap_or_else(|_| {
        odd.add(|| name.to_owned(), Oddity::of(value));
        None
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_flood_of_odd_fields_is_counted_and_takes_no_memory() {
        let mut odd = OddFields::default();
        for n in 0..1_000_000_u32 {
            odd.add(|| format!("mask[{n}]"), Oddity::NotFinite);
        }
        assert_eq!((odd.count(), odd.iter().count()), (1_000_000, MAX_LISTED_FIELDS));
        assert!(odd.to_string().ends_with("and 999984 more"), "{odd}");
    }
}
