//! `cargo xtask soak`: whether eight streams of mixed kinds go on for an hour as they began, while the worker is killed
//! every five minutes and started again.
//!
//! It is a user's setup, seen from outside: one client with a file of streams, and one worker. What they hold is read
//! from the system, what the client says of itself from its admin address and from what it tells people, and what comes
//! of the streams from the file that the client writes.

mod checks;
mod client;
mod clock;
mod counts;
mod course;
mod figures;
mod going_on;
mod growth;
mod ledger;
mod lives;
mod results;
mod state;
mod streams;
mod table;
mod told;

use std::fs;
use std::path::PathBuf;
use std::time::Duration;

use anyhow::{Context, Result, ensure};

use self::course::Plan;
use crate::tally::{Tally, closing_line};
use crate::{document, project, setup};

const DOCUMENT: &str = "docs/reliability.md";
/// The tables stand behind this line of the document.
const BEGIN: &str = "<!-- cargo xtask soak --write -->";
/// With less, early and late would be the same.
const LEAST_LIVES: u32 = 3;

#[derive(clap::Args)]
pub struct Options {
    /// How long it goes on
    #[arg(long, default_value_t = 60.0)]
    minutes: f64,
    /// After how many minutes the worker is killed, again and again
    #[arg(long, value_name = "MINUTES", default_value_t = 5.0)]
    kill_every: f64,
    /// Use this streamsdk instead of building it
    #[arg(long, value_name = "PROGRAM")]
    program: Option<PathBuf>,
    /// Keep what the programs wrote even if all is well
    #[arg(long)]
    keep: bool,
    /// Write the tables into docs/reliability.md
    #[arg(long)]
    write: bool,
}

/// Whether everything went on as it began. The last line printed is the count of the checks.
pub fn run(options: &Options) -> Result<bool> {
    let (lives, length) = lives(options)?;
    ensure!(cfg!(target_os = "linux"), "what processes hold is read as Linux tells it");
    setup::ensure(setup::Scope::Everything)?;
    let program = options.program.clone().map_or_else(project::build_optimised_cli, Ok)?;
    let program =
        fs::canonicalize(&program).with_context(|| format!("cannot find {}", program.display()))?;
    let directory = project::work_directory("soak")?.join("run");
    // What the last run has left.
    let _ = fs::remove_dir_all(&directory);
    fs::create_dir_all(&directory)?;

    let plan = Plan { program, directory, lives, length };
    println!("{:.0} minutes, {} kills", plan.minutes(), lives - 1);
    let course = plan.carry_out();
    let course =
        course.with_context(|| format!("what there is is in {}", plan.directory.display()))?;
    let mut tally = Tally::default();
    checks::judge(&course, &mut tally);
    let table = table::of(&course)?;
    println!("\n{table}");
    if options.write {
        document::write_table(DOCUMENT, BEGIN, &table)?;
    }
    if tally.failed() > 0 || options.keep {
        println!("kept in {}", plan.directory.display());
    } else {
        fs::remove_dir_all(&plan.directory)?;
    }
    println!("{}", closing_line(tally.passed(), tally.failed()));
    Ok(tally.failed() == 0)
}

/// How many lives the worker has, and how long each is.
fn lives(options: &Options) -> Result<(u32, Duration)> {
    let Options { minutes, kill_every, .. } = options;
    ensure!((0.2..=1440.0).contains(kill_every), "a kill every {kill_every} minutes");
    ensure!((0.0..=100_000.0).contains(minutes), "{minutes} minutes");
    let lives = (minutes / kill_every).round() as u32;
    ensure!(
        lives >= LEAST_LIVES,
        "{minutes} minutes have {lives} times {kill_every} minutes in them: {LEAST_LIVES} are needed"
    );
    Ok((lives, Duration::from_secs_f64(kill_every * 60.0)))
}
