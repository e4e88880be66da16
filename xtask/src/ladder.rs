//! `cargo xtask ladder`: the same sessions over better and worse paths, which are made up, as a table.

use std::fmt::Write as _;
use std::path::Path;

use anyhow::{Context, Result};
use serde_json::Value;

use crate::document;
use crate::simulate::{Outcome, build};
use crate::tally::closing_line;

const DOCUMENT: &str = "docs/reliability.md";
/// The table stands behind this line of the document.
const BEGIN: &str = "<!-- cargo xtask ladder --write -->";
/// Sessions of each kind over each path.
const SEEDS: u64 = 10;
const KINDS: [(&str, &str); 3] = [
    ("file", "file of 2 MB, 150 frames"),
    ("lossless_camera", "camera, each frame"),
    ("realtime_camera", "camera, in real time"),
];

#[derive(clap::Args)]
pub struct Options {
    /// Write the table into docs/reliability.md
    #[arg(long)]
    write: bool,
}

/// Whether every session came to what it should. The last line printed is the count of the sessions.
pub fn run(options: &Options) -> Result<bool> {
    let simulate = build()?;
    let mut table = String::from("| path |");
    KINDS.iter().try_for_each(|(_, title)| write!(table, " {title} |"))?;
    table.push_str("\n|---|---|---|---|\n");
    let (mut passed, mut failed) = (0, 0);
    for rung in rungs(&simulate)? {
        write!(table, "| {rung} |")?;
        for (kind, _) in KINDS {
            let cell = Cell::fill(&simulate, &rung, kind)?;
            failed += cell.bad;
            passed += cell.outcomes.len() - cell.bad;
            write!(table, " {} |", cell.text())?;
        }
        table.push('\n');
    }
    print!("{table}");
    if options.write {
        document::write_table(DOCUMENT, BEGIN, &table)?;
    }
    println!("{}", closing_line(passed, failed));
    Ok(failed == 0)
}

fn rungs(simulate: &Path) -> Result<Vec<String>> {
    let listed = std::process::Command::new(simulate).arg("--rungs").output()?;
    serde_json::from_slice(&listed.stdout).context("cannot read the names of the paths")
}

/// Sessions of one kind over one path.
struct Cell {
    outcomes: Vec<Value>,
    bad: usize,
}

impl Cell {
    fn fill(simulate: &Path, rung: &str, kind: &str) -> Result<Self> {
        let mut cell = Self { outcomes: Vec::new(), bad: 0 };
        for seed in 0..SEEDS {
            let outcome = Outcome::of(simulate, &[rung, kind, &seed.to_string()])?;
            if !outcome.is_good() {
                println!("{rung}, {kind}, {seed}: {}", outcome.told);
                cell.bad += 1;
            }
            cell.outcomes.push(outcome.told);
        }
        Ok(cell)
    }

    /// How the sessions ended, how long they took, and what was lost.
    fn text(&self) -> String {
        let complete = self.outcomes.iter().filter(|told| told["ended"] == "complete").count();
        let again = self.sum(|told| told["links"].as_u64().unwrap_or(0).saturating_sub(1));
        let frames = self.sum(|told| told["frames"].as_u64().unwrap_or(0));
        let lost = self.sum(|told| told["dropped"]["not_returned"].as_u64().unwrap_or(0));
        let median = self.median("session_s");
        let memory = self.median("peak_kb") / 1024.0;
        let mut text = format!("{complete} of {SEEDS} complete, {median:.1} s");
        if again > 0 {
            text += &format!(", connected again {again} times");
        }
        if lost > 0 {
            text += &format!(", {lost} of {frames} frames not returned");
        }
        text + &format!(", {memory:.0} MB")
    }

    fn sum(&self, of: impl Fn(&Value) -> u64) -> u64 {
        self.outcomes.iter().map(of).sum()
    }

    fn median(&self, field: &str) -> f64 {
        let figures = self.outcomes.iter().map(|told| told[field].as_f64().unwrap_or(0.0));
        let mut figures: Vec<f64> = figures.collect();
        figures.sort_by(f64::total_cmp);
        figures[figures.len() / 2]
    }
}
