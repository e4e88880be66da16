//! A task of several steps: each is announced and timed, and a table at the end says how they went.

use std::time::{Duration, Instant};

use anyhow::Result;

/// How a step ended that did not fail.
pub enum Outcome {
    /// With what is worth knowing about it; may be empty.
    Done(String),
    /// With the reason.
    Skipped(String),
}

pub struct Steps {
    keep_going: bool,
    taken: Vec<Taken>,
}

struct Taken {
    name: &'static str,
    duration: Duration,
    result: Result<Outcome>,
}

impl Steps {
    /// Without `keep_going`, nothing is done any more after the first step that fails.
    pub fn new(keep_going: bool) -> Self {
        Self { keep_going, taken: Vec::new() }
    }

    pub fn take(&mut self, name: &'static str, step: impl FnOnce() -> Result<Outcome>) {
        if self.failed() && !self.keep_going {
            return;
        }
        println!("\n== {name}");
        let started = Instant::now();
        let result = step();
        let taken = Taken { name, duration: started.elapsed(), result };
        println!("== {}", taken.line());
        self.taken.push(taken);
    }

    pub fn failed(&self) -> bool {
        self.taken.iter().any(|taken| taken.result.is_err())
    }

    /// The steps that failed, by name.
    pub fn failures(&self) -> impl Iterator<Item = &'static str> {
        self.taken.iter().filter(|taken| taken.result.is_err()).map(|taken| taken.name)
    }

    pub fn print_table(&self) {
        let total: Duration = self.taken.iter().map(|taken| taken.duration).sum();
        println!("\n{:-<100}", "");
        for taken in &self.taken {
            println!("{}", taken.line());
        }
        println!("{:<22} {:>8}", "altogether", seconds(total));
        println!("{:-<100}", "");
    }
}

impl Taken {
    fn line(&self) -> String {
        let ending = match &self.result {
            Ok(Outcome::Done(note)) => format!("ok       {note}"),
            Ok(Outcome::Skipped(why)) => format!("skipped  {why}"),
            // What a program said besides was shown when it said it.
            Err(error) => {
                format!("FAILED   {}", format!("{error:#}").lines().next().unwrap_or_default())
            }
        };
        format!("{:<22} {:>8}  {}", self.name, seconds(self.duration), ending.trim_end())
    }
}

pub fn seconds(duration: Duration) -> String {
    format!("{:.1} s", duration.as_secs_f64())
}

#[cfg(test)]
mod tests {
    use super::*;

    fn fail() -> Result<Outcome> {
        anyhow::bail!("broken")
    }

    fn done() -> Result<Outcome> {
        Ok(Outcome::Done(String::new()))
    }

    #[test]
    fn nothing_is_done_after_a_failure() {
        let mut steps = Steps::new(false);
        steps.take("first", fail);
        steps.take("second", || panic!("it was taken"));
        assert_eq!(steps.failures().collect::<Vec<_>>(), ["first"]);
    }

    #[test]
    fn keep_going_does_the_rest_and_remembers_the_failure() {
        let mut steps = Steps::new(true);
        steps.take("first", fail);
        steps.take("second", done);
        steps.take("third", fail);
        assert!(steps.failed());
        assert_eq!(steps.failures().collect::<Vec<_>>(), ["first", "third"]);
    }
}
