//! The live page over a link that loses packets.

use std::time::Duration;

use anyhow::Result;

use super::checks::Bench;
use super::expect;
use crate::namespaces::{self, ip};
use crate::peers::{Browser, LinkEnd, LinkFaults, LiveRun, lay_slow_link};
use crate::process::Background;
use crate::tally::Tally;

const PROGRAM: &str = "streamsdk-view-p";
const VIEWER: &str = "streamsdk-view-v";
const ADDRESSES: [&str; 2] = ["10.83.0.1", "10.83.0.2"];
/// Firefox takes the address from which it would reach that one, sends nothing there, and without it has no address.
const FIREFOX_LOOKS_FOR: &str = "8.8.8.8/32";

/// In percent of the packets, either way.
const LOST: f64 = 2.0;
/// What a packet takes, either way.
const DELAY: Duration = Duration::from_millis(5);

pub(super) fn exactness(tally: &mut Tally, bench: &Bench<'_>, browsers: &[Browser]) {
    if let Err(reason) = namespaces::possible() {
        tally.skip("the live page over a link that loses packets", &format!("{reason:#}"));
        return;
    }
    for &browser in browsers {
        let name = format!("the live page in {browser:?}: vp8, {LOST} % of all packets lost");
        tally.check(&name, || {
            let _link = LossyLink::lay(bench)?;
            let listen = format!("{}:0", ADDRESSES[0]);
            let run = LiveRun::new(bench.cli, bench.directory, "view-lossy");
            let page = run.at(PROGRAM, &listen).options(&["--codec", "vp8"]).start()?;
            let visit = page.visit(browser, "watch")?.at(Some(VIEWER));
            let report = visit.option("--pictures", bench.pictures).run(bench.limit())?;
            let pace = &report["per_second"];
            let gap = &report["longest_gap_ms"];
            Ok(format!("{}; {pace} a second, longest gap {gap} ms", expect::exact(&report)?))
        });
    }
}

/// Removed when dropped.
struct LossyLink {
    _link: Background,
    _places: Places,
}

struct Places;

impl Drop for Places {
    fn drop(&mut self) {
        namespaces::remove([PROGRAM, VIEWER]);
    }
}

impl LossyLink {
    fn lay(bench: &Bench<'_>) -> Result<Self> {
        // What an interrupted run has left.
        drop(Places);
        let places = Places;
        [PROGRAM, VIEWER].into_iter().try_for_each(namespaces::add)?;
        let end =
            |place, device, address| LinkEnd { place, device, address: format!("{address}/24") };
        let ends = [end(PROGRAM, "view0", ADDRESSES[0]), end(VIEWER, "view1", ADDRESSES[1])];
        let faults = LinkFaults { delay: DELAY, loss: LOST, seed: 1 };
        let link = lay_slow_link(faults, ends, bench.directory)?;
        ip(&["-n", VIEWER, "route", "add", FIREFOX_LOOKS_FOR, "dev", "view1"])?;
        Ok(Self { _link: link, _places: places })
    }
}
