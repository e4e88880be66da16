//! `cargo xtask view`: the live page of `streamsdk run` in real browsers.
//!
//! The frames show their numbers. Each time the page says that a picture is shown, the number is read from its pixels and
//! compared with that of the frame whose boxes the page drew over it. `cargo xtask interop` does the short form of it;
//! `--write` puts what was found into `docs/view.md`.

mod checks;
mod cost;
mod expect;
mod lossy;
mod worker_page;

use std::fmt::Write as _;
use std::path::{Path, PathBuf};

use anyhow::Result;
use clap::ValueEnum;

use crate::peers::{Browser, Worker, install_javascript_sdk, pages_can_be_visited};
use crate::tally::{Tally, closing_line};
use crate::{project, setup};

use self::checks::Bench;

/// Of the short form: at 30 frames a second, four seconds.
const FEW_PICTURES: u32 = 120;
const BOTH: [Browser; 2] = [Browser::Chromium, Browser::Firefox];

#[derive(clap::Args)]
pub struct Options {
    /// How many pictures are looked at, in each way that they come
    #[arg(long, value_name = "COUNT", default_value_t = 10_000)]
    pictures: u32,
    /// Use only this browser. Default is both
    #[arg(long)]
    browser: Option<BrowserName>,
    /// Do only the checks whose name contains this
    #[arg(long, value_name = "TEXT")]
    only: Option<String>,
    /// Write what was found to docs/view.md
    #[arg(long)]
    write: bool,
    /// Use this streamsdk instead of building it
    #[arg(long, value_name = "PROGRAM")]
    cli: Option<PathBuf>,
}

#[derive(Debug, Clone, Copy, ValueEnum)]
enum BrowserName {
    Chromium,
    Firefox,
}

/// Whether the page is as it shall be. The last line printed is the count of the checks.
pub fn run(options: &Options) -> Result<bool> {
    install_javascript_sdk()?;
    setup::ensure(setup::Scope::Demo)?;
    let cli = options.cli.clone().map_or_else(project::build_optimised_cli, Ok)?;
    let directory = project::work_directory("view")?;
    let browsers = options.browser.map_or(BOTH.to_vec(), |name| match name {
        BrowserName::Chromium => vec![Browser::Chromium],
        BrowserName::Firefox => vec![Browser::Firefox],
    });
    let mut tally = Tally::new(options.only.clone());
    let bench = Bench { cli: &cli, directory: &directory, pictures: options.pictures };
    checks::exactness(&mut tally, &bench, &browsers);
    lossy::exactness(&mut tally, &bench, &browsers);
    for &browser in &browsers {
        checks::behaviour(&mut tally, &bench, browser);
    }
    if browsers.contains(&Browser::Chromium) {
        checks::hostility(&mut tally, &bench);
        checks::appearance(&mut tally, &bench);
        cost::of_viewers(&mut tally, &bench);
    }
    tally.print_table();
    if options.write {
        std::fs::write(project::root().join("docs/view.md"), report(&tally, options.pictures))?;
    }
    println!("{}", closing_line(tally.passed(), tally.failed()));
    Ok(tally.failed() == 0)
}

/// The same of the page of a worker.
pub fn of_a_worker(
    tally: &mut Tally,
    worker: &Worker,
    marked_clip: &Path,
    cli: &Path,
    directory: &Path,
) {
    worker_page::checks(tally, worker, marked_clip, cli, directory);
}

/// The short form, as a part of `cargo xtask interop`.
pub fn in_short(tally: &mut Tally, cli: &Path, directory: &Path) {
    if let Err(why) = pages_can_be_visited() {
        tally.skip("the live page in browsers", &format!("{why:#}"));
        return;
    }
    let bench = Bench { cli, directory, pictures: FEW_PICTURES };
    checks::exactness(tally, &bench, &BOTH);
    checks::behaviour(tally, &bench, Browser::Chromium);
    checks::hostility(tally, &bench);
    checks::appearance(tally, &bench);
}

fn report(tally: &Tally, pictures: u32) -> String {
    let mut report = format!(
        "# The live page in browsers\n\n\
         What `cargo xtask view --pictures {pictures} --write` has found. Frames show their numbers; each time a picture is\n\
         shown, the number in its pixels is compared with that of the frame whose boxes are drawn over it. Both browsers\n\
         ran without a window, on the same machine as the program, and decoded in software.\n\n\
         | check | found |\n|---|---|\n"
    );
    for (name, found) in tally.found() {
        // Writing to a string cannot fail.
        let _ = writeln!(report, "| {name} | {found} |");
    }
    report
}
