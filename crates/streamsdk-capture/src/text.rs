//! Texts that come from elsewhere, made fit to be shown.

/// The text on one line, without control characters and not longer than a sentence.
pub(crate) fn clean(text: &str) -> String {
    let printable = |character: char| if character.is_control() { ' ' } else { character };
    let mut cleaned: String = text.trim().chars().take(MAX_CHARACTERS + 1).map(printable).collect();
    if let Some((cut, _)) = cleaned.char_indices().nth(MAX_CHARACTERS) {
        cleaned.truncate(cut);
        cleaned.push('…');
    }
    cleaned
}

/// In characters.
const MAX_CHARACTERS: usize = 200;

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn control_characters_are_gone_and_long_texts_are_cut() {
        assert_eq!(
            clean(" text/html\x1b[31m\r\nSet-Cookie: x\u{9b}1 "),
            "text/html [31m  Set-Cookie: x 1"
        );
        assert_eq!(clean(&"ä".repeat(200)), "ä".repeat(200));
        assert_eq!(clean(&"ä".repeat(5_000_000)).chars().count(), 201);
    }
}
