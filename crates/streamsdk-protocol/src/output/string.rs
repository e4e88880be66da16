//! Strings of JSON, the wrong ones too.

use std::borrow::Cow;

/// What a string says, and whether it is one that every reader takes. `inside` is what stands between
/// its quotes.
///
/// U+FFFD stands for what is no Unicode: bytes that are not UTF-8, and halves of characters, which
/// Python writes as it finds them.
pub(super) fn read(inside: &[u8]) -> (Cow<'_, str>, bool) {
    match std::str::from_utf8(inside) {
        Ok(text) if is_regular(text) && !text.contains('\\') => (Cow::Borrowed(text), true),
        text => {
            (Cow::Owned(unescape(&String::from_utf8_lossy(inside))), text.is_ok_and(is_regular))
        }
    }
}

/// Whether a string with `inside` between its quotes is one that every reader takes.
pub(super) fn is_valid(inside: &[u8]) -> bool {
    std::str::from_utf8(inside).is_ok_and(is_regular)
}

/// How many characters at the beginning of `text` are ASCII that stands for itself: neither an escape nor a
/// quote. Many are looked at in a step, without a branch: nearly everything that is read is base64.
pub(super) fn plain_length(text: &[u8]) -> usize {
    let is_special = |byte: u8| !(b' '..0x80).contains(&byte) | (byte == b'\\') | (byte == b'"');
    let is_plain = |part: &&[u8]| !part.iter().fold(false, |any, byte| any | is_special(*byte));
    let steps = text.chunks_exact(STEP).take_while(is_plain).count() * STEP;
    let rest = &text[steps..];
    steps + rest.iter().position(|byte| is_special(*byte)).unwrap_or(rest.len())
}

fn is_regular(text: &str) -> bool {
    if text.bytes().any(|byte| byte < b' ') {
        return false;
    }
    let mut rest = text;
    while let Some(at) = memchr::memchr(b'\\', rest.as_bytes()) {
        match escape(&rest[at + 1..]) {
            (Some(_), length) => rest = &rest[at + 1 + length..],
            (None, _) => return false,
        }
    }
    true
}

fn unescape(text: &str) -> String {
    let mut said = String::with_capacity(text.len());
    let mut rest = text;
    while let Some(at) = memchr::memchr(b'\\', rest.as_bytes()) {
        let (character, length) = escape(&rest[at + 1..]);
        said.push_str(&rest[..at]);
        said.push(character.unwrap_or(char::REPLACEMENT_CHARACTER));
        rest = &rest[at + 1 + length..];
    }
    said.push_str(rest);
    said
}

/// The character that an escape stands for, if for any, and how long the escape is behind its backslash.
fn escape(text: &str) -> (Option<char>, usize) {
    let Some(first) = text.chars().next() else { return (None, 0) };
    let character = match first {
        '"' | '\\' | '/' => first,
        'b' => '\u{8}',
        'f' => '\u{c}',
        'n' => '\n',
        'r' => '\r',
        't' => '\t',
        'u' => return unicode_escape(&text[1..]),
        _ => return (None, first.len_utf8()),
    };
    (Some(character), 1)
}

/// What follows `\u`.
fn unicode_escape(text: &str) -> (Option<char>, usize) {
    let Some(unit) = code_unit(text) else { return (None, 1) };
    if let Some(character) = char::from_u32(unit) {
        return (Some(character), 5);
    }
    let second = text[4..].strip_prefix("\\u").and_then(code_unit);
    match second {
        Some(low @ 0xdc00..=0xdfff) if unit < 0xdc00 => {
            (char::from_u32(0x1_0000 + ((unit - 0xd800) << 10) + (low - 0xdc00)), 11)
        }
        _ => (None, 5),
    }
}

fn code_unit(text: &str) -> Option<u32> {
    let digits =
        text.get(..4).filter(|digits| digits.bytes().all(|byte| byte.is_ascii_hexdigit()))?;
    u32::from_str_radix(digits, 16).ok()
}

const STEP: usize = 128;

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_a_parser_takes_is_read_as_it_reads_it() {
        for inside in [
            "",
            "plain",
            "caf\u{e9} \u{1f600}",
            r#"\"\\\/\b\f\n\r\t\u0041\u00e9"#,
            r"\ud83d\ude00",
            r"\u0000\u007f",
        ] {
            let parsed: String = serde_json::from_str(&format!("\"{inside}\"")).unwrap();
            assert_eq!(read(inside.as_bytes()), (Cow::Borrowed(&*parsed), true), "{inside}");
            assert!(is_valid(inside.as_bytes()));
        }
    }

    #[test]
    fn plain_characters_end_at_the_first_other_one_wherever_it_stands() {
        for length in [0, 1, STEP - 1, STEP, 3 * STEP + 5] {
            for other in [b'"', b'\\', b'\n', 0, 0x80, 0xff] {
                let text = [&b"x".repeat(length)[..], &[other], &b"x".repeat(2 * STEP)].concat();
                assert_eq!(plain_length(&text), length, "{other}");
                assert_eq!(plain_length(&text[..length]), length);
            }
        }
    }

    #[test]
    fn what_no_parser_takes_is_read_as_far_as_it_goes() {
        for (inside, said) in [
            (&br"bad \ud83d half"[..], "bad \u{fffd} half"),
            (br"\ude00\ud83d", "\u{fffd}\u{fffd}"),
            (br"\ud83d\u0041", "\u{fffd}A"),
            (b"caf\xe9", "caf\u{fffd}"),
            (b"a\nb", "a\nb"),
            (br"\x41", "\u{fffd}41"),
            (br"\u12", "\u{fffd}12"),
            (b"\\", "\u{fffd}"),
            (b"\\\xc3\xa9", "\u{fffd}"),
        ] {
            assert_eq!(read(inside), (Cow::Borrowed(said), false), "{inside:?}");
            assert!(!is_valid(inside));
        }
    }
}
