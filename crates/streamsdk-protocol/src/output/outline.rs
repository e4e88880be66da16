//! Objects and arrays whose values stay where they are.
//!
//! Nearly all of a message is the base64 of an image. A parser looks at each of its characters three
//! times; to find where it ends, one look with the processor's widest registers is enough. What a value
//! is made of is found out by whoever parses it.

use std::borrow::Cow;

use serde::de::{DeserializeOwned, Error as _};

use super::string;

/// The members of the object that `json` is, in their order, each value as it is written.
///
/// An object that is cut off or has something behind it gives an error. Values are checked for where
/// they end, and for nothing else.
pub(super) fn members(json: &[u8]) -> Members<'_> {
    Members { text: Text { rest: json }, state: OutlineState::Before }
}

pub(super) struct Members<'a> {
    text: Text<'a>,
    state: OutlineState,
}

enum OutlineState {
    Before,
    Between,
    Over,
}

pub(super) struct Member<'a> {
    pub(super) name: Cow<'a, str>,
    /// Whether the name was written as JSON has it.
    pub(super) name_is_valid: bool,
    pub(super) value: &'a [u8],
}

impl<'a> Iterator for Members<'a> {
    type Item = Result<Member<'a>, serde_json::Error>;

    fn next(&mut self) -> Option<Self::Item> {
        let member = match self.state {
            OutlineState::Before => self.first(),
            OutlineState::Between => self.another(),
            OutlineState::Over => return None,
        };
        self.state =
            if matches!(member, Ok(Some(_))) { OutlineState::Between } else { OutlineState::Over };
        member.transpose()
    }
}

impl<'a> Members<'a> {
    fn first(&mut self) -> Result<Option<Member<'a>>, serde_json::Error> {
        self.text.expect(b'{')?;
        if self.text.takes(b'}') { self.end() } else { self.member().map(Some) }
    }

    fn another(&mut self) -> Result<Option<Member<'a>>, serde_json::Error> {
        if self.text.takes(b'}') {
            return self.end();
        }
        self.text.expect(b',')?;
        self.member().map(Some)
    }

    fn member(&mut self) -> Result<Member<'a>, serde_json::Error> {
        let (name, name_is_valid) = self.text.name()?;
        self.text.expect(b':')?;
        Ok(Member { name, name_is_valid, value: self.text.value()? })
    }

    fn end(&mut self) -> Result<Option<Member<'a>>, serde_json::Error> {
        match self.text.peek() {
            None => Ok(None),
            Some(_) => Err(malformed("there is something behind the object")),
        }
    }
}

/// The elements of the array that `json` is, each as it is written; none, or only the first of them, if it
/// is something else. Only for what is known to be JSON.
pub(super) fn elements(json: &[u8]) -> impl Iterator<Item = &[u8]> {
    let mut text = Text { rest: json };
    let mut has_more = text.takes(b'[') && text.peek() != Some(b']');
    std::iter::from_fn(move || {
        let value = has_more.then(|| text.value().ok()).flatten()?;
        has_more = text.takes(b',');
        Some(value)
    })
}

/// The text inside of a string's quotes, if `json` is a string without escapes.
pub(super) fn plain_string(json: &[u8]) -> Option<&[u8]> {
    let inside = json.strip_prefix(b"\"")?.strip_suffix(b"\"")?;
    (memchr::memchr2(b'"', b'\\', inside).is_none()).then_some(inside)
}

/// A value, or `None` where it is null.
pub(super) fn optional<T: DeserializeOwned>(json: &[u8]) -> Result<Option<T>, serde_json::Error> {
    serde_json::from_slice(json)
}

fn malformed(what: &str) -> serde_json::Error {
    serde_json::Error::custom(what)
}

struct Text<'a> {
    rest: &'a [u8],
}

impl<'a> Text<'a> {
    /// The next character that is no space.
    fn peek(&mut self) -> Option<u8> {
        let spaces = self.rest.iter().take_while(|byte| is_space(**byte)).count();
        self.rest = &self.rest[spaces..];
        self.rest.first().copied()
    }

    fn takes(&mut self, expected: u8) -> bool {
        let is_there = self.peek() == Some(expected);
        self.rest = &self.rest[usize::from(is_there)..];
        is_there
    }

    fn expect(&mut self, expected: u8) -> Result<(), serde_json::Error> {
        match self.takes(expected) {
            true => Ok(()),
            false => Err(malformed(&format!("{:?} is missing", char::from(expected)))),
        }
    }

    /// The name, and whether it was written as JSON has it.
    fn name(&mut self) -> Result<(Cow<'a, str>, bool), serde_json::Error> {
        if self.peek() != Some(b'"') {
            return Err(malformed("a name is missing"));
        }
        match self.take(string_length(self.rest)) {
            [b'"', inside @ .., b'"'] => Ok(string::read(inside)),
            _ => Err(malformed("a name is cut off")),
        }
    }

    fn value(&mut self) -> Result<&'a [u8], serde_json::Error> {
        let length = match self.peek() {
            Some(b'"') => string_length(self.rest),
            Some(b'{' | b'[') => nested_length(self.rest),
            Some(_) => self.rest.iter().position(|byte| ends_scalar(*byte)),
            None => None,
        };
        match self.take(length) {
            [] => Err(malformed("a value is missing or cut off")),
            value => Ok(value),
        }
    }

    fn take(&mut self, length: Option<usize>) -> &'a [u8] {
        let (taken, rest) = self.rest.split_at(length.unwrap_or(0));
        self.rest = rest;
        taken
    }
}

pub(super) fn is_space(byte: u8) -> bool {
    matches!(byte, b' ' | b'\n' | b'\r' | b'\t')
}

pub(super) fn ends_scalar(byte: u8) -> bool {
    matches!(byte, b',' | b'}' | b']' | b' ' | b'\n' | b'\r' | b'\t')
}

/// Length of the string that `text` begins with, quotes included; `None` if it has no end.
pub(super) fn string_length(text: &[u8]) -> Option<usize> {
    let mut at = 1;
    loop {
        at += memchr::memchr2(b'"', b'\\', text.get(at..)?)?;
        if text[at] == b'"' {
            return Some(at + 1);
        }
        // An escape is two characters at least, and none of its others is a quote.
        at += 2;
    }
}

/// Length of the object or array that `text` begins with; `None` if it has no end. Which bracket closes
/// which is left to the parser.
pub(super) fn nested_length(text: &[u8]) -> Option<usize> {
    let (mut at, mut depth) = (0, 0_usize);
    loop {
        match text.get(at)? {
            b'"' => at += string_length(&text[at..])?,
            b'{' | b'[' => (at, depth) = (at + 1, depth + 1),
            b'}' | b']' if depth == 1 => return Some(at + 1),
            b'}' | b']' => (at, depth) = (at + 1, depth - 1),
            _ => at += 1,
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn outline(json: &str) -> Option<Vec<(String, &str)>> {
        let members: Result<Vec<_>, _> = members(json.as_bytes()).collect();
        let text = |value| std::str::from_utf8(value).unwrap();
        Some(members.ok()?.into_iter().map(|m| (m.name.into_owned(), text(m.value))).collect())
    }

    #[test]
    fn values_come_as_they_are_written() {
        let json = r#" { "a" : "x\"}\\" ,"b\u00e9":[1,{"]":"}"}], "c":-1.5e3 , "d":null,"":{} } "#;
        let expected = [
            ("a", r#""x\"}\\""#),
            ("bé", r#"[1,{"]":"}"}]"#),
            ("c", "-1.5e3"),
            ("d", "null"),
            ("", "{}"),
        ];
        assert_eq!(outline(json).unwrap(), expected.map(|(name, value)| (name.to_owned(), value)));
        assert_eq!(outline("{}").unwrap(), []);
    }

    #[test]
    fn an_object_that_is_cut_off_anywhere_is_an_error() {
        let json = r#"{"a":"x\"\\","b":[{"c":1}],"d":true}"#;
        for length in 0..json.len() {
            assert_eq!(outline(&json[..length]), None, "{}", &json[..length]);
        }
        for wrong in ["[]", "{}x", r#"{"a"1}"#, r#"{"a":}"#, r#"{"a":1 2}"#, r#"{"a":1,}"#, "{1:2}"]
        {
            assert_eq!(outline(wrong), None, "{wrong}");
        }
    }

    #[test]
    fn elements_come_as_they_are_written() {
        let read = |json: &'static str| -> Vec<&[u8]> { elements(json.as_bytes()).collect() };
        assert_eq!(read(r#" [1 , {"a":[2]},"]"] "#), [&b"1"[..], br#"{"a":[2]}"#, br#""]""#]);
        for none in ["[]", "[ ]", "{}", "3", ""] {
            assert!(read(none).is_empty(), "{none}");
        }
    }

    #[test]
    fn only_a_whole_string_without_escapes_is_plain() {
        assert_eq!(plain_string(br#""abc""#), Some(&b"abc"[..]));
        for other in [&br#""a\/b""#[..], br#""a"b""#, b"\"", b"abc", b""] {
            assert_eq!(plain_string(other), None);
        }
    }
}
