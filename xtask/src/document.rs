//! Tables of documents that commands write.

use anyhow::{Context, Result};

use crate::project;

/// Where a table ends.
const END: &str = "<!-- end -->";

/// Writes a table into a document, between the line `begin` and the next that says that a table ends.
pub fn write_table(document: &str, begin: &str, table: &str) -> Result<()> {
    let path = project::root().join(document);
    let text = std::fs::read_to_string(&path)?;
    let text = with_table(&text, begin, table);
    let text = text.with_context(|| format!("{document} has no place for the table"))?;
    Ok(std::fs::write(path, text)?)
}

fn with_table(text: &str, begin: &str, table: &str) -> Option<String> {
    let (before, rest) = text.split_once(begin)?;
    let (_, after) = rest.split_once(END)?;
    Some(format!("{before}{begin}\n{table}{END}{after}"))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn only_the_table_that_is_meant_is_another_one() {
        let text = "<!-- a -->\n1\n<!-- end -->\n<!-- b -->\n2\n<!-- end -->\nrest\n";
        let expected = "<!-- a -->\n1\n<!-- end -->\n<!-- b -->\n3\n<!-- end -->\nrest\n";
        assert_eq!(with_table(text, "<!-- b -->", "3\n").as_deref(), Some(expected));
        assert_eq!(with_table(text, "<!-- c -->", "3\n"), None);
    }
}
