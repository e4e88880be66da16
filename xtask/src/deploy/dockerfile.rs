//! What a Dockerfile says: its stages, and what is done in each.

use anyhow::{Context, Result};

#[derive(Debug, Default)]
pub struct Stage {
    /// The image that it begins with.
    pub base: String,
    pub instructions: Vec<Instruction>,
}

#[derive(Debug)]
pub struct Instruction {
    pub keyword: String,
    /// Without the options before it, such as `--mount=…`.
    pub text: String,
    pub options: Vec<String>,
}

/// The stages, in order.
pub fn read(text: &str) -> Result<Vec<Stage>> {
    let mut stages: Vec<Stage> = Vec::new();
    for line in logical_lines(text) {
        let instruction = Instruction::read(&line);
        match (instruction.keyword.as_str(), stages.last_mut()) {
            ("FROM", _) => stages.push(Stage::from(&instruction)),
            (_, Some(stage)) => stage.instructions.push(instruction),
            (keyword, None) => anyhow::bail!("there is {keyword} before the first FROM"),
        }
    }
    Ok(stages)
}

impl Stage {
    fn from(instruction: &Instruction) -> Self {
        let base = instruction.text.split_whitespace().next().unwrap_or_default();
        Self { base: base.into(), ..Self::default() }
    }

    pub fn all<'a>(&'a self, keyword: &'a str) -> impl Iterator<Item = &'a Instruction> {
        self.instructions.iter().filter(move |instruction| instruction.keyword == keyword)
    }

    /// The last instruction of this kind, which is the one that counts.
    pub fn last(&self, keyword: &str) -> Result<&Instruction> {
        let found = self.instructions.iter().rfind(|instruction| instruction.keyword == keyword);
        found.with_context(|| format!("there is no {keyword}"))
    }

    /// What Debian's image with this name is of, as `bookworm` in `rust:1.95-slim-bookworm`.
    pub fn release(&self) -> Option<&str> {
        let tag = self.base.split_once(':')?.1;
        tag.split('-').find(|part| part.len() > 4 && part.bytes().all(|b| b.is_ascii_lowercase()))
    }

    /// The packages that it has apt install.
    pub fn packages(&self) -> Vec<&str> {
        let commands = self.all("RUN").flat_map(|run| run.text.split("&&"));
        let installing = commands.filter_map(|command| command.split_once("apt-get install"));
        let words = installing.flat_map(|(_, words)| words.split_whitespace());
        words.filter(|word| !word.starts_with('-')).collect()
    }
}

impl Instruction {
    fn read(line: &str) -> Self {
        let (keyword, mut text) = line.split_once(' ').unwrap_or((line, ""));
        let mut options = Vec::new();
        text = text.trim();
        // An instruction in another one (`HEALTHCHECK … CMD`) has its own words after it.
        while text.starts_with("--") {
            let (option, rest) = text.split_once(' ').unwrap_or((text, ""));
            options.push(option.to_owned());
            text = rest.trim();
        }
        Self { keyword: keyword.to_uppercase(), text: text.to_owned(), options }
    }

    /// The words of its JSON, as in `CMD ["worker"]`.
    pub fn words(&self) -> Result<Vec<String>> {
        let json = self.text.trim_start_matches("CMD").trim();
        serde_json::from_str(json).with_context(|| format!("{json} are no words in JSON"))
    }
}

/// Lines that a backslash joins are one; comments are none, between them as well.
fn logical_lines(text: &str) -> Vec<String> {
    let mut lines = Vec::new();
    let mut joined = String::new();
    for line in text.lines().map(str::trim).filter(|line| !line.starts_with('#')) {
        match line.strip_suffix('\\') {
            Some(begun) => joined += begun,
            None => lines.push(std::mem::take(&mut joined) + line),
        }
    }
    lines.retain(|line| !line.is_empty());
    lines
}

#[cfg(test)]
mod tests {
    use super::*;

    const TEXT: &str = r#"
# A comment.
FROM rust:1.95-slim-bookworm AS build
RUN apt-get update \
    && apt-get install --yes \
        # Why.
        cmake \
        g++ \
    && rm -rf /var/lib/apt/lists/*
RUN --mount=type=cache,target=/a cargo build

FROM debian:bookworm-slim
HEALTHCHECK --interval=30s CMD ["is-well"]
CMD ["one"]
CMD ["worker", "--listen", "0.0.0.0:9001"]
"#;

    #[test]
    fn stages_have_a_base_and_packages() {
        let [build, last] = &read(TEXT).unwrap()[..] else { panic!("there are two stages") };
        assert_eq!((build.release(), last.release()), (Some("bookworm"), Some("bookworm")));
        assert_eq!(build.packages(), ["cmake", "g++"]);
        assert!(last.packages().is_empty());
    }

    #[test]
    fn options_are_apart_and_the_last_instruction_counts() {
        let stages = read(TEXT).unwrap();
        let run = stages[0].last("RUN").unwrap();
        assert_eq!(run.text, "cargo build");
        assert_eq!(run.options, ["--mount=type=cache,target=/a"]);
        assert_eq!(stages[1].last("CMD").unwrap().words().unwrap()[0], "worker");
        assert_eq!(stages[1].last("HEALTHCHECK").unwrap().words().unwrap(), ["is-well"]);
        assert!(stages[1].last("USER").is_err());
    }
}
