//! `cargo xtask distro RELEASE`: what is built, run and tested here, in a bare Debian of another release.
//!
//! It is installed into a folder from Debian's packages. Rust and what cargo has fetched are those of this machine.

mod mirror;
mod system;

use std::collections::BTreeMap;

use anyhow::{Result, ensure};

use crate::counts::{Counts, closing_line, from_libtest};
use crate::process::{Job, Output};
use crate::steps::{Outcome, Steps};
use crate::{project, setup, tally};
pub use mirror::configured as configured_mirror;
pub use system::System;

/// What a program with VP8 alone needs beside Rust.
const NEEDED_FOR_VP8: &[&str] = &["libvpx-dev", "pkg-config"];

/// Where the system's libraries are used: pixels and codecs, files and streams, tracks, whole sessions.
const TESTED: &[&str] =
    &["streamsdk-media", "streamsdk-capture", "streamsdk-video", "streamsdk-tests"];

#[derive(clap::Args)]
pub struct Options {
    /// The release's name: `bookworm` for Debian 12, `trixie` for 13, `sid` for what comes
    release: String,
    /// Take Debian's packages from here. Default is where apt takes them from on this machine
    #[arg(long, value_name = "URL")]
    mirror: Option<String>,
    /// Leave the folder with the system in it
    #[arg(long)]
    keep: bool,
}

/// Whether every step succeeded. The last line printed is the count of the tests.
pub fn run(options: &Options) -> Result<bool> {
    let mut steps = Steps::new(false);
    let mut counts = BTreeMap::new();
    let mut system = None;
    steps.take("system", || {
        system = Some(prepare(options)?);
        Ok(Outcome::Done(String::new()))
    });
    if let Some(system) = &system {
        take_steps(system, &mut steps, &mut counts);
        if !options.keep {
            system.remove()?;
        }
    }
    steps.print_table();
    println!("{}", closing_line(&steps, &counts));
    Ok(!steps.failed())
}

fn prepare(options: &Options) -> Result<System> {
    ensure!(cfg!(target_os = "linux"), "a Debian can only be entered on Linux");
    ensure!(
        nix::unistd::geteuid().is_root(),
        "this has to be run as root: it changes the root directory"
    );
    setup::ensure(setup::Scope::Distro)?;
    let mirror = options.mirror.clone().map_or_else(configured_mirror, Ok)?;
    // In there nothing is fetched but Debian's packages.
    let target = format!("{}-unknown-linux-gnu", std::env::consts::ARCH);
    project::cargo().args(["fetch", "--locked", "--target", &target]).run_successfully()?;
    System::install(&options.release, &mirror)
}

fn take_steps(system: &System, steps: &mut Steps, counts: &mut BTreeMap<&'static str, Counts>) {
    take_tests(steps, counts, "VP8 without libclang", || {
        system.install_packages(NEEDED_FOR_VP8)?;
        Ok(system.cargo().args([
            "test",
            "--release",
            "--package",
            "streamsdk-media",
            "--features",
            "vp8",
        ]))
    });
    steps.take("demo", || {
        system.cargo().args(["xtask", "demo"]).run_successfully()?;
        system.versions().map(Outcome::Done)
    });
    take_tests(steps, counts, "tests", || {
        let packages = TESTED.iter().flat_map(|name| ["--package", name]);
        let cargo = system.cargo().args(["test", "--release", "--all-features", "--no-fail-fast"]);
        Ok(cargo.args(packages))
    });
}

fn take_tests(
    steps: &mut Steps,
    counts: &mut BTreeMap<&'static str, Counts>,
    name: &'static str,
    job: impl FnOnce() -> Result<Job>,
) {
    steps.take(name, || {
        let finished = job()?.output(Output::Tee).run()?;
        let counted = from_libtest(&finished.stdout);
        counts.insert(name, counted);
        finished.check()?;
        Ok(Outcome::Done(tally::closing_line(counted.passed, counted.failed)))
    });
}
