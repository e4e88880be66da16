//! `cargo xtask test`: everything that must hold before a change is merged.

mod counts;
mod minimum_rust;
mod runner;

use std::collections::BTreeMap;

use anyhow::Result;

use crate::process::Job;
use crate::steps::{Outcome, Steps};
use crate::{project, setup, tally};
use counts::Counts;

#[derive(clap::Args)]
pub struct Options {
    /// Take every step, even after one has failed
    #[arg(long)]
    keep_going: bool,
}

/// Whether every step succeeded. The last line printed is the count of the tests.
pub fn run(options: &Options) -> Result<bool> {
    let mut steps = Steps::new(options.keep_going);
    let mut counts = BTreeMap::new();
    steps.take("setup", || setup::ensure(setup::Scope::Test).map(done));
    steps.take("format", || cargo(&["fmt", "--all", "--check"]));
    steps.take("clippy", clippy);
    for (name, suite) in runner::SUITES {
        steps.take(name, || {
            let (counted, result) = suite()?;
            counts.insert(*name, counted);
            result.map(|()| Outcome::Done(tally::closing_line(counted.passed, counted.failed)))
        });
    }
    steps.take("documentation", documentation);
    steps.take("default features", build_without_system_libraries);
    steps.take("minimum Rust", minimum_rust::check);
    steps.take("fuzz targets", build_fuzz_targets);
    steps.take("licences", check_licences);

    steps.print_table();
    println!("{}", closing_line(&steps, &counts));
    Ok(!steps.failed())
}

/// A step that failed without a failed test counts as one failure, so that the line never looks clean by mistake.
fn closing_line(steps: &Steps, counts: &BTreeMap<&'static str, Counts>) -> String {
    let tests: Counts = counts.values().copied().sum();
    let is_counted = |name: &&str| counts.get(name).is_some_and(|counts| counts.failed > 0);
    let other_failures = steps.failures().filter(|name| !is_counted(name)).count();
    tally::closing_line(tests.passed, tests.failed + other_failures)
}

fn clippy() -> Result<Outcome> {
    cargo(&["clippy", "--workspace", "--all-targets", "--all-features", "--", "-D", "warnings"])
}

fn documentation() -> Result<Outcome> {
    let doc = ["doc", "--workspace", "--no-deps", "--all-features"];
    finish(project::cargo().args(doc).env("RUSTDOCFLAGS", "-D warnings"))
}

/// With a pkg-config that always fails, every crate that asks for a system library fails to build.
fn build_without_system_libraries() -> Result<Outcome> {
    finish(project::cargo().arg("build").env("PKG_CONFIG", "false"))
}

fn build_fuzz_targets() -> Result<Outcome> {
    let manifest = project::root().join("fuzz/Cargo.toml");
    if !manifest.is_file() {
        return Ok(Outcome::Skipped("there are none".into()));
    }
    let target = project::target_directory()?.join("fuzz");
    let build = project::cargo().arg("build").arg("--manifest-path").arg(manifest);
    finish(build.arg("--target-dir").arg(target))
}

fn check_licences() -> Result<Outcome> {
    if setup::find_program("cargo-deny").is_none() {
        return Ok(Outcome::Skipped("cargo-deny is not installed".into()));
    }
    cargo(&["deny", "--all-features", "check", "bans", "licenses", "sources"])
}

fn cargo(arguments: &[&str]) -> Result<Outcome> {
    finish(project::cargo().args(arguments))
}

fn finish(job: Job) -> Result<Outcome> {
    job.run_successfully().map(|_| done(()))
}

fn done((): ()) -> Outcome {
    Outcome::Done(String::new())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_failed_step_never_leaves_a_clean_closing_line() {
        let mut steps = Steps::new(true);
        steps.take("clippy", || anyhow::bail!("a lint"));
        steps.take("tests", || anyhow::bail!("two tests failed"));
        let counts = BTreeMap::from([("tests", Counts { passed: 10, failed: 2 })]);
        assert_eq!(closing_line(&steps, &counts), "10 passed, 3 failed");
        assert_eq!(closing_line(&steps, &BTreeMap::new()), "0 passed, 2 failed");
    }
}
