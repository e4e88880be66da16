//! `cargo xtask webcam`: what reads cameras, in a virtual machine that has some.
//!
//! Machines that run tests have no camera, and often a kernel that takes no driver. So Debian's kernel is booted
//! in qemu, with drivers that play cameras. The programs are those that are built here: the virtual machine sees
//! the files of this one.

mod checks;
mod debian;
mod doctor;
mod errand;
mod example;
mod loopback;
mod modules;
mod ramdisk;
mod system;

use std::collections::BTreeMap;
use std::path::PathBuf;

use anyhow::Result;

pub use self::doctor::diagnoses_beside_a_session;
pub use self::system::System;
use crate::counts::{Counts, closing_line};
use crate::steps::{Outcome, Steps};
use crate::{setup, tally};

#[derive(clap::Args)]
pub struct Options {
    /// Use this streamsdk instead of building it
    #[arg(long, value_name = "PROGRAM")]
    cli: Option<PathBuf>,
    /// How often the worker of a camera's session is killed
    #[arg(long, value_name = "TIMES", default_value_t = 3)]
    kills: u32,
    /// Only run this shell script in the virtual machine, as root
    #[arg(long, value_name = "FILE")]
    script: Option<PathBuf>,
}

/// Whether every check passed. The last line printed is their count.
pub fn run(options: &Options) -> Result<bool> {
    let system = match prepare() {
        Ok(system) => system,
        Err(error) => {
            eprintln!("error: {error:#}");
            println!("{}", tally::closing_line(0, 1));
            return Ok(false);
        }
    };
    match &options.script {
        Some(script) => checks::script(&system, script)?.check().map(|()| true),
        None => Ok(check(options, &system)),
    }
}

/// Everything for a virtual machine with cameras; an error says why there can be none.
pub fn prepare() -> Result<System> {
    debian::ensure_host()?;
    setup::ensure(setup::Scope::Webcam)?;
    System::install()
}

fn check(options: &Options, system: &System) -> bool {
    let mut steps = Steps::new(true);
    let mut counts = BTreeMap::new();
    steps.take("tests", || {
        let (counted, result) = checks::tests(system)?;
        counts.insert("tests", counted);
        result.map(|()| Outcome::Done(tally::closing_line(counted.passed, counted.failed)))
    });
    steps.take("a session", || {
        let seen = checks::session(system, options.cli.as_deref())?;
        counts.insert("a session", Counts { passed: 1, failed: 0 });
        Ok(Outcome::Done(seen))
    });
    steps.take("kills", || {
        let seen = checks::kills(system, options.cli.as_deref(), options.kills)?;
        counts.insert("kills", Counts { passed: 1, failed: 0 });
        Ok(Outcome::Done(seen))
    });
    steps.take("an example", || {
        let seen = example::run(system, options.cli.as_deref())?;
        counts.insert("an example", Counts { passed: 1, failed: 0 });
        Ok(Outcome::Done(seen))
    });
    steps.print_table();
    println!("{}", closing_line(&steps, &counts));
    !steps.failed()
}
