//! A path of network namespaces: client, two routers, worker.

use std::ffi::OsStr;
use std::path::Path;

use anyhow::Result;

use super::{Family, Hearing, NarrowLink, PathCase};
use crate::namespaces::{self, at, ip, sysctl};
use crate::peers::{LinkEnd, LinkFaults, lay_slow_link};
use crate::process::{Background, Job};

const ETHERNET: u32 = 1500;

/// Removed when dropped.
pub struct LaidPath {
    family: Family,
    /// The namespaces in the order of the path.
    places: [String; 4],
    /// The client's link, if it loses packets.
    _lossy: Option<Background>,
}

impl LaidPath {
    /// The namespaces get names that begin with `name`. Logs go to `directory`.
    pub fn lay(case: &PathCase, name: &str, directory: &Path) -> Result<Self> {
        let places =
            ["client", "router1", "router2", "worker"].map(|place| format!("{name}-{place}"));
        // What an interrupted run has left.
        namespaces::remove(&places);
        let mut path = Self { family: case.family, places, _lossy: None };
        for place in &path.places {
            namespaces::add(place)?;
        }
        for link in 0..3 {
            if link == 0 && case.lost_percent > 0 {
                path._lossy = Some(path.connect_badly(link, case.lost_percent, directory)?);
            } else {
                path.connect(link, mtu(case, link))?;
            }
        }
        path.route()?;
        path.deafen(case.hears)?;
        Ok(path)
    }

    fn client(&self) -> &str {
        &self.places[0]
    }

    fn routers(&self) -> &[String] {
        &self.places[1..3]
    }

    /// The namespace at the end of the path.
    pub fn worker_place(&self) -> &str {
        &self.places[3]
    }

    pub fn worker_host(&self) -> String {
        match self.family {
            Family::V4 => self.address(2, 2),
            Family::V6 => format!("[{}]", self.address(2, 2)),
        }
    }

    pub fn at_client(&self, program: impl AsRef<OsStr>) -> Job {
        at(self.client(), program)
    }

    pub fn at_worker(&self, program: impl AsRef<OsStr>) -> Job {
        at(self.worker_place(), program)
    }

    pub fn add_worker_address(&self, address: &str) -> Result<()> {
        ip(&[
            "-n",
            self.worker_place(),
            "address",
            "add",
            &format!("{address}/24"),
            "dev",
            "link2b",
        ])
    }

    /// The first router drops these packets of the client's, and says nothing. `selector` is that of `ip rule`.
    pub fn drop_what_is(&self, selector: &[&str]) -> Result<()> {
        let rule = ["-n", &self.places[1], self.flag(), "rule", "add", "iif", "link0b"];
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

    fn connect(&self, link: usize, mtu: u32) -> Result<()> {
        let (names, ends) = (devices(link), &self.places[link..=link + 1]);
        let veth = ["link", "add", &names[0], "netns", &ends[0], "type", "veth"];
        ip(&[&veth[..], &["peer", "name", &names[1], "netns", &ends[1]]].concat())?;
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

    fn connect_badly(
        &self,
        link: usize,
        lost_percent: u32,
        directory: &Path,
    ) -> Result<Background> {
        let names = devices(link);
        let end = |end: usize| LinkEnd {
            place: &self.places[link + end],
            device: &names[end],
            address: format!("{}/24", self.address(link, end + 1)),
        };
        let faults = LinkFaults { loss: f64::from(lost_percent), ..LinkFaults::default() };
        lay_slow_link(faults, [end(0), end(1)], directory)
    }

    fn route(&self) -> Result<()> {
        for router in self.routers() {
            sysctl(router, &["net.ipv4.ip_forward=1", "net.ipv6.conf.all.forwarding=1"])?;
        }
        let ways = [(0, self.address(0, 2)), (1, self.address(1, 2))];
        let back = [(2, self.address(1, 1)), (3, self.address(2, 1))];
        for (place, by) in ways.iter().chain(&back) {
            let add =
                ["-n", &self.places[*place], self.flag(), "route", "add", "default", "via", by];
            ip(&add)?;
        }
        Ok(())
    }

    fn deafen(&self, hearing: Hearing) -> Result<()> {
        if hearing == Hearing::Told {
            return Ok(());
        }
        for router in self.routers() {
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
            for place in [self.client(), self.worker_place()] {
                sysctl(place, &[&marks[0], &marks[1]])?;
            }
        }
        Ok(())
    }
}

impl Drop for LaidPath {
    fn drop(&mut self) {
        namespaces::remove(&self.places);
    }
}

fn devices(link: usize) -> [String; 2] {
    [format!("link{link}a"), format!("link{link}b")]
}

fn mtu(case: &PathCase, link: usize) -> u32 {
    let narrow = match case.narrow {
        NarrowLink::Client => 0,
        NarrowLink::Middle => 1,
        NarrowLink::Worker => 2,
    };
    if link == narrow { case.mtu } else { ETHERNET }
}
