//! Command lines of `streamsdk` in files: whether the program understands them.

use std::collections::BTreeMap;
use std::path::Path;

use anyhow::{Result, ensure};

use crate::process::{Job, Output};

/// What `streamsdk` is started with somewhere.
#[derive(Debug, PartialEq, Eq, PartialOrd, Ord)]
pub struct CommandLine {
    pub file: String,
    pub words: Vec<String>,
}

impl CommandLine {
    pub fn new(file: &str, words: Vec<String>) -> Self {
        Self { file: file.into(), words }
    }

    /// Whether all of its options are there, and their values are right. With a request for help at the end nothing is
    /// done, but what comes before it is read first; so only an option that came to be necessary would not be noticed.
    fn check(&self, cli: &Path) -> Result<()> {
        let ask = |more: &[&str]| {
            Job::new(cli).args(&self.words).args(more).output(Output::Capture).run()
        };
        let (file, words) = (&self.file, self.words.join(" "));
        let answer = ask(&["--help"])?;
        let said = answer.last_words().lines().next().unwrap_or_default();
        ensure!(answer.succeeded(), "{file}: `streamsdk {words}` is not understood: {said}");
        // Or the answer above means nothing.
        let is_refused = !ask(&["--no-such-option", "--help"])?.succeeded();
        ensure!(
            is_refused,
            "{file}: `streamsdk {words}` does not read its options before it helps"
        );
        Ok(())
    }
}

/// All that are not understood are said.
pub fn check(lines: &[CommandLine], cli: &Path) -> Result<String> {
    let wrong: Vec<_> = lines.iter().filter_map(|line| line.check(cli).err()).collect();
    let said: Vec<_> = wrong.iter().map(|error| format!("{error:#}")).collect();
    ensure!(wrong.is_empty(), "{} of {}: {}", wrong.len(), lines.len(), said.join("; "));
    Ok(format!("{} are understood", lines.len()))
}

/// Those in the fenced code of a text, one a line: `streamsdk …` or `docker run … streamsdk …`.
pub fn in_markdown(file: &str, text: &str) -> Vec<CommandLine> {
    let code = text.split("```").skip(1).step_by(2).flat_map(str::lines);
    code.filter_map(typed).map(|line| CommandLine::new(file, words(line))).collect()
}

/// Those in comments, written the same way.
pub fn in_comments(file: &str, text: &str) -> Vec<CommandLine> {
    let comments = text.lines().filter_map(|line| line.strip_prefix('#'));
    comments.filter_map(typed).map(|line| CommandLine::new(file, words(line))).collect()
}

/// What the program is told where somebody types this.
fn typed(line: &str) -> Option<&str> {
    let line = line.trim_start_matches([' ', '$']);
    match line.strip_prefix("docker run ") {
        Some(of_docker) => Some(of_docker.split_once(" streamsdk ")?.1),
        None => line.strip_prefix("streamsdk "),
    }
}

/// Those that a unit starts, in its comments as well.
pub fn in_unit(file: &str, text: &str) -> Vec<CommandLine> {
    let lines = text.lines().map(|line| line.trim_start_matches(['#', ' ']));
    let variables: BTreeMap<_, _> = lines
        .clone()
        .filter_map(|line| line.strip_prefix("Environment=")?.split_once('='))
        .map(|(name, value)| (format!("${{{name}}}"), value))
        .collect();
    let folders = [("%d", "/run/credentials"), ("%S", "/var/lib"), ("%C", "/var/cache")];
    let known = |line: &str| {
        let line = folders.iter().fold(line.to_owned(), |line, (name, it)| line.replace(name, it));
        variables.iter().fold(line, |line, (name, value)| line.replace(name, value))
    };
    let started = lines.filter_map(|line| line.strip_prefix("ExecStart=/usr/bin/streamsdk "));
    started.map(|line| CommandLine::new(file, words(&known(line)))).collect()
}

fn words(line: &str) -> Vec<String> {
    line.split_whitespace().map(String::from).collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    fn line(words: &[&str]) -> CommandLine {
        CommandLine::new("it", words.iter().map(|&word| word.into()).collect())
    }

    #[test]
    fn a_unit_has_its_variables_and_folders_put_in() {
        let unit = "Environment=NATS=nats://one\n#   ExecStart=\n\
                    # ExecStart=/usr/bin/streamsdk fleet node --nats ${NATS} --folder %S/node\n\
                    ExecStart=/usr/bin/streamsdk run --config /a.toml\n";
        let node = line(&["fleet", "node", "--nats", "nats://one", "--folder", "/var/lib/node"]);
        assert_eq!(in_unit("it", unit), [node, line(&["run", "--config", "/a.toml"])]);
    }

    #[test]
    fn only_code_of_a_text_has_command_lines() {
        let text = "streamsdk is\n```console\n$ streamsdk run a.mp4\nother\n```\nstreamsdk too\n";
        assert_eq!(in_markdown("it", text), [line(&["run", "a.mp4"])]);
        let text =
            "#   docker build --tag streamsdk .\n#   docker run --rm streamsdk worker\nRUN it\n";
        assert_eq!(in_comments("it", text), [line(&["worker"])]);
    }

    #[test]
    fn what_is_refused_is_named_with_its_file() {
        let error = check(&[line(&["x"])], Path::new("false")).unwrap_err().to_string();
        assert!(error.starts_with("1 of 1: it: `streamsdk x` is not understood"), "{error}");
        let error = check(&[line(&["x"])], Path::new("true")).unwrap_err().to_string();
        assert!(error.contains("does not read its options"), "{error}");
    }
}
