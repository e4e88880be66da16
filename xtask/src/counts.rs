//! How many tests passed, from what the test runners print.

use std::collections::BTreeMap;
use std::iter::Sum;

use crate::steps::Steps;
use crate::tally;

#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Counts {
    pub passed: usize,
    pub failed: usize,
}

impl Sum for Counts {
    fn sum<I: Iterator<Item = Self>>(all: I) -> Self {
        all.fold(Self::default(), |a, b| Self {
            passed: a.passed + b.passed,
            failed: a.failed + b.failed,
        })
    }
}

/// From cargo-nextest: `Summary [ 0.5s] 5 tests run: 3 passed (1 slow), 1 failed, 1 timed out, 2 skipped`.
pub fn from_nextest(text: &str) -> Counts {
    let summary = text.lines().rev().find(|line| line.contains("Summary ["));
    let results = summary.and_then(|line| line.split_once("run: ")).map_or("", |(_, rest)| rest);
    results.split(", ").filter_map(number_and_word).map(of_result).sum()
}

/// From libtest, once for every program: `test result: ok. 5 passed; 0 failed; 1 ignored; …`.
pub fn from_libtest(text: &str) -> Counts {
    let results = text.lines().filter_map(|line| line.trim().strip_prefix("test result: "));
    let parts =
        results.filter_map(|line| line.split_once(". ")).flat_map(|(_, rest)| rest.split("; "));
    parts.filter_map(number_and_word).map(of_result).sum()
}

fn number_and_word(part: &str) -> Option<(usize, &str)> {
    let (number, word) = part.trim().split_once(' ')?;
    Some((number.parse().ok()?, word))
}

fn of_result((number, word): (usize, &str)) -> Counts {
    let is = |beginning: &str| word.starts_with(beginning);
    if is("passed") {
        Counts { passed: number, failed: 0 }
    } else if is("failed") || is("timed out") || is("exec failed") {
        Counts { passed: 0, failed: number }
    } else {
        Counts::default()
    }
}

/// The line that closes a task whose steps are named as their counts are.
///
/// A step that failed without a failed test counts as one failure, so that the line never looks clean by mistake.
pub fn closing_line(steps: &Steps, counts: &BTreeMap<&'static str, Counts>) -> String {
    let tests: Counts = counts.values().copied().sum();
    let is_counted = |name: &&str| counts.get(name).is_some_and(|counts| counts.failed > 0);
    let other_failures = steps.failures().filter(|name| !is_counted(name)).count();
    tally::closing_line(tests.passed, tests.failed + other_failures)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_clean_nextest_run_is_counted() {
        let text = "────────────\n     Summary [   0.012s] 412 tests run: 412 passed, 3 skipped\n";
        assert_eq!(from_nextest(text), Counts { passed: 412, failed: 0 });
    }

    #[test]
    fn everything_that_is_not_a_pass_is_a_failure() {
        let text = "     Summary [ 1.2s] 9/10 tests run: 5 passed (1 slow, 1 flaky), 2 failed, 1 timed out, 1 exec failed, 0 skipped\n  FAIL [ 0.1s] a b\n";
        assert_eq!(from_nextest(text), Counts { passed: 5, failed: 4 });
    }

    #[test]
    fn one_test_and_no_summary() {
        assert_eq!(from_nextest("Summary [ 0.1s] 1 test run: 1 passed, 0 skipped").passed, 1);
        assert_eq!(from_nextest("error: could not compile"), Counts::default());
    }

    #[test]
    fn libtest_results_are_added_up() {
        let text = "test result: ok. 5 passed; 0 failed; 1 ignored; 0 measured; 0 filtered out; finished in 0.00s\n\
                    test result: FAILED. 2 passed; 1 failed; 0 ignored; 0 measured; 0 filtered out; finished in 0.00s\n";
        assert_eq!(from_libtest(text), Counts { passed: 7, failed: 1 });
    }

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
