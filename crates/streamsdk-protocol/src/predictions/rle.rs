//! The run lengths of COCO's masks.

use serde::{Serialize, Serializer};
use serde_json::Value;

use super::MaskError;

/// Lengths of runs, of unset and set pixels in turns, beginning with unset ones: as numbers, or packed
/// into a text as pycocotools has it.
///
/// In a text each number has one character for five bits, the lowest first, in ASCII from `0` on, with
/// another bit that says whether more follow. From the fourth one on the text has the difference to the
/// number two places before.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) enum Counts {
    Packed(String),
    Plain(Vec<u32>),
}

impl Counts {
    pub(super) fn read(value: &Value) -> Option<Self> {
        match value {
            Value::String(text) => Some(Self::Packed(text.clone())),
            Value::Array(list) => {
                let count = |value| super::fields::integer(value)?.try_into().ok();
                list.iter().map(count).collect::<Option<_>>().map(Self::Plain)
            }
            _ => None,
        }
    }

    pub(super) fn pack(counts: &[u32]) -> Self {
        let mut text = String::new();
        for (place, count) in counts.iter().enumerate() {
            let before = if place > 2 { counts[place - 2] } else { 0 };
            pack_number(i64::from(*count) - i64::from(before), &mut text);
        }
        Self::Packed(text)
    }

    /// The lengths, each checked on its own.
    pub(super) fn iter(&self) -> impl Iterator<Item = Result<u32, MaskError>> {
        let (packed, plain) = match self {
            Self::Packed(text) => (text.as_bytes(), &[][..]),
            Self::Plain(list) => (&[][..], &list[..]),
        };
        let packed = Packed { rest: packed, given: 0, last: [0; 2] };
        packed.chain(plain.iter().copied().map(Ok))
    }
}

impl Serialize for Counts {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        match self {
            Self::Packed(text) => serializer.serialize_str(text),
            Self::Plain(list) => list.serialize(serializer),
        }
    }
}

/// Bits of a number in one character.
const BITS: u32 = 5;
/// Whether more characters of the number follow.
const MORE: u8 = 1 << BITS;
/// Most characters of one number: 35 bits, for a difference of two numbers of 32.
const MAX_CHARACTERS: u32 = 7;

fn pack_number(mut number: i64, text: &mut String) {
    loop {
        let bits = (number & 0x1f) as u8;
        number >>= BITS;
        // The last character's highest bit is the sign.
        let is_last = if bits & 0x10 == 0 { number == 0 } else { number == -1 };
        let more = if is_last { 0 } else { MORE };
        text.push(char::from(b'0' + (bits | more)));
        if is_last {
            return;
        }
    }
}

struct Packed<'a> {
    rest: &'a [u8],
    given: usize,
    /// The newest one first.
    last: [u32; 2],
}

impl Packed<'_> {
    fn unpack_number(&mut self) -> Option<i64> {
        let mut number = 0;
        for shift in (0..MAX_CHARACTERS).map(|place| place * BITS) {
            let (character, rest) = self.rest.split_first()?;
            self.rest = rest;
            let bits = character.checked_sub(b'0').filter(|bits| *bits < 2 * MORE)?;
            number |= i64::from(bits & 0x1f) << shift;
            if bits & MORE == 0 {
                let sign = if bits & 0x10 == 0 { 0 } else { -1 << (shift + BITS) };
                return Some(number | sign);
            }
        }
        None
    }
}

impl Iterator for Packed<'_> {
    type Item = Result<u32, MaskError>;

    fn next(&mut self) -> Option<Self::Item> {
        if self.rest.is_empty() {
            return None;
        }
        let before = if self.given > 2 { i64::from(self.last[1]) } else { 0 };
        let count = self.unpack_number().and_then(|number| u32::try_from(number + before).ok());
        let Some(count) = count else {
            self.rest = &[];
            return Some(Err(MaskError::Counts { place: self.given }));
        };
        self.given += 1;
        self.last = [count, self.last[0]];
        Some(Ok(count))
    }
}
