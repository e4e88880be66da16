//! The units of systemd, as `systemd-analyze` sees them.

use std::fs;
use std::path::{Path, PathBuf};

use anyhow::{Context, Result, ensure};

use super::command_lines::{self, CommandLine};
use crate::process::{Job, Output};
use crate::project;

const FOLDER: &str = "deploy/systemd";
/// Where the units expect the program.
const PROGRAM: &str = "/usr/bin/streamsdk";
/// What a unit may be exposed to, of 10.0: `systemd-analyze security` calls up to 2.0 "OK".
const MOST_EXPOSED: f64 = 2.0;

pub struct Unit {
    name: String,
    path: PathBuf,
    text: String,
}

/// All that are there.
pub fn read() -> Result<Vec<Unit>> {
    let folder = project::root().join(FOLDER);
    let entries = fs::read_dir(&folder).with_context(|| format!("there is no {FOLDER}"))?;
    let mut units = entries.map(|entry| Unit::read(entry?.path())).collect::<Result<Vec<_>>>()?;
    units.sort_by(|a, b| a.name.cmp(&b.name));
    ensure!(!units.is_empty(), "{FOLDER} is empty");
    Ok(units)
}

impl Unit {
    fn read(path: PathBuf) -> Result<Self> {
        let name = path.file_name().unwrap_or_default().to_string_lossy().into_owned();
        let text = fs::read_to_string(&path).with_context(|| format!("cannot read {name}"))?;
        Ok(Self { name, path, text })
    }

    pub fn command_lines(&self) -> Vec<CommandLine> {
        command_lines::in_unit(&format!("{FOLDER}/{}", self.name), &self.text)
    }
}

/// Whether systemd understands every line. It wants the program to be there: copies name the one that is.
pub fn verify(units: &[Unit], cli: &Path, directory: &Path) -> Result<String> {
    let cli = fs::canonicalize(cli).context("the program is not there")?;
    for unit in units {
        let copy = directory.join(&unit.name);
        fs::write(&copy, unit.text.replace(PROGRAM, &cli.to_string_lossy()))?;
        let verified = analyze("verify").arg(copy).run_successfully()?;
        // What it does not understand it only warns of.
        ensure!(verified.stderr.trim().is_empty(), "{}: {}", unit.name, verified.stderr.trim());
    }
    Ok(format!("{} are understood", units.len()))
}

/// How much a program could do that is taken over by somebody.
pub fn check_exposure(units: &[Unit]) -> Result<String> {
    let threshold = format!("--threshold={:.0}", MOST_EXPOSED * 10.0);
    let mut seen = Vec::new();
    for Unit { name, path, .. } in units {
        let ask = analyze("security").args(["--offline=true", &threshold]).arg(path);
        let answer = ask.run_successfully().with_context(|| format!("{name} is exposed"))?;
        let exposure = exposure(&answer.stdout).context("it does not say how much")?;
        seen.push(format!("{name} {exposure}"));
    }
    Ok(seen.join(", "))
}

fn analyze(command: &str) -> Job {
    Job::new("systemd-analyze").args([command, "--no-pager"]).output(Output::Capture)
}

/// From `→ Overall exposure level for streamsdk-worker.service: 1.3 OK`.
fn exposure(report: &str) -> Option<&str> {
    let (_, level) =
        report.lines().rev().find(|line| line.contains("Overall"))?.split_once(": ")?;
    level.split_whitespace().next()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_exposure_is_in_the_last_line() {
        let report = "✓ User\n\n→ Overall exposure level for a.service: 1.3 OK 🙂\n";
        assert_eq!(exposure(report), Some("1.3"));
        assert_eq!(exposure("nothing"), None);
    }
}
