//! The page of a worker, from which a browser begins sessions.

use std::path::Path;
use std::time::Duration;

use anyhow::Result;

use super::expect::{self, Way};
use crate::peers::{
    Browser, MARKED_FRAMES_PER_SECOND, RtspServer, Visit, Worker, pages_can_be_visited,
};
use crate::tally::Tally;

/// Browsers take their time to start.
const LIMIT: Duration = Duration::from_secs(120);
/// Far fewer than the clip has: where the machine is busy, the worker leaves many out.
const PICTURES: u32 = 30;

/// What a browser can send. Frames of the clip show their numbers.
pub fn checks(tally: &mut Tally, worker: &Worker, marked_clip: &Path, directory: &Path) {
    if let Err(why) = pages_can_be_visited() {
        tally.skip("the worker's page in browsers", &format!("{why:#}"));
        return;
    }
    for browser in [Browser::Chromium, Browser::Firefox] {
        tally.check(&format!("the worker's page in {browser:?}: a file"), || {
            let visit = visit(worker, browser)?.option("--file", marked_clip.display());
            let report = visit.option("--fps", MARKED_FRAMES_PER_SECOND).run(LIMIT)?;
            expect::came_as(&report, Way::of(browser))?;
            expect::exact(&report)
        });
        tally.check(&format!("the worker's page in {browser:?}: its camera"), || {
            let report = visit(worker, browser)?.run(LIMIT)?;
            expect::came_as(&report, Way::of(browser))?;
            let seen = expect::each_has_its_message(&report)?;
            Ok(format!("{seen}; {}", expect::is_accessible(&report)?))
        });
    }
    tally.check("the worker's page: a network camera", || {
        let camera = RtspServer::start(marked_clip, directory)?;
        let report =
            visit(worker, Browser::Chromium)?.option("--address", camera.url()).run(LIMIT)?;
        expect::each_has_its_message(&report)
    });
}

fn visit(worker: &Worker, browser: Browser) -> Result<Visit> {
    Ok(Visit::to(worker.url(), browser, "worker")?.option("--pictures", PICTURES))
}
