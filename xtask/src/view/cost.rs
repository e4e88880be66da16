//! What viewers cost the program.

use std::thread;
use std::time::{Duration, Instant};

use anyhow::{Context, Result};

use super::checks::Bench;
use crate::peers::{Browser, LivePage, LiveRun};
use crate::tally::Tally;

const VIEWERS: [u32; 3] = [0, 1, 10];
/// How long is measured.
const SECONDS: Duration = Duration::from_secs(20);
/// By then a session is under way and its bitrate has settled.
const SETTLED: Duration = Duration::from_secs(10);
const LIMIT: Duration = Duration::from_secs(180);

pub(super) fn of_viewers(tally: &mut Tally, bench: &Bench<'_>) {
    tally.check("what viewers of the live page cost", || {
        let measured = VIEWERS.map(|viewers| -> Result<String> {
            Ok(format!("{viewers}: {:.1} %", percent_of_a_core(bench, viewers)?))
        });
        let measured = measured.into_iter().collect::<Result<Vec<_>>>()?;
        Ok(format!("CPU of `run` and its worker by viewers, of one core: {}", measured.join(", ")))
    });
}

fn percent_of_a_core(bench: &Bench<'_>, viewers: u32) -> Result<f64> {
    let run = LiveRun::new(bench.cli, bench.directory, "view-cost").plain();
    let page = run.options(&["--codec", "vp8"]).start()?;
    // Nothing can be connected to before something is shown.
    thread::sleep(SETTLED);
    if viewers == 0 {
        return measure(&page);
    }
    let stays = SECONDS.as_secs() + 10;
    let visit = page.visit(Browser::Chromium, "viewers")?.option("--viewers", viewers);
    let log = bench.directory.join("view-cost-viewers.log");
    let mut visitors = visit.option("--seconds", stays).start(log, LIMIT)?;
    visitors.wait_for_line(&format!("connected {viewers}"), LIMIT)?;
    measure(&page)
}

fn measure(page: &LivePage) -> Result<f64> {
    let spent = || page.program().usage().cpu_s.context("CPU time cannot be measured here");
    let (started, before) = (Instant::now(), spent()?);
    thread::sleep(SECONDS);
    Ok((spent()? - before) / started.elapsed().as_secs_f64() * 100.0)
}
