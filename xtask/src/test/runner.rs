use anyhow::Result;

use crate::counts::{Counts, from_libtest, from_nextest};
use crate::process::{Finished, Output};
use crate::{project, setup};

/// A run that took place: what was counted, and whether the runner was content.
type Counted = (Counts, Result<()>);

type Suite = (&'static str, fn() -> Result<Counted>);

/// The suites by name.
pub const SUITES: &[Suite] =
    &[("tests", run_tests), ("documentation tests", run_documentation_tests)];

fn run_tests() -> Result<Counted> {
    if setup::find_program("cargo-nextest").is_none() {
        println!("cargo-nextest is not installed: using cargo test");
        let targets = ["--lib", "--bins", "--tests", "--examples"];
        return run_libtest(&[&["--no-fail-fast"], &targets[..]].concat());
    }
    let finished = run(&["nextest", "run", "--workspace", "--all-features"])?;
    Ok((from_nextest(&finished.stderr), finished.check()))
}

fn run_documentation_tests() -> Result<Counted> {
    run_libtest(&["--doc"])
}

fn run_libtest(arguments: &[&str]) -> Result<Counted> {
    let finished = run(&[&["test", "--workspace", "--all-features"], arguments].concat())?;
    Ok((from_libtest(&finished.stdout), finished.check()))
}

fn run(arguments: &[&str]) -> Result<Finished> {
    project::cargo().args(arguments).output(Output::Tee).run()
}
