//! What is wrong with a file of streams, and where.

use std::fmt;
use std::ops::Range;

use thiserror::Error;

/// A file of streams that cannot be used: all that is wrong with it.
#[derive(Debug, Clone, PartialEq, Eq, Error)]
pub struct ConfigError {
    file: String,
    problems: Vec<ConfigProblem>,
}

/// One thing that is wrong.
#[derive(Debug, Clone, PartialEq, Eq)]
#[non_exhaustive]
pub struct ConfigProblem {
    /// The line, from 1; 0 if it is about the file as a whole.
    pub line: usize,
    /// The letter in the line, from 1; 0 if it is about the file as a whole.
    pub column: usize,
    /// What is wrong, without secrets.
    pub what: String,
}

impl ConfigError {
    /// All that is wrong, from the beginning of the file to its end.
    pub fn problems(&self) -> &[ConfigProblem] {
        &self.problems
    }

    pub(super) fn unreadable(file: String, what: String) -> Self {
        let problem = ConfigProblem { line: 0, column: 0, what };
        Self { file, problems: vec![problem] }
    }
}

/// A line for each: `FILE:LINE:COLUMN: what is wrong`.
impl fmt::Display for ConfigError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let file = &self.file;
        for (count, ConfigProblem { line, column, what }) in self.problems.iter().enumerate() {
            if count > 0 {
                f.write_str("\n")?;
            }
            match line {
                0 => write!(f, "{file}: {what}")?,
                _ => write!(f, "{file}:{line}:{column}: {what}")?,
            }
        }
        Ok(())
    }
}

/// Of a name that is not known only the one that is most like it, where it is followed by all that there are.
fn shortened(what: &str) -> Option<String> {
    let rest = what.strip_prefix("unknown field `")?;
    let (unknown, rest) = rest.split_once('`')?;
    let known = rest.split('`').skip(1).step_by(2);
    let likeness = |known: &str| strsim::jaro_winkler(unknown, known);
    let nearest = known.max_by(|a, b| likeness(a).total_cmp(&likeness(b)));
    Some(match nearest.filter(|known| likeness(known) > LIKE_ENOUGH) {
        Some(known) => format!("unknown field `{unknown}`: is `{known}` meant?"),
        None => format!("unknown field `{unknown}`"),
    })
}

/// From 0 for names that have nothing in common to 1 for the same.
const LIKE_ENOUGH: f64 = 0.8;

/// Problems as they are found in a text.
#[derive(Debug)]
pub(super) struct Problems<'a> {
    text: &'a str,
    found: Vec<(usize, String)>,
}

impl<'a> Problems<'a> {
    pub(super) fn new(text: &'a str) -> Self {
        Self { text, found: Vec::new() }
    }

    /// Something at that place in the text.
    pub(super) fn add(&mut self, place: Range<usize>, what: impl fmt::Display) {
        self.found.push((place.start, what.to_string()));
    }

    /// What the parser says; `within` is where it was, if it does not know better.
    pub(super) fn add_error(&mut self, error: &toml::de::Error, within: Range<usize>) {
        // The parser may explain itself over several lines.
        let what = error.message().lines().collect::<Vec<_>>().join(", ");
        self.add(error.span().unwrap_or(within), shortened(&what).unwrap_or(what));
    }

    pub(super) fn is_empty(&self) -> bool {
        self.found.is_empty()
    }

    pub(super) fn into_error(mut self, file: &str) -> ConfigError {
        self.found.sort();
        let problems = self.found.into_iter().map(|(at, what)| {
            let before = self.text.get(..at).unwrap_or(self.text);
            let line_start = before.rfind('\n').map_or(0, |end| end + 1);
            ConfigProblem {
                line: before.matches('\n').count() + 1,
                column: before[line_start..].chars().count() + 1,
                what,
            }
        });
        ConfigError { file: file.to_owned(), problems: problems.collect() }
    }
}
