//! Tests of some packages, run in some way.

use anyhow::Result;

use crate::counts::{Counts, from_libtest};
use crate::process::{Job, Output};
use crate::project;

/// Some tests, and how they are run.
pub(super) struct Run {
    pub(super) name: &'static str,
    /// Which packages, features and tests, as cargo is told.
    pub(super) tests: &'static [&'static str],
    /// A cargo that runs tests in this way. An error says what is missing.
    pub(super) cargo: fn() -> Result<Job>,
}

impl Run {
    /// What was counted, and whether nothing was found.
    pub(super) fn take(&self) -> Result<(Counts, Result<()>)> {
        let tests = (self.cargo)()?.args(self.tests).output(Output::Tee);
        let finished = tests.run()?;
        Ok((from_libtest(&finished.stdout), finished.check()))
    }
}

/// The file of what is known and not held against anybody.
pub(super) fn known(file: &str) -> String {
    project::root().join("tests/sanitizers").join(file).display().to_string()
}
