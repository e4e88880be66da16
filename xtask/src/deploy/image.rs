//! Whether the Dockerfile goes with the rest of the project.

use std::collections::BTreeSet;
use std::fs;

use anyhow::{Context, Result, ensure};

use super::command_lines::{self, CommandLine};
use super::dockerfile::{self, Stage};
use crate::{project, setup};

/// The stage that builds the program, and the one that the image is made of.
pub struct Image {
    pub build: Stage,
    pub last: Stage,
    text: String,
}

impl Image {
    pub fn read() -> Result<Self> {
        let text = fs::read_to_string(project::root().join("Dockerfile"));
        let text = text.context("there is no Dockerfile")?;
        let stages = dockerfile::read(&text)?;
        let count = stages.len();
        let [build, last] = <[Stage; 2]>::try_from(stages)
            .map_err(|_| anyhow::anyhow!("it has {count} stages in the place of two"))?;
        Ok(Self { build, last, text })
    }

    /// Debian's name for what both stages are of.
    pub fn release(&self) -> Result<&str> {
        let (build, last) = (self.build.release(), self.last.release());
        ensure!(build == last, "it is built on {build:?} and runs on {last:?}");
        last.with_context(|| format!("{} is of no release", self.last.base))
    }

    /// What it runs when it is told nothing, and what its comments have people type.
    pub fn command_lines(&self) -> Result<Vec<CommandLine>> {
        let mut lines = command_lines::in_comments("Dockerfile", &self.text);
        lines.push(CommandLine::new("Dockerfile", self.last.last("CMD")?.words()?));
        Ok(lines)
    }

    pub fn check(&self) -> Result<String> {
        let release = self.release()?;
        self.check_packages()?;
        self.check_copied()?;
        ensure!(self.last.last("ENTRYPOINT")?.words()? == ["streamsdk"], "it runs something else");
        let user = &self.last.last("USER")?.text;
        let is_number = |id: &str| id.parse::<u32>().is_ok_and(|id| id > 0);
        ensure!(user.split(':').all(is_number), "the user is {user}, which may be root");
        self.last.last("HEALTHCHECK")?;
        Ok(format!("two stages on {release}, user {user}, packages as in `cargo xtask setup`"))
    }

    /// The first stage has what `cargo xtask setup` would install, and the last has nothing to build with.
    fn check_packages(&self) -> Result<()> {
        let installed: BTreeSet<&str> = self.build.packages().into_iter().collect();
        let needed = setup::debian_packages_to_build();
        ensure!(installed == needed, "{installed:?} are installed, and {needed:?} needed");
        let last = self.last.packages();
        ensure!(!last.iter().any(|name| name.ends_with("-dev")), "{last:?} has what builds");
        Ok(())
    }

    /// What is copied from here is there, and is not left out.
    fn check_copied(&self) -> Result<()> {
        let ignored = fs::read_to_string(project::root().join(".dockerignore"))?;
        let copied = self.last.all("COPY").filter(|copy| copy.options.is_empty());
        for file in copied.filter_map(|copy| copy.text.split_whitespace().next()) {
            ensure!(project::root().join(file).is_file(), "there is no {file}");
            let kept = format!("!{file}");
            let is_kept = !file.starts_with("deploy/") || ignored.lines().any(|line| line == kept);
            ensure!(is_kept, ".dockerignore leaves {file} out");
        }
        Ok(())
    }
}
