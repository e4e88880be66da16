//! `cargo xtask simulate`: sessions on a network and a clock that are made up, as many as there is time for.

use std::collections::BTreeMap;
use std::path::{Path, PathBuf};
use std::process::{Command, Stdio};
use std::sync::Mutex;
use std::sync::atomic::{AtomicU64, Ordering};
use std::time::{Duration, Instant};

use anyhow::{Context, Result};
use serde_json::Value;

use crate::project;
use crate::tally::closing_line;

/// So many scenarios are run again, to see whether they take the same course.
const REPEATED: usize = 100;

#[derive(clap::Args)]
pub struct Options {
    /// The scenario of this number only
    #[arg(long, conflicts_with_all = ["hours", "scenarios"])]
    seed: Option<u64>,
    /// How long to go on, on this machine's clock
    #[arg(long)]
    hours: Option<f64>,
    /// How many scenarios to run
    #[arg(long, default_value_t = 1000)]
    scenarios: u64,
    /// The number of the first of them
    #[arg(long, default_value_t = 0)]
    first: u64,
}

/// Whether nothing was found. The last line printed is the count of the scenarios.
pub fn run(options: &Options) -> Result<bool> {
    let simulate = build()?;
    if let Some(seed) = options.seed {
        let outcome = Outcome::of_seed(&simulate, seed)?;
        println!("{:#}", outcome.told);
        return Ok(outcome.is_good());
    }
    let series = Series::new(options);
    let workers = std::thread::available_parallelism().map_or(1, usize::from);
    std::thread::scope(|scope| {
        let workers: Vec<_> =
            (0..workers).map(|_| scope.spawn(|| series.work(&simulate))).collect();
        workers.into_iter().try_for_each(|worker| worker.join().unwrap_or(Ok(())))
    })?;
    series.print();
    let other = with_other_courses(&simulate, options.first)?;
    let same = REPEATED - other.len();
    println!("{same} of {REPEATED} took the same course when they were run again");
    for seed in &other {
        println!("another course: cargo xtask simulate --seed {seed}");
    }
    let Totals { scenarios, bad, .. } = series.all();
    let failed = bad + usize::from(!other.is_empty());
    println!("{}", closing_line(scenarios - bad, failed));
    Ok(failed == 0)
}

/// Builds the program that simulates, and says where it is.
pub(crate) fn build() -> Result<PathBuf> {
    let wanted =
        ["--package", "streamsdk-testkit", "--features", "simulation", "--bin", "simulate"];
    project::cargo().args(["build", "--profile", "simulation"]).args(wanted).run_successfully()?;
    Ok(project::target_directory()?.join("simulation").join("simulate"))
}

/// Which of the first scenarios come to something else when they are run again.
fn with_other_courses(simulate: &Path, first: u64) -> Result<Vec<u64>> {
    let mut other = Vec::new();
    for seed in (first..).take(REPEATED) {
        let once = Outcome::of_seed(simulate, seed)?;
        let again = Outcome::of_seed(simulate, seed)?;
        if once.told["trace"] != again.told["trace"] {
            other.push(seed);
        }
    }
    Ok(other)
}

/// What became of a session.
pub(crate) struct Outcome {
    pub(crate) told: Value,
    cpu_s: f64,
}

impl Outcome {
    fn of_seed(simulate: &Path, seed: u64) -> Result<Self> {
        Self::of(simulate, &[&seed.to_string()])
    }

    /// Started directly, since so short a program is over before it has been looked at.
    pub(crate) fn of(simulate: &Path, arguments: &[&str]) -> Result<Self> {
        let mut program = Command::new(simulate);
        let finished = program.args(arguments).stderr(Stdio::inherit()).output()?;
        let told = serde_json::from_slice(&finished.stdout);
        let mut told: Value =
            told.with_context(|| format!("scenario {arguments:?} said nothing"))?;
        let cost = told.as_object_mut().and_then(|told| told.remove("cpu_s"));
        Ok(Self { told, cpu_s: cost.and_then(|cost| cost.as_f64()).unwrap_or(0.0) })
    }

    pub(crate) fn is_good(&self) -> bool {
        self.told["faults"].as_array().is_some_and(Vec::is_empty)
    }
}

/// Scenarios that follow one another, on all processors.
struct Series {
    next: AtomicU64,
    end: u64,
    until: Option<Instant>,
    totals: Mutex<BTreeMap<String, Totals>>,
}

/// What scenarios of one kind came to.
#[derive(Default, Clone)]
struct Totals {
    scenarios: usize,
    bad: usize,
    simulated: f64,
    cpu_s: f64,
    ended: BTreeMap<String, usize>,
}

impl Series {
    fn new(options: &Options) -> Self {
        let time = options.hours.map(|hours| Duration::from_secs_f64(hours * 3600.0));
        Self {
            next: AtomicU64::new(options.first),
            end: time.map_or(options.first.saturating_add(options.scenarios), |_| u64::MAX),
            until: time.map(|time| Instant::now() + time),
            totals: Mutex::default(),
        }
    }

    fn work(&self, simulate: &Path) -> Result<()> {
        while self.until.is_none_or(|until| Instant::now() < until) {
            let seed = self.next.fetch_add(1, Ordering::Relaxed);
            if seed >= self.end {
                break;
            }
            let outcome = Outcome::of_seed(simulate, seed)?;
            if !outcome.is_good() {
                println!("scenario {seed}: {}", outcome.told);
            }
            self.count(&outcome);
        }
        Ok(())
    }

    fn count(&self, outcome: &Outcome) {
        let Outcome { told, cpu_s } = outcome;
        let kind = told["kind"].as_str().unwrap_or("unknown").to_owned();
        let mut totals = self.lock();
        let totals = totals.entry(kind).or_default();
        totals.scenarios += 1;
        totals.bad += usize::from(!outcome.is_good());
        totals.simulated += told["took_s"].as_f64().unwrap_or(0.0);
        totals.cpu_s += cpu_s;
        let ended = told["ended"].as_str().unwrap_or("not started").to_owned();
        *totals.ended.entry(ended).or_default() += 1;
    }

    fn all(&self) -> Totals {
        self.lock().values().fold(Totals::default(), |all, kind| Totals {
            scenarios: all.scenarios + kind.scenarios,
            bad: all.bad + kind.bad,
            simulated: all.simulated + kind.simulated,
            cpu_s: all.cpu_s + kind.cpu_s,
            ended: BTreeMap::new(),
        })
    }

    fn print(&self) {
        println!(
            "{:<18}{:>10}{:>8}{:>14}{:>16}  ends",
            "kind", "scenarios", "bad", "simulated", "per CPU hour"
        );
        let kinds = self.lock().clone();
        for (kind, totals) in kinds.iter().chain([(&"all".to_owned(), &self.all())]) {
            println!("{kind:<18}{totals}");
        }
    }

    fn lock(&self) -> std::sync::MutexGuard<'_, BTreeMap<String, Totals>> {
        self.totals.lock().unwrap_or_else(std::sync::PoisonError::into_inner)
    }
}

impl std::fmt::Display for Totals {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        let Self { scenarios, bad, simulated, cpu_s, ended } = self;
        let hours = simulated / 3600.0;
        let per_hour = simulated / cpu_s.max(f64::EPSILON);
        write!(f, "{scenarios:>10}{bad:>8}{hours:>12.1} h{per_hour:>14.0} h ")?;
        ended.iter().try_for_each(|(ended, count)| write!(f, " {ended} {count}"))
    }
}
