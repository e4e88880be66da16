use std::thread::available_parallelism;

use anyhow::Result;

use crate::counts::{Counts, from_libtest, from_nextest};
use crate::process::{Job, Output};
use crate::{project, setup};

/// A run that took place: what was counted, and whether the runner was content.
type Counted = (Counts, Result<()>);

type Suite = (&'static str, fn() -> Result<Counted>);

/// The suites by name.
pub const SUITES: &[Suite] = &[
    ("tests", run_tests),
    ("documentation tests", run_documentation_tests),
    ("as on other systems", run_as_on_other_systems),
];

/// What has Linux to itself in the default features, and something else for other systems.
const WITH_ANOTHER_WAY: &[&str] =
    &["--package", "streamsdk-transport", "--package", "streamsdk-cli"];

/// Most tests wait for most of their time.
const TESTS_PER_CORE: usize = 2;

fn run_tests() -> Result<Counted> {
    if setup::find_program("cargo-nextest").is_none() {
        println!("cargo-nextest is not installed: using cargo test");
        let targets = ["--lib", "--bins", "--tests", "--examples"];
        return run_libtest(&[&["--no-fail-fast"], &targets[..]].concat());
    }
    let at_once = TESTS_PER_CORE * available_parallelism()?.get();
    let nextest = project::cargo().args(["nextest", "run", "--workspace", "--all-features"]);
    let nextest = nextest.args(["--test-threads", &at_once.to_string()]);
    let finished = nextest.output(Output::Tee).run()?;
    Ok((from_nextest(&finished.stderr), finished.check()))
}

fn run_documentation_tests() -> Result<Counted> {
    run_libtest(&["--doc"])
}

/// The compiler is wrapped rather than given flags, with which every dependency would be built again.
fn run_as_on_other_systems() -> Result<Counted> {
    let wrapper = project::root().join("tests/portable/rustc");
    let tests = project::cargo().args(["test", "--no-fail-fast"]).args(WITH_ANOTHER_WAY);
    let tests = tests.args(["--lib", "--bins", "--tests"]);
    count_libtest(tests.env("RUSTC_WORKSPACE_WRAPPER", wrapper))
}

fn run_libtest(arguments: &[&str]) -> Result<Counted> {
    let tests = project::cargo().args(["test", "--workspace", "--all-features"]);
    count_libtest(tests.args(arguments))
}

fn count_libtest(tests: Job) -> Result<Counted> {
    let finished = tests.output(Output::Tee).run()?;
    Ok((from_libtest(&finished.stdout), finished.check()))
}
