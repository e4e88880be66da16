//! What was seen, as tables of Markdown.

use std::fmt::Write as _;

use anyhow::{Context, Result};

use super::checks::{Figure, comparable};
use super::course::{Course, Sample};
use super::going_on::{Gap, gaps, rates};
use super::growth::{early_and_late, median, percentile};
use super::results::StreamResults;
use super::streams::{FILES, LIVE};

pub(super) fn of(course: &Course) -> Result<String> {
    let tables = [of_the_client(course)?, of_the_streams(course)?, of_the_lives(course)?];
    Ok(tables.join("\n"))
}

fn of_the_client(course: &Course) -> Result<String> {
    let mut table = String::from("| the client | early | at the end |\n|---|---|---|\n");
    let figures: [(&str, Figure); 3] = [
        ("resident memory, MB", |it| it.memory_mb),
        ("threads", |it| it.threads),
        ("open descriptors", |it| it.descriptors),
    ];
    for (name, of) in figures {
        let (early, late) = early_and_late(&comparable(course, of))?;
        writeln!(table, "| {name} | {early:.0} | {late:.0} |")?;
    }
    let last = course.lives.len().saturating_sub(1);
    let (early, late) = (client_load(course, 1)?, client_load(course, last)?);
    writeln!(table, "| CPU, % of a core | {early:.0} | {late:.0} |")?;
    Ok(table)
}

fn of_the_streams(course: &Course) -> Result<String> {
    let mut table = String::from(
        "| stream | results | a second, early | at the end | sessions | connected again | to go on, p50 | max |\n\
         |---|---|---|---|---|---|---|---|\n",
    );
    let gaps = gaps(course);
    let state = &course.samples.last().context("there was no sample")?.streams;
    for name in LIVE.iter().chain(&FILES) {
        let stream = state.get(*name).with_context(|| format!("{name} is gone"))?;
        let results = course.results.streams.get(*name).map_or(0, |stream| stream.total());
        let (early, late) = rates(course, name);
        let again = stream.links.saturating_sub(stream.sessions);
        let sessions = stream.sessions;
        let [p50, max] = gone_on(&gaps, |gap| gap.stream == *name);
        let name = name.replace('_', " ");
        writeln!(
            table,
            "| {name} | {results} | {early:.1} | {late:.1} | {sessions} | {again} | {p50} | {max} |"
        )?;
    }
    Ok(table)
}

fn of_the_lives(course: &Course) -> Result<String> {
    let mut table = String::from(
        "| life of the worker | its memory at its end, MB | threads | descriptors | CPU, % of a core | memory of the client, MB | \
         CPU, % of a core | results | the last stream to go on |\n|---|---|---|---|---|---|---|---|---|\n",
    );
    let gaps = gaps(course);
    for (index, life) in course.lives.iter().enumerate() {
        let figures = life.figures;
        let load = 100.0 * figures.cpu_s / life.seconds();
        let samples = course.samples.iter().filter(|sample| sample.life == index);
        let memory: Vec<f64> = samples.map(|sample| sample.client.memory_mb).collect();
        let client_load = client_load(course, index)?;
        let of_life = |stream: &StreamResults| stream.life(index).map_or(0, |it| it.results);
        let results: u64 = course.results.streams.values().map(of_life).sum();
        let [_, last] = gone_on(&gaps, |gap| gap.life == index);
        writeln!(
            table,
            "| {} | {:.0} | {} | {} | {load:.0} | {:.0} | {client_load:.0} | {results} | {last} |",
            index + 1,
            figures.memory_mb,
            figures.threads,
            figures.descriptors,
            median(&memory)?,
        )?;
    }
    Ok(table)
}

/// The median and the longest time.
fn gone_on(gaps: &[Gap], is_wanted: impl Fn(&Gap) -> bool) -> [String; 2] {
    let seconds: Vec<f64> =
        gaps.iter().filter(|gap| is_wanted(gap)).filter_map(|gap| gap.seconds).collect();
    [0.5, 1.0].map(|part| {
        percentile(&seconds, part).map_or_else(|_| "–".to_owned(), |it| format!("{it:.1} s"))
    })
}

/// What it took of a core in this life of the worker.
fn client_load(course: &Course, life: usize) -> Result<f64> {
    let samples: Vec<&Sample> = course.samples.iter().filter(|it| it.life == life).collect();
    let (first, last) = samples.first().zip(samples.last()).context("a life has no samples")?;
    let seconds = last.at.saturating_sub(first.at).as_secs_f64();
    let used = last.client.cpu_s - first.client.cpu_s;
    Ok(if seconds > 0.0 { 100.0 * used / seconds } else { 0.0 })
}
