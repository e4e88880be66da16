//! A path of network namespaces: client, two routers, worker.

use anyhow::{Result, bail};

use super::{Family, Hearing, NarrowLink, PathCase};
use crate::process::{Job, Output};

const ETHERNET: u32 = 1500;
/// In the order of the path.
const PLACES: [&str; 4] =
    ["streamsdk-client", "streamsdk-router1", "streamsdk-router2", "streamsdk-worker"];
const CLIENT: &str = PLACES[0];
const ROUTERS: &[&str] = &[PLACES[1], PLACES[2]];
const WORKER: &str = PLACES[3];

/// Removed when dropped.
pub(super) struct LaidPath {
    family: Family,
}

/// Whether this machine lets us lay a path; an error says why not.
pub(crate) fn possible() -> Result<()> {
    if !cfg!(target_os = "linux") {
        bail!("only Linux has network namespaces");
    }
    let probe = "streamsdk-probe";
    let made = ip(&["netns", "add", probe]);
    if made.is_err() {
        bail!("network namespaces need privileges and the program `ip`");
    }
    ip(&["netns", "delete", probe])
}

impl LaidPath {
    pub(super) fn lay(case: &PathCase) -> Result<Self> {
        // What an interrupted run has left.
        remove();
        let path = Self { family: case.family };
        for place in PLACES {
            ip(&["netns", "add", place])?;
            ip(&["-n", place, "link", "set", "lo", "up"])?;
        }
        for (link, ends) in PLACES.windows(2).enumerate() {
            path.connect(link, ends, mtu(case, link))?;
        }
        path.route()?;
        path.deafen(case.hears)?;
        Ok(path)
    }

    pub(super) fn worker_host(&self) -> String {
        match self.family {
            Family::V4 => self.address(2, 2),
            Family::V6 => format!("[{}]", self.address(2, 2)),
        }
    }

    pub(super) fn at_client(&self, program: impl AsRef<std::ffi::OsStr>) -> Job {
        at(CLIENT, program)
    }

    pub(super) fn at_worker(&self, program: impl AsRef<std::ffi::OsStr>) -> Job {
        at(WORKER, program)
    }

    pub(super) fn add_worker_address(&self, address: &str) -> Result<()> {
        ip(&["-n", WORKER, "address", "add", &format!("{address}/24"), "dev", "link2b"])
    }

    /// The first router drops these packets of the client's, and says nothing. `selector` is that of `ip rule`; an
    /// empty one is nothing.
    pub(super) fn drop_what_is(&self, selector: &[&str]) -> Result<()> {
        if selector.is_empty() {
            return Ok(());
        }
        let rule = ["-n", ROUTERS[0], self.flag(), "rule", "add", "iif", "link0b"];
        ip(&[&rule[..], selector, &["blackhole"]].concat())
    }

    fn address(&self, link: usize, end: usize) -> String {
        match self.family {
            Family::V4 => format!("10.77.{link}.{end}"),
            Family::V6 => format!("fd77:{link}::{end}"),
        }
    }

    fn flag(&self) -> &'static str {
        match self.family {
            Family::V4 => "-4",
            Family::V6 => "-6",
        }
    }

    fn connect(&self, link: usize, ends: &[&str], mtu: u32) -> Result<()> {
        let names = [format!("link{link}a"), format!("link{link}b")];
        let veth = ["link", "add", &names[0], "netns", ends[0], "type", "veth"];
        ip(&[&veth[..], &["peer", "name", &names[1], "netns", ends[1]]].concat())?;
        for (end, (place, name)) in ends.iter().zip(&names).enumerate() {
            ip(&["-n", place, "link", "set", name, "mtu", &mtu.to_string(), "up"])?;
            let (address, no_detection) = match self.family {
                Family::V4 => (format!("{}/24", self.address(link, end + 1)), None),
                Family::V6 => (format!("{}/64", self.address(link, end + 1)), Some("nodad")),
            };
            let add = ["-n", place, "address", "add", &address, "dev", name];
            ip(&add.into_iter().chain(no_detection).collect::<Vec<_>>())?;
        }
        Ok(())
    }

    fn route(&self) -> Result<()> {
        for router in ROUTERS {
            sysctl(router, &["net.ipv4.ip_forward=1", "net.ipv6.conf.all.forwarding=1"])?;
        }
        let ways = [(0, self.address(0, 2)), (1, self.address(1, 2))];
        let back = [(2, self.address(1, 1)), (3, self.address(2, 1))];
        for (place, by) in ways.iter().chain(&back) {
            let add = ["-n", PLACES[*place], self.flag(), "route", "add", "default", "via", by];
            ip(&add)?;
        }
        Ok(())
    }

    fn deafen(&self, hearing: Hearing) -> Result<()> {
        if hearing == Hearing::Told {
            return Ok(());
        }
        for router in ROUTERS {
            // What a router says itself, as against what it passes on, does not leave it.
            ip(&["-n", router, self.flag(), "rule", "add", "iif", "lo", "blackhole"])?;
        }
        if hearing == Hearing::NoFragments {
            let prefix = match self.family {
                Family::V4 => "net.ipv4.ipfrag",
                Family::V6 => "net.ipv6.ip6frag",
            };
            // No memory for packets that are not whole. The low mark must not be above the high one.
            let marks = ["low", "high"].map(|mark| format!("{prefix}_{mark}_thresh=0"));
            for place in [CLIENT, WORKER] {
                sysctl(place, &[&marks[0], &marks[1]])?;
            }
        }
        Ok(())
    }
}

impl Drop for LaidPath {
    fn drop(&mut self) {
        remove();
    }
}

fn mtu(case: &PathCase, link: usize) -> u32 {
    let narrow = match case.narrow {
        NarrowLink::Client => 0,
        NarrowLink::Middle => 1,
        NarrowLink::Worker => 2,
    };
    if link == narrow { case.mtu } else { ETHERNET }
}

fn remove() {
    for place in PLACES {
        // It may not be there.
        let _ = ip(&["netns", "delete", place]);
    }
}

fn at(place: &str, program: impl AsRef<std::ffi::OsStr>) -> Job {
    Job::new("ip").args(["netns", "exec", place]).arg(program)
}

fn sysctl(place: &str, settings: &[&str]) -> Result<()> {
    let job = at(place, "sysctl").args(["-q", "-w"]).args(settings);
    job.output(Output::Capture).run_successfully().map(drop)
}

fn ip(arguments: &[&str]) -> Result<()> {
    Job::new("ip").args(arguments).output(Output::Capture).run_successfully().map(drop)
}
