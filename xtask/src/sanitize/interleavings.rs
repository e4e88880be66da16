//! What threads share without one lock for all, in every order that can make a difference.

use anyhow::Result;

use super::runs::Run;
use crate::process::Job;
use crate::project;

pub(super) const RUNS: &[Run] = &[Run {
    name: "interleavings",
    tests: &["--package", "streamsdk-interleavings", "--tests"],
    cargo,
}];

fn cargo() -> Result<Job> {
    Ok(project::cargo().args(["test", "--no-fail-fast"]))
}
