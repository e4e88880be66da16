//! Values that no JSON parser takes, made into such that every one does.
//!
//! Python's `json.dumps` writes `NaN`, `Infinity` and halves of characters, and one of them in a thousand
//! numbers must not cost the other nine hundred and ninety-nine. What is right is not copied.

use super::odd::{OddFields, Oddity};
use super::outline::{ends_scalar, is_space, nested_length, string_length};
use super::string;

/// What is to stand in the place of `value`, so that any parser takes it, also into [`serde_json::Value`];
/// `None` where it is right. What was changed is noted in `odd`, below `name`.
///
/// The result is at most about twice as long as `value`.
pub(super) fn mend(value: &[u8], name: &str, odd: &mut OddFields) -> Option<Vec<u8>> {
    let mut walk =
        Walk { text: value, at: 0, copied: 0, out: Vec::new(), path: Vec::new(), name, odd };
    match walk.document() {
        Ok(()) if walk.copied == 0 => None,
        Ok(()) => Some(walk.finish()),
        Err(Malformed) => {
            odd.add(|| name.to_owned(), Oddity::Malformed);
            Some(NULL.to_vec())
        }
    }
}

struct Walk<'a, 'o> {
    text: &'a [u8],
    at: usize,
    /// Everything before this place is in `out`; 0 while nothing had to be changed.
    copied: usize,
    out: Vec<u8>,
    /// Where the walk is, for the names of what is odd.
    path: Vec<MendStep<'a>>,
    name: &'o str,
    odd: &'o mut OddFields,
}

enum MendStep<'a> {
    /// What stands between the quotes.
    Member(&'a [u8]),
    Element(usize),
}

struct Malformed;

impl<'a> Walk<'a, '_> {
    fn document(&mut self) -> Result<(), Malformed> {
        self.value()?;
        match self.peek() {
            None => Ok(()),
            Some(_) => Err(Malformed),
        }
    }

    fn value(&mut self) -> Result<(), Malformed> {
        match self.peek().ok_or(Malformed)? {
            b'"' => self.string().map(|_| ()),
            b'{' | b'[' if self.path.len() >= MAX_DEPTH => self.too_deep(),
            b'{' => self.object(),
            b'[' => self.array(),
            _ => self.scalar(),
        }
    }

    fn object(&mut self) -> Result<(), Malformed> {
        self.at += 1;
        if self.takes(b'}') {
            return Ok(());
        }
        loop {
            if self.peek() != Some(b'"') {
                return Err(Malformed);
            }
            let name = self.string()?;
            self.path.push(MendStep::Member(name));
            self.expect(b':')?;
            self.value()?;
            self.path.pop();
            if self.takes(b'}') {
                return Ok(());
            }
            self.expect(b',')?;
        }
    }

    fn array(&mut self) -> Result<(), Malformed> {
        self.at += 1;
        if self.takes(b']') {
            return Ok(());
        }
        for place in 0.. {
            self.path.push(MendStep::Element(place));
            self.value()?;
            self.path.pop();
            if self.takes(b']') {
                break;
            }
            self.expect(b',')?;
        }
        Ok(())
    }

    /// Returns what stands between the quotes.
    fn string(&mut self) -> Result<&'a [u8], Malformed> {
        let text = &self.text[self.at + 1..];
        let plain = string::plain_length(text);
        if text.get(plain) == Some(&b'"') {
            self.at += plain + 2;
            return Ok(&text[..plain]);
        }
        let length = string_length(&self.text[self.at..]).ok_or(Malformed)?;
        let inside = &self.text[self.at + 1..self.at + length - 1];
        if string::is_valid(inside) {
            self.at += length;
        } else {
            let (said, _) = string::read(inside);
            let written = serde_json::to_vec(&said).map_err(|_| Malformed)?;
            self.replace(length, &written, Oddity::Text)?;
        }
        Ok(inside)
    }

    fn scalar(&mut self) -> Result<(), Malformed> {
        let rest = &self.text[self.at..];
        let length = rest.iter().position(|byte| ends_scalar(*byte)).unwrap_or(rest.len());
        match &rest[..length] {
            [] => Err(Malformed),
            token if is_literal(token) || is_number(token) && !is_out_of_range(token) => {
                self.at += length;
                Ok(())
            }
            token if is_number(token) => self.replace(length, NULL, Oddity::OutOfRange),
            token => self.replace(length, NULL, Oddity::of(token)),
        }
    }

    fn too_deep(&mut self) -> Result<(), Malformed> {
        let length = nested_length(&self.text[self.at..]).ok_or(Malformed)?;
        self.replace(length, NULL, Oddity::TooDeep)
    }

    /// Writes something else in the place of the next `length` characters.
    fn replace(&mut self, length: usize, instead: &[u8], why: Oddity) -> Result<(), Malformed> {
        let Self { path, name, odd, .. } = &mut *self;
        odd.add(|| place_name(name, path), why);
        self.out.extend_from_slice(&self.text[self.copied..self.at]);
        self.out.extend_from_slice(instead);
        self.at += length;
        self.copied = self.at;
        // A value of which hardly anything is right must not grow without a bound.
        if self.out.len() <= self.text.len() * 2 + REPLACEMENT_ROOM {
            Ok(())
        } else {
            Err(Malformed)
        }
    }

    fn finish(mut self) -> Vec<u8> {
        self.out.extend_from_slice(&self.text[self.copied..]);
        self.out
    }

    /// The next character that is no space.
    fn peek(&mut self) -> Option<u8> {
        let rest = &self.text[self.at..];
        self.at += rest.iter().take_while(|byte| is_space(**byte)).count();
        self.text.get(self.at).copied()
    }

    fn takes(&mut self, expected: u8) -> bool {
        let is_there = self.peek() == Some(expected);
        self.at += usize::from(is_there);
        is_there
    }

    fn expect(&mut self, expected: u8) -> Result<(), Malformed> {
        if self.takes(expected) { Ok(()) } else { Err(Malformed) }
    }
}

fn place_name(name: &str, path: &[MendStep<'_>]) -> String {
    path.iter().fold(name.to_owned(), |name, step| match step {
        MendStep::Member(member) => format!("{name}.{}", string::read(member).0),
        MendStep::Element(place) => format!("{name}[{place}]"),
    })
}

fn is_literal(token: &[u8]) -> bool {
    matches!(token, b"null" | b"true" | b"false")
}

/// Whether `token` is a number as JSON has it.
fn is_number(token: &[u8]) -> bool {
    let unsigned = token.strip_prefix(b"-").unwrap_or(token);
    let (whole, rest) = digits(unsigned);
    let (fraction, rest) = match rest.strip_prefix(b".") {
        Some(rest) => digits(rest),
        None => (&b"0"[..], rest),
    };
    let exponent = match rest {
        [b'e' | b'E', b'+' | b'-', rest @ ..] | [b'e' | b'E', rest @ ..] => rest,
        [] => b"0",
        _ => return false,
    };
    let leading_zero = whole.len() > 1 && whole[0] == b'0';
    let (power, behind) = digits(exponent);
    !(whole.is_empty() || leading_zero || fraction.is_empty() || power.is_empty())
        && behind.is_empty()
}

fn digits(text: &[u8]) -> (&[u8], &[u8]) {
    let count = text.iter().take_while(|byte| byte.is_ascii_digit()).count();
    text.split_at(count)
}

/// Only what has an exponent, or hundreds of digits, can be out of range.
fn is_out_of_range(number: &[u8]) -> bool {
    let may_be = number.len() > 300 || memchr::memchr2(b'e', b'E', number).is_some();
    may_be && serde_json::from_slice::<f64>(number).is_err()
}

const NULL: &[u8] = b"null";
/// Parsers stop at 128, and what they read may stand inside of something else.
const MAX_DEPTH: usize = 100;
/// For short values, whose replacements are longer than they are.
const REPLACEMENT_ROOM: usize = 256;

#[cfg(test)]
mod tests {
    use serde_json::Value;

    use super::*;

    fn mended(value: &str) -> (String, String) {
        let mut odd = OddFields::default();
        let json = mend(value.as_bytes(), "out", &mut odd);
        let json = json.map_or_else(|| value.to_owned(), |json| String::from_utf8(json).unwrap());
        (json, odd.to_string())
    }

    #[test]
    fn what_is_right_is_not_copied() {
        for value in [
            "null",
            r#"{"a": [1, -0.5e-3, {"b": "\ud83d\ude00 caf\u00e9"}], "" : {}, "c":[ ]}"#,
            "123456789012345678901234567890",
        ] {
            let mut odd = OddFields::default();
            assert_eq!(mend(value.as_bytes(), "x", &mut odd), None, "{value}");
            assert!(odd.is_empty(), "{odd}");
        }
    }

    #[test]
    fn numbers_that_are_none_become_null_and_are_named() {
        let (json, odd) =
            mended(r#"{"p":[{"speed": NaN, "x":1},{"NaN":-Infinity}], "i":Infinity}"#);
        assert_eq!(json, r#"{"p":[{"speed": null, "x":1},{"NaN":null}], "i":null}"#);
        assert_eq!(
            odd,
            "out.p[0].speed is not a finite number; out.p[1].NaN is not a finite number; \
             out.i is not a finite number"
        );
        assert_eq!(mended("[1e999,-1e-999]").0, "[null,-1e-999]");
        assert_eq!(mended(&"9".repeat(400)), ("null".into(), "out is too large a number".into()));
        for no_json in ["nan", "None", "True", "undefined", "01", "+1", ".5", "1.", "0x10", "-"] {
            let (json, odd) = mended(&format!("[{no_json}, 1]"));
            assert_eq!(json, "[null, 1]");
            assert_eq!(odd, format!("out[0] cannot be {no_json}"));
        }
    }

    #[test]
    fn texts_that_are_none_are_written_anew() {
        let (json, odd) = mended(r#"{"a\ud83d":"NaN \ud83d \"half\""}"#);
        assert_eq!(json, "{\"a\u{fffd}\":\"NaN \u{fffd} \\\"half\\\"\"}");
        assert_eq!(odd, "out is not a valid text; out.a\u{fffd} is not a valid text");
    }

    #[test]
    fn what_has_no_shape_is_null() {
        for value in ["[1}", r#"{"a" 1}"#, "[1 2]", "[,]", r#"{"a":1,}"#, "{NaN:1}", "", "[1] 2"] {
            assert_eq!(mended(value), ("null".into(), "out is not JSON".into()), "{value}");
        }
    }

    #[test]
    fn depth_and_growth_have_an_end() {
        let deep = format!("{}NaN{}", "[".repeat(100_000), "]".repeat(100_000));
        let (json, odd) = mended(&deep);
        assert!(serde_json::from_str::<Value>(&json).is_ok() && odd.ends_with("nested too deeply"));
        let (json, _) = mended(&format!("[{}x]", "x,".repeat(100_000)));
        assert_eq!(json, "null");
    }
}
