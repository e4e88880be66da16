//! What is judged in the end, check by check.

use std::fs;

use anyhow::{Context, Result, ensure};

use super::course::{Course, Sample};
use super::figures::Figures;
use super::going_on::{gaps, judge_gaps, judge_rates, rates};
use super::growth::{Allowed, early_and_late, first_and_last_two};
use super::ledger::{judge_causes, judge_counts, judge_order};
use super::streams::LIVE;
use super::told::Told;
use crate::tally::Tally;

/// An allocator gives back what it likes.
const MEMORY: Allowed = Allowed { times: 1.1, more: 4.0 };
/// Threads that wait for work end after a while, and begin again when there is some.
const THREADS: Allowed = Allowed { times: 1.0, more: 2.0 };
/// Two sessions of files have just begun, or are about to end: sockets, and the file that is read.
const DESCRIPTORS: Allowed = Allowed { times: 1.0, more: 3.0 };
const WORKER_MEMORY: Allowed = Allowed { times: 1.15, more: 0.0 };
/// As `docs/streams.md` says of a client that was told to end.
const INTERRUPTED: i32 = 130;
/// The 10 s that it has for what has arrived, and some for everything else.
const END_SECONDS: f64 = 12.0;

pub(super) fn judge(course: &Course, tally: &mut Tally) {
    let told = Told::read(&course.end.log);
    for (name, unit, allowed, of) in FIGURES {
        tally.check(&format!("the client's {name}"), || {
            let (early, late) = early_and_late(&comparable(course, of))?;
            allowed.check(name, unit, early, late)
        });
    }
    tally.check("every stream goes on after every kill", || judge_gaps(&gaps(course)));
    tally.check("live streams have as many results as before", || {
        judge_rates(LIVE.iter().map(|&stream| (stream, rates(course, stream))))
    });
    tally.check("every frame came back or is counted under one cause", || {
        judge_causes(&told, course.samples.iter().map(|sample| &sample.streams))
    });
    tally.check("the results of every session are in order", || judge_order(&course.results));
    tally.check("what was counted is in the file of results", || {
        let last = course.samples.last().context("there was no sample")?;
        judge_counts(&told, &course.results, &last.streams)
    });
    tally.check("the worker's memory from life to life", || {
        let memory: Vec<f64> = course.lives.iter().map(|life| life.figures.memory_mb).collect();
        let (first, last) = first_and_last_two(&memory)?;
        WORKER_MEMORY.check("memory right before the kill", " MB", first, last)
    });
    tally.check("the client ends when it is told to", || judge_end(course));
    tally.check("nothing has panicked", || judge_logs(course));
}

pub(super) type Figure = fn(&Figures) -> f64;

const FIGURES: [(&str, &str, Allowed, Figure); 3] = [
    ("memory", " MB", MEMORY, |it| it.memory_mb),
    ("threads", "", THREADS, |it| it.threads),
    ("descriptors", "", DESCRIPTORS, |it| it.descriptors),
];

/// A figure of the client at moments of the same kind: when all eight streams have a session, and after the first kill.
/// What it needs for connecting again is there by then, and so is all that a first session sets up; what is
/// added later is added by going on. Of an hour, the first tenth of this is minutes 5 to 10.
pub(super) fn comparable(course: &Course, of: Figure) -> Vec<f64> {
    let is_judged = |sample: &&Sample| sample.life > 0 && sample.is_complete();
    course.samples.iter().filter(is_judged).map(|sample| of(&sample.client)).collect()
}

fn judge_end(course: &Course) -> Result<String> {
    let seconds = course.end.took.as_secs_f64();
    let status = course.end.status;
    let status = status.with_context(|| format!("it has not ended within {seconds:.0} s"))?;
    ensure!(status.code() == Some(INTERRUPTED), "it has ended with {status}");
    ensure!(seconds <= END_SECONDS, "it took {seconds:.1} s, and has {END_SECONDS} s");
    Ok(format!("after {seconds:.1} s with {status}"))
}

fn judge_logs(course: &Course) -> Result<String> {
    let mut logs = vec![course.end.log.clone()];
    for path in &course.worker_logs {
        logs.push(String::from_utf8_lossy(&fs::read(path)?).into_owned());
    }
    let panicked = logs.iter().flat_map(|log| log.lines()).find(|line| line.contains("panicked"));
    ensure!(panicked.is_none(), "{}", panicked.unwrap_or_default());
    Ok(format!("in {} logs", logs.len()))
}
