//! What is checked of the live page each time.

use std::path::Path;
use std::time::Duration;

use anyhow::{Context, Result};
use nix::sys::signal::{Signal, kill};
use nix::unistd::Pid;

use super::expect::{self, Way};
use crate::peers::{Browser, LivePage, LiveRun, Worker};
use crate::tally::Tally;

/// Browsers take their time to start, and everything does while the machine is busy.
const LIMIT: Duration = Duration::from_secs(180);
const CROWD: u64 = 200;
/// Enough to see a page that goes wrong.
const SOME_PICTURES: u32 = 150;
const RECORDED: u32 = 60;
const ON_EACH_SCREEN: u32 = 90;

/// Where checks are done.
pub struct Bench<'a> {
    pub cli: &'a Path,
    /// Logs go there.
    pub directory: &'a Path,
    /// To be looked at where exactness is counted.
    pub pictures: u32,
}

/// What pictures show is compared with the boxes over them.
pub fn exactness(tally: &mut Tally, bench: &Bench<'_>, browsers: &[Browser]) {
    for &browser in browsers {
        let way = Way::of(browser);
        for codec in ["vp8", "h264"] {
            let name = format!("the live page in {browser:?}: {codec}, as {}", words(way));
            tally.check(&name, || {
                let page = bench.run(codec, &["--codec", codec])?;
                let visit = page.visit(browser, "watch")?.option("--pictures", bench.pictures);
                let report = visit.run(bench.limit())?;
                expect::came_as(&report, way)?;
                expect::exact(&report)
            });
        }
        tally.check(&format!("the live page in {browser:?}: single pictures"), || {
            let page = bench.run("images", &[])?;
            let visit = page.visit(browser, "watch")?.flag("--images");
            let report = visit.option("--pictures", bench.pictures.min(1000)).run(bench.limit())?;
            expect::came_as(&report, Way::Images)?;
            expect::exact(&report)
        });
    }
    if !browsers.contains(&Browser::Chromium) {
        return;
    }
    tally.check("the live page on the screen: picture and boxes together", || {
        let page = bench.run("screen", &[])?;
        let visit = page.visit(Browser::Chromium, "screen")?;
        let report = visit.option("--pictures", bench.pictures.min(600)).run(bench.limit())?;
        expect::exact_on_screen(&report)
    });
}

/// How pages come and go.
pub fn behaviour(tally: &mut Tally, bench: &Bench<'_>, browser: Browser) {
    tally.check("the live page is there before the session", || {
        let worker = Worker::start(bench.cli, bench.directory)?;
        let worker_pid = Pid::from_raw(worker.program().pid().cast_signed());
        kill(worker_pid, Signal::SIGSTOP).context("cannot stop the worker")?;
        let page = bench.run("early", &["--server", worker.url()])?;
        let visit = page.visit(browser, "early")?.option("--stopped", worker_pid);
        let report = visit.option("--pictures", SOME_PICTURES).run(LIMIT);
        // Otherwise it cannot end by itself.
        let _ = kill(worker_pid, Signal::SIGCONT);
        expect::was_there_before(&report?)
    });
    tally.check("the live page is loaded anew", || {
        let page = bench.run("reload", &[])?;
        let visit = page.visit(browser, "reload")?.option("--pictures", SOME_PICTURES);
        expect::was_loaded_anew(&visit.run(LIMIT)?)
    });
    tally.check("two live pages, and a tab that is closed", || {
        let page = bench.run("two-pages", &[])?;
        let visit = page.visit(browser, "two-pages")?.option("--pictures", SOME_PICTURES);
        expect::two_pages_were_exact(&visit.run(LIMIT)?)
    });
    tally.check("the live page after the end", || {
        let page = bench.run("ending", &[])?;
        let visit = page.visit(browser, "ending")?.option("--program", page.program().pid());
        expect::last_picture_stays(&visit.run(LIMIT)?)
    });
}

/// Who should not get anything, and who wants too much.
pub fn hostility(tally: &mut Tally, bench: &Bench<'_>) {
    let Some(page) = tally.necessary("a run with a live page", || {
        Ok(("it is served".into(), bench.run("hostile", &[])?))
    }) else {
        return;
    };
    let visit = |what: &str| -> Result<serde_json::Value> {
        let visit = page.visit(Browser::Chromium, what)?;
        visit.option("--viewers", CROWD).run(LIMIT)
    };
    tally.check("the live page, and pages of others", || {
        expect::strangers_got_nothing(&visit("strangers")?)
    });
    tally.check("the live page, and nonsense to its server", || {
        expect::nonsense_was_refused(&visit("garbage")?)
    });
    tally.check("the live page, and 200 viewers", || {
        expect::crowd_was_refused(&visit("crowd")?, CROWD)
    });
    tally.check("the live page, and 200 who never connect", || {
        expect::idle_offers_were_given_up(&visit("idle-offers")?, CROWD)
    });
}

/// What people see and keep, and what those have who do not see it.
pub fn appearance(tally: &mut Tally, bench: &Bench<'_>) {
    tally.check("a recording by the live page", || {
        let page = bench.run("recorded", &["--codec", "h264"])?;
        let visit = page.visit(Browser::Chromium, "recorded")?;
        expect::recording_was_played(&visit.option("--pictures", RECORDED).run(LIMIT)?, RECORDED)
    });
    tally.check("the live page, wide and small, light and dark", || {
        let page = bench.run("screens", &[])?;
        let folder = bench.directory.join("screens");
        let visit = page.visit(Browser::Chromium, "screens")?.option("--pictures", ON_EACH_SCREEN);
        let report = visit.option("--folder", folder.display()).run(LIMIT)?;
        let seen = expect::looks_right(&report)?;
        Ok(format!("{seen} in {}", folder.display()))
    });
    tally.check("the live page is accessible", || {
        let page = bench.run("accessible", &[])?;
        expect::is_accessible(&page.visit(Browser::Chromium, "accessible")?.run(LIMIT)?)
    });
}

impl Bench<'_> {
    fn run(&self, name: &str, options: &[&str]) -> Result<LivePage> {
        let name = format!("view-{name}");
        LiveRun::new(self.cli, self.directory, &name).options(options).start()
    }

    /// Twice as long as so many pictures take, and what goes before them.
    pub(super) fn limit(&self) -> Duration {
        LIMIT + Duration::from_secs(u64::from(self.pictures) / 15)
    }
}

fn words(way: Way) -> &'static str {
    match way {
        Way::Video => "video",
        Way::Images => "images",
    }
}
