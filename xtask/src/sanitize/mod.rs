//! `cargo xtask sanitize`: tests under the sanitizers, under valgrind, and over every order of their threads.

mod address;
mod interleavings;
mod memory;
mod nightly;
mod runs;
mod thread;

use std::collections::BTreeMap;

use anyhow::Result;
use clap::ValueEnum;

use self::runs::Run;
use crate::counts::closing_line;
use crate::steps::{Outcome, Steps};
use crate::tally;

#[derive(clap::Args)]
pub struct Options {
    /// What to look for; everything if none is named
    #[arg(value_enum)]
    kinds: Vec<Kind>,
}

#[derive(Clone, Copy, ValueEnum)]
enum Kind {
    /// Memory that is used wrongly or never freed, by the address sanitizer. Needs nightly
    Address,
    /// Data races, by the thread sanitizer. Needs nightly and its rust-src
    Thread,
    /// Memory that is used wrongly or never freed, in C libraries too, by valgrind
    Memory,
    /// Threads in every order that can make a difference, by loom
    Interleavings,
}

/// Whether nothing was found. The last line printed is the count of the tests.
pub fn run(options: &Options) -> Result<bool> {
    let mut steps = Steps::new(true);
    let mut counts = BTreeMap::new();
    for run in options.kinds().iter().flat_map(|kind| kind.runs()) {
        steps.take(run.name, || {
            let (counted, result) = run.take()?;
            counts.insert(run.name, counted);
            result.map(|()| Outcome::Done(tally::closing_line(counted.passed, counted.failed)))
        });
    }
    steps.print_table();
    println!("{}", closing_line(&steps, &counts));
    Ok(!steps.failed())
}

impl Options {
    fn kinds(&self) -> &[Kind] {
        if self.kinds.is_empty() { Kind::value_variants() } else { &self.kinds }
    }
}

impl Kind {
    fn runs(self) -> &'static [Run] {
        match self {
            Self::Address => address::RUNS,
            Self::Thread => thread::RUNS,
            Self::Memory => memory::RUNS,
            Self::Interleavings => interleavings::RUNS,
        }
    }
}
