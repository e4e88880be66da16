pub(super) fn last_lines(text: &str, count: usize) -> &str {
    let text = text.trim_end();
    let begin = text.rmatch_indices('\n').nth(count - 1).map_or(0, |(position, _)| position + 1);
    &text[begin..]
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_last_lines_of_a_text() {
        assert_eq!(last_lines("a\nb\nc\n", 2), "b\nc");
        assert_eq!(last_lines("a\n", 5), "a");
        assert_eq!(last_lines("", 5), "");
    }
}
