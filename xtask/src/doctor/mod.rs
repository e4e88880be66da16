//! `cargo xtask doctor`: what `streamsdk doctor` finds where one thing is wrong, and where nothing is.
//!
//! A client is behind two routers, and at the end of the path are a worker, a TURN server (coturn), which answers STUN
//! at two addresses, and nothing that is wrong. Each fault is made with real means: routers that drop packets, links
//! that lose them, certificates that are over, servers that refuse. A camera that is in use is one of a virtual machine.

mod bed;
mod diagnosis;
mod faults;

use std::path::{Path, PathBuf};
use std::thread;
use std::time::Duration;

use anyhow::{Context, Result, ensure};

use self::bed::Bed;
use self::diagnosis::Diagnosis;
use self::faults::{CAMERA_BUSY, FAULTS, Fault, WIDE};
use crate::clip::Clip;
use crate::process::Finished;
use crate::steps::{Outcome, Steps, seconds};
use crate::tally::closing_line;
use crate::{namespaces, project, setup, webcam};

#[derive(clap::Args)]
pub struct Options {
    /// Only the faults whose name has this in it, and nothing that is healthy
    #[arg(long, value_name = "TEXT")]
    only: Option<String>,
    /// How often it is run where nothing is wrong
    #[arg(long, value_name = "TIMES", default_value_t = 200)]
    healthy: usize,
    /// Leave out the camera, which takes a virtual machine
    #[arg(long)]
    no_camera: bool,
    /// Use this streamsdk instead of building it
    #[arg(long, value_name = "PROGRAM")]
    cli: Option<PathBuf>,
}

/// It promises that.
const BAR: Duration = Duration::from_secs(5);
/// So many of the faults have to be named.
const BAR_NAMED: (usize, usize) = (19, 20);
/// Each waits for most of its time.
const AT_ONCE: usize = 4;
const CLIP: Clip = Clip { width: 160, height: 120, frames: 15 };

/// Whether every fault was named, and nothing else. The last line printed is the count of the faults and of the run
/// without one.
pub fn run(options: &Options) -> Result<bool> {
    if let Err(reason) = namespaces::possible() {
        println!("skipped: {reason:#}");
        return Ok(true);
    }
    setup::ensure(setup::Scope::Turn)?;
    let cli = options.cli.clone().map_or_else(project::build_cli, Ok)?;
    let directory = project::work_directory("doctor")?;
    let clip = directory.join("clip.mp4");
    CLIP.write(&clip)?;

    let mut steps = Steps::new(true);
    let mut times = Vec::new();
    let is_wanted = |name: &str| options.only.as_deref().is_none_or(|only| name.contains(only));
    for fault in FAULTS.iter().filter(|fault| is_wanted(fault.name)) {
        steps.take(fault.name, || examine(fault, &cli, &clip, &directory, &mut times));
    }
    if is_wanted(CAMERA_BUSY) && !options.no_camera {
        steps.take(CAMERA_BUSY, || camera_busy(&cli, &mut times));
    }
    let named = times.len();
    if options.only.is_none() && options.healthy > 0 {
        steps.take("nothing", || healthy(options.healthy, &cli, &directory, &mut times));
    }
    steps.print_table();
    let slowest = times.iter().max().copied().unwrap_or_default();
    let (wanted, of) = BAR_NAMED;
    println!(
        "{named} faults named without a false finding (bar: {wanted} of {of}), the slowest in {} (bar: {})",
        seconds(slowest),
        seconds(BAR)
    );
    let failed = steps.failures().count();
    println!("{}", closing_line(times.len(), failed));
    Ok(failed == 0)
}

/// The fault is named, with what follows from it and nothing else; and the error of a session says it, too.
fn examine(
    fault: &Fault,
    cli: &Path,
    clip: &Path,
    directory: &Path,
    times: &mut Vec<Duration>,
) -> Result<Outcome> {
    let mut bed = Bed::make(&fault.path, cli, directory)?;
    (fault.make)(&mut bed)?;
    let diagnosis = Diagnosis::of(&bed.doctor().run()?)?;
    let found = diagnosis.not_fine();
    ensure!(found.contains(&fault.code), "{} is not among {found:?}", fault.code);
    let expected = |code: &&&str| **code == fault.code || fault.follows.contains(*code);
    let unexpected: Vec<_> = found.iter().filter(|code| !expected(code)).collect();
    ensure!(unexpected.is_empty(), "false: {unexpected:?} in {found:?}");
    let mut seen = format!("{} in {}", fault.code, seconds(diagnosis.took));
    if fault.ends_sessions {
        says_it(fault, &bed.session(clip).run()?)?;
        seen += ", and with the error of a session";
    }
    times.push(diagnosis.took);
    Ok(Outcome::Done(seen))
}

/// The error comes first, as it is, and then what is wrong.
fn says_it(fault: &Fault, finished: &Finished) -> Result<()> {
    let (said, code) = (&finished.stderr, format!("[{}]", fault.code));
    ensure!(!finished.succeeded(), "the session came about");
    let error = said.find("error: ").with_context(|| format!("there is no error in {said}"))?;
    let finding = said.find(&code).with_context(|| format!("there is no {code} in {said}"))?;
    ensure!(error < finding, "the error does not come first in {said}");
    Ok(())
}

fn camera_busy(cli: &Path, times: &mut Vec<Duration>) -> Result<Outcome> {
    let system = match webcam::prepare() {
        Ok(system) => system,
        Err(error) => return Ok(Outcome::Skipped(format!("{error:#}"))),
    };
    let [free, busy] = webcam::diagnoses_beside_a_session(&system, cli)?;
    let (free, busy) = (Diagnosis::read(&free)?, Diagnosis::read(&busy)?);
    // The rest is about a machine that is ten times as slow as any.
    let (free, while_busy) = (free.of_cameras(), busy.of_cameras());
    ensure!(free == ["camera-free"], "{free:?} while it was free");
    ensure!(while_busy == [CAMERA_BUSY_CODE], "{while_busy:?} while it was busy");
    times.push(busy.took);
    Ok(Outcome::Done(format!("{CAMERA_BUSY_CODE} in {}", seconds(busy.took))))
}

const CAMERA_BUSY_CODE: &str = "camera-busy";

/// Where nothing is wrong nothing is found, every time.
fn healthy(
    count: usize,
    cli: &Path,
    directory: &Path,
    times: &mut Vec<Duration>,
) -> Result<Outcome> {
    let bed = Bed::make(&WIDE, cli, directory)?;
    let mut took = Vec::new();
    for round in (0..count).step_by(AT_ONCE) {
        for diagnosis in some_at_once(&bed, AT_ONCE.min(count - round))? {
            let found = diagnosis.not_fine();
            ensure!(found.is_empty(), "false after {} runs: {found:?}", took.len());
            took.push(diagnosis.took);
        }
    }
    took.sort_unstable();
    let (median, slowest) = (took[count / 2], took[count - 1]);
    times.push(slowest);
    let (median, slowest) = (seconds(median), seconds(slowest));
    Ok(Outcome::Done(format!("{count} runs without a finding, {median} each, {slowest} at most")))
}

fn some_at_once(bed: &Bed, count: usize) -> Result<Vec<Diagnosis>> {
    thread::scope(|scope| {
        let diagnose = || Diagnosis::of(&bed.doctor().run()?);
        let running: Vec<_> = (0..count).map(|_| scope.spawn(diagnose)).collect();
        let ended = running.into_iter().map(|run| run.join());
        ended.map(|diagnosis| diagnosis.unwrap_or_else(|_| anyhow::bail!("it panicked"))).collect()
    })
}
