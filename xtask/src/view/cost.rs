//! What viewers cost the program.

use std::thread;
use std::time::{Duration, Instant};

use anyhow::{Context, Result, ensure};

use super::checks::Bench;
use crate::peers::{Browser, LivePage, LiveRun};
use crate::tally::Tally;

/// With how many viewers, and how much more a run may cost with them than one without, in percent.
const VIEWERS: [(u32, f64); 2] = [(1, 10.0), (10, 50.0)];
/// How long is measured.
const SECONDS: Duration = Duration::from_secs(20);
/// By then a session is under way and its bitrate has settled.
const SETTLED: Duration = Duration::from_secs(10);
const LIMIT: Duration = Duration::from_secs(180);

/// Two runs are measured at the same time, of which one has viewers: what a run costs depends on what the machine does
/// besides, and a browser is a lot of it.
pub(super) fn of_viewers(tally: &mut Tally, bench: &Bench<'_>) {
    for (viewers, bar) in VIEWERS {
        tally.check(&format!("what viewers of the live page cost: {viewers}"), || {
            let [with, without] = percent_of_a_core(bench, viewers)?;
            let more = (with / without - 1.0) * 100.0;
            let seen = format!(
                "a run and its worker take {with:.1} % of a core, another without viewers {without:.1} %: {more:.0} % more"
            );
            ensure!(more <= bar, "{seen}, and the bar is {bar:.0} %");
            Ok(seen)
        });
    }
}

/// Of a run that has so many viewers, and of one that has none.
fn percent_of_a_core(bench: &Bench<'_>, viewers: u32) -> Result<[f64; 2]> {
    let start = |name: &str| {
        LiveRun::new(bench.cli, bench.directory, name).plain().options(&["--codec", "vp8"]).start()
    };
    let runs = [start("view-cost")?, start("view-cost-unseen")?];
    // Nothing can be connected to before something is shown.
    thread::sleep(SETTLED);
    let stays = SECONDS.as_secs() + 10;
    let visit = runs[0].visit(Browser::Chromium, "viewers")?.option("--viewers", viewers);
    let log = bench.directory.join("view-cost-viewers.log");
    let mut visitors = visit.option("--seconds", stays).start(log, LIMIT)?;
    visitors.wait_for_line(&format!("connected {viewers}"), LIMIT)?;
    measure(&runs)
}

fn measure(runs: &[LivePage; 2]) -> Result<[f64; 2]> {
    let spent = || -> Result<[f64; 2]> {
        let [one, other] = runs.each_ref().map(|run| run.program().usage().cpu_s);
        one.zip(other).map(|(one, other)| [one, other]).context("CPU time cannot be measured here")
    };
    let (started, before) = (Instant::now(), spent()?);
    thread::sleep(SECONDS);
    let (after, seconds) = (spent()?, started.elapsed().as_secs_f64());
    Ok([0, 1].map(|run| (after[run] - before[run]) / seconds * 100.0))
}
