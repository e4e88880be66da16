//! Texts of a peer, made fit for people: for errors, logs and terminals.

/// Most characters of a peer's text that are shown.
pub const MAX_TEXT_CHARS: usize = 1_000;

/// `text` without what would act on a terminal or hide something from a reader, and on one line.
///
/// Line breaks and tabs become spaces; other control characters, and those that turn the direction of
/// writing or have no width, go.
pub(crate) fn clean(text: &str) -> String {
    text.chars().filter_map(visible).collect()
}

/// The first `limit` characters of `text`, with a mark that says how many more there were.
pub(crate) fn shorten(text: &str, limit: usize) -> String {
    match text.char_indices().nth(limit) {
        Some((end, _)) => {
            format!("{}… ({} characters more)", &text[..end], text[end..].chars().count())
        }
        None => text.to_owned(),
    }
}

fn visible(character: char) -> Option<char> {
    match character {
        '\t' | '\n' | '\r' | '\u{85}' | '\u{2028}' | '\u{2029}' => Some(' '),
        character if character.is_control() => None,
        // Marks, embeddings, overrides and isolates of direction; no width; tags.
        '\u{61c}'
        | '\u{200b}'
        | '\u{200e}'
        | '\u{200f}'
        | '\u{202a}'..='\u{202e}'
        | '\u{2060}'..='\u{206f}'
        | '\u{feff}'
        | '\u{fff9}'..='\u{fffb}'
        | '\u{e0000}'..='\u{e007f}' => None,
        character => Some(character),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn nothing_that_acts_on_a_terminal_is_left() {
        let hostile = "a\u{1b}[31mred\u{1b}[0m\r\nb\u{7}\u{9b}2J\u{202e}c\u{200b}\tä 日本 👍";
        assert_eq!(clean(hostile), "a[31mred[0m  b2Jc ä 日本 👍");
    }

    #[test]
    fn a_long_text_is_cut_between_characters_and_says_so() {
        assert_eq!(shorten("äöü", 3), "äöü");
        assert_eq!(shorten("äöüß", 2), "äö… (2 characters more)");
    }
}
