//! A path of network namespaces: client, two routers, worker.

use std::ffi::OsStr;
use std::fs;
use std::path::{Path, PathBuf};

use anyhow::{Context, Result};

use super::{Families, Family, Hearing, NarrowLink, PathCase};
use crate::namespaces::{self, at, ip, sysctl};
use crate::peers::{LinkEnd, LinkFaults, lay_slow_link};
use crate::process::{Background, Job};

const ETHERNET: u32 = 1500;
/// What the worker is called where it has several addresses.
const NAME: &str = "worker.test";

/// Removed when dropped.
pub struct LaidPath {
    families: Families,
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
        let mut path = Self { families: case.families, places, _lossy: None };
        for place in &path.places {
            namespaces::add(place)?;
            // Otherwise nothing is carried for the first seconds, in which the kernel asks whether others have its addresses.
            sysctl(
                place,
                &["net.ipv6.conf.all.accept_dad=0", "net.ipv6.conf.default.accept_dad=0"],
            )?;
        }
        for link in 0..3 {
            if link == 0 && case.lost_percent > 0 {
                path._lossy = Some(path.connect_badly(link, case.lost_percent, directory)?);
            } else {
                path.connect(link, mtu(case, link))?;
            }
        }
        for family in path.families() {
            path.route(family)?;
        }
        path.deafen(case.hears)?;
        if let Some(silent) = path.families.silent() {
            path.drop_all(silent)?;
            path.name_worker()?;
        }
        Ok(path)
    }

    fn families(&self) -> impl Iterator<Item = Family> + use<> {
        [Some(self.family()), self.families.silent()].into_iter().flatten()
    }

    /// That of what is carried.
    fn family(&self) -> Family {
        self.families.carried()
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

    /// The address by which the worker is reached.
    pub fn worker_host(&self) -> String {
        match self.family() {
            Family::V4 => Family::V4.address(2, 2),
            Family::V6 => format!("[{}]", Family::V6.address(2, 2)),
        }
    }

    /// What a client is told.
    pub fn worker_name(&self) -> String {
        match self.families {
            Families::Only(_) => self.worker_host(),
            Families::Both { .. } => NAME.to_owned(),
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
        self.drop_of(self.family(), selector)
    }

    fn drop_all(&self, family: Family) -> Result<()> {
        self.drop_of(family, &[])
    }

    fn drop_of(&self, family: Family, selector: &[&str]) -> Result<()> {
        let rule = ["-n", &self.places[1], family.flag(), "rule", "add", "iif", "link0b"];
        ip(&[&rule[..], selector, &["blackhole"]].concat())
    }

    /// Tells the client of all addresses of the worker, that first which leads nowhere.
    fn name_worker(&self) -> Result<()> {
        let file = self.names();
        let lines = self.families().map(|family| format!("{} {NAME}\n", family.address(2, 2)));
        let mut lines: Vec<_> = lines.collect();
        lines.reverse();
        let parent = file.parent().context("a file without a folder")?;
        fs::create_dir_all(parent)?;
        fs::write(&file, lines.concat()).with_context(|| format!("cannot write {}", file.display()))
    }

    /// What the client has in the place of the machine's names.
    fn names(&self) -> PathBuf {
        Path::new("/etc/netns").join(self.client()).join("hosts")
    }

    fn connect(&self, link: usize, mtu: u32) -> Result<()> {
        let (names, ends) = (devices(link), &self.places[link..=link + 1]);
        let veth = ["link", "add", &names[0], "netns", &ends[0], "type", "veth"];
        ip(&[&veth[..], &["peer", "name", &names[1], "netns", &ends[1]]].concat())?;
        for (end, (place, name)) in ends.iter().zip(&names).enumerate() {
            ip(&["-n", place, "link", "set", name, "mtu", &mtu.to_string(), "up"])?;
            for family in self.families() {
                let (length, no_detection) = match family {
                    Family::V4 => (24, None),
                    Family::V6 => (64, Some("nodad")),
                };
                let address = format!("{}/{length}", family.address(link, end + 1));
                let add = ["-n", place, "address", "add", &address, "dev", name];
                ip(&add.into_iter().chain(no_detection).collect::<Vec<_>>())?;
            }
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
            address: format!("{}/24", self.family().address(link, end + 1)),
        };
        let faults = LinkFaults { loss: f64::from(lost_percent), ..LinkFaults::default() };
        lay_slow_link(faults, [end(0), end(1)], directory)
    }

    fn route(&self, family: Family) -> Result<()> {
        for router in self.routers() {
            sysctl(router, &["net.ipv4.ip_forward=1", "net.ipv6.conf.all.forwarding=1"])?;
        }
        let ways = [(0, family.address(0, 2)), (1, family.address(1, 2))];
        let back = [(2, family.address(1, 1)), (3, family.address(2, 1))];
        for (place, by) in ways.iter().chain(&back) {
            let add =
                ["-n", &self.places[*place], family.flag(), "route", "add", "default", "via", by];
            ip(&add)?;
        }
        Ok(())
    }

    fn deafen(&self, hearing: Hearing) -> Result<()> {
        if hearing == Hearing::Told {
            return Ok(());
        }
        let family = self.family();
        for router in self.routers() {
            // What a router says itself, as against what it passes on, does not leave it.
            ip(&["-n", router, family.flag(), "rule", "add", "iif", "lo", "blackhole"])?;
        }
        if hearing == Hearing::NoFragments {
            let prefix = match family {
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

impl Family {
    fn address(self, link: usize, end: usize) -> String {
        match self {
            Self::V4 => format!("10.77.{link}.{end}"),
            Self::V6 => format!("fd77:{link}::{end}"),
        }
    }

    fn flag(self) -> &'static str {
        match self {
            Self::V4 => "-4",
            Self::V6 => "-6",
        }
    }
}

impl Drop for LaidPath {
    fn drop(&mut self) {
        namespaces::remove(&self.places);
        if self.families.silent().is_some() {
            let names = self.names();
            let _ = fs::remove_file(&names);
            let _ = names.parent().map(fs::remove_dir);
        }
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
