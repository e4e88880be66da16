//! Checks against other programs: each passes or fails with a reason, and a table at the end shows them all.

use std::time::{Duration, Instant};

use anyhow::Result;

use crate::steps::seconds;

#[derive(Default)]
pub struct Tally {
    checks: Vec<Check>,
    only: Option<String>,
}

struct Check {
    name: String,
    duration: Duration,
    /// What was seen, or why it is not right.
    result: Result<String, String>,
}

impl Tally {
    /// With `only`, checks whose name does not contain it are left out.
    pub fn new(only: Option<String>) -> Self {
        Self { checks: Vec::new(), only }
    }

    /// Does one check. Its error is the reason why it failed.
    pub fn check(&mut self, name: &str, check: impl FnOnce() -> Result<String>) {
        if self.only.as_ref().is_some_and(|only| !name.contains(only.as_str())) {
            return;
        }
        self.necessary(name, || Ok((check()?, ())));
    }

    /// Says that a check is not done, and why. It counts as neither.
    pub fn skip(&self, name: &str, why: &str) {
        println!("-- {name}\n   skipped: {why}");
    }

    /// Does something that other checks need the result of; it is never left out.
    pub fn necessary<T>(
        &mut self,
        name: &str,
        check: impl FnOnce() -> Result<(String, T)>,
    ) -> Option<T> {
        println!("-- {name}");
        let started = Instant::now();
        let (result, value) = match check() {
            Ok((seen, value)) => (Ok(seen), Some(value)),
            Err(error) => (Err(format!("{error:#}")), None),
        };
        let check = Check { name: name.into(), duration: started.elapsed(), result };
        println!("   {}", check.verdict());
        self.checks.push(check);
        value
    }

    pub fn passed(&self) -> usize {
        self.checks.iter().filter(|check| check.result.is_ok()).count()
    }

    pub fn failed(&self) -> usize {
        self.checks.len() - self.passed()
    }

    /// The checks by name, and what was seen, or why it is not right.
    pub fn found(&self) -> impl Iterator<Item = (&str, &str)> {
        self.checks.iter().map(|check| {
            let (Ok(found) | Err(found)) = &check.result;
            (check.name.as_str(), found.as_str())
        })
    }

    pub fn print_table(&self) {
        let widest = self.checks.iter().map(|check| check.name.chars().count()).max().unwrap_or(0);
        println!("\n{:-<100}", "");
        for Check { name, duration, result } in &self.checks {
            let word = if result.is_ok() { "ok" } else { "FAILED" };
            println!("{name:<widest$} {:>8}  {word}", seconds(*duration));
        }
        println!("{:-<100}", "");
    }
}

impl Check {
    fn verdict(&self) -> String {
        match &self.result {
            Ok(seen) => format!("ok ({}): {seen}", seconds(self.duration)),
            Err(why) => format!("FAILED ({}): {why}", seconds(self.duration)),
        }
    }
}

/// The line that closes every run, and that `.ci/run` adds up.
pub fn closing_line(passed: usize, failed: usize) -> String {
    format!("{passed} passed, {failed} failed")
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn checks_are_counted_by_their_result() {
        let mut tally = Tally::default();
        tally.check("good", || Ok("300 of 300".into()));
        tally.check("bad", || anyhow::bail!("299 of 300"));
        let value = tally.necessary("gives", || Ok((String::new(), 7)));
        assert_eq!((tally.passed(), tally.failed(), value), (2, 1, Some(7)));
        assert_eq!(closing_line(tally.passed(), tally.failed()), "2 passed, 1 failed");
    }

    #[test]
    fn only_the_named_checks_are_done() {
        let mut tally = Tally::new(Some("worker".into()));
        tally.check("python and our worker", || Ok(String::new()));
        tally.check("our client", || panic!("it was done"));
        assert_eq!(tally.passed(), 1);
    }
}
