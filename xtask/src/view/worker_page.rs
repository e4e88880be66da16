//! The page of a worker, from which a browser begins sessions.

use std::fs;
use std::path::Path;
use std::time::Duration;

use anyhow::{Context, Result};

use super::expect::{self, Way};
use crate::peers::{
    Browser, MARKED_FRAMES_PER_SECOND, MjpegServer, RtspServer, Visit, Worker, free_port,
    pages_can_be_visited,
};
use crate::tally::Tally;

/// Browsers take their time to start.
const LIMIT: Duration = Duration::from_secs(120);
/// Far fewer than the clip has: where the machine is busy, the worker leaves many out.
const PICTURES: u32 = 30;
/// It opens nothing.
const TOKEN: &str = "not-a-real-token-51d0";

/// What a browser can send. Frames of the clip show their numbers.
pub fn checks(
    tally: &mut Tally,
    worker: &Worker,
    marked_clip: &Path,
    cli: &Path,
    directory: &Path,
) {
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
    tally.check("the worker's page: a network camera with MJPEG", || {
        let camera = MjpegServer::start(marked_clip, directory)?;
        let report =
            visit(worker, Browser::Chromium)?.option("--address", camera.url()).run(LIMIT)?;
        expect::each_has_its_message(&report)
    });
    tally.check("the worker's page, with a token: the worker is killed, and comes back", || {
        came_back(cli, directory)
    });
    tally.check("the worker's page, wide and small, light and dark", || {
        let folder = directory.join("worker-screens");
        let visit = Visit::to(worker.url(), Browser::Chromium, "worker-screens")?;
        let visit = visit.option("--pictures", PICTURES).option("--folder", folder.display());
        let seen = expect::fits_each_screen(&visit.run(LIMIT)?)?;
        Ok(format!("{seen} in {}", folder.display()))
    });
}

fn visit(worker: &Worker, browser: Browser) -> Result<Visit> {
    Ok(Visit::to(worker.url(), browser, "worker")?.option("--pictures", PICTURES))
}

/// The camera of the browser goes on, and so does the session with what is there again.
fn came_back(cli: &Path, directory: &Path) -> Result<String> {
    let token_file = directory.join("worker-page.token");
    fs::write(&token_file, format!("{TOKEN}\n"))?;
    let port = free_port()?;
    let start = |name: &str| {
        let log = directory.join(name);
        Worker::start_at(cli, port, &["--token-file".as_ref(), token_file.as_os_str()], log)
    };
    let first = start("worker-page-1.log")?;
    let url = format!("{}/#token={TOKEN}", first.url());
    let visit = Visit::to(&url, Browser::Chromium, "worker-returns")?;
    let log = directory.join("worker-page-visit.log");
    let mut visitor = visit.option("--pictures", PICTURES).start(log, LIMIT)?;
    visitor.wait_for_line("seen ", LIMIT)?;
    first.kill()?;
    let _second = start("worker-page-2.log")?;
    let rest = visitor.wait_for_line("{", LIMIT)?;
    let report = serde_json::from_str(&format!("{{{rest}")).context("the page did not report")?;
    expect::went_on(&report)
}
