//! Network namespaces by name, and what is done in them. Needs privileges.

use std::ffi::OsStr;
use std::net::{SocketAddr, TcpStream};
use std::thread;
use std::time::Duration;

use anyhow::{Context, Result, anyhow, bail};

use crate::process::{Job, Output};

/// Whether this machine lets us make some; an error says why not.
pub fn possible() -> Result<()> {
    if !cfg!(target_os = "linux") {
        bail!("only Linux has network namespaces");
    }
    let probe = "streamsdk-probe";
    if add(probe).is_err() {
        bail!("network namespaces need privileges and the program `ip`");
    }
    ip(&["netns", "delete", probe])
}

/// Makes one, in which nothing but loopback is reached.
pub fn add(place: &str) -> Result<()> {
    ip(&["netns", "add", place])?;
    ip(&["-n", place, "link", "set", "lo", "up"])
}

/// Removes them, as far as they are there.
pub fn remove(places: impl IntoIterator<Item = impl AsRef<str>>) {
    for place in places {
        let _ = ip(&["netns", "delete", place.as_ref()]);
    }
}

/// A program that runs in one of them.
pub fn at(place: &str, program: impl AsRef<OsStr>) -> Job {
    Job::new("ip").args(["netns", "exec", place]).arg(program)
}

/// A connection from one of them, which can be used from anywhere.
pub fn connect(place: &str, address: SocketAddr, limit: Duration) -> Result<TcpStream> {
    // Only a thread enters it, and ends there.
    let connecting = || {
        enter(place)?;
        let connection = TcpStream::connect_timeout(&address, limit);
        connection.with_context(|| format!("cannot connect to {address} in {place}"))
    };
    let connected = thread::scope(|scope| scope.spawn(connecting).join());
    connected.map_err(|_| anyhow!("connecting to {address} in {place} panicked"))?
}

#[cfg(target_os = "linux")]
fn enter(place: &str) -> Result<()> {
    use std::os::fd::AsFd;

    use rustix::thread::{LinkNameSpaceType, move_into_link_name_space};

    let path = format!("/run/netns/{place}");
    let space = std::fs::File::open(&path).with_context(|| format!("cannot open {path}"))?;
    let network = Some(LinkNameSpaceType::Network);
    move_into_link_name_space(space.as_fd(), network)
        .with_context(|| format!("cannot enter {place}"))
}

#[cfg(not(target_os = "linux"))]
fn enter(_place: &str) -> Result<()> {
    bail!("only Linux has network namespaces")
}

pub fn sysctl(place: &str, settings: &[&str]) -> Result<()> {
    let job = at(place, "sysctl").args(["-q", "-w"]).args(settings);
    job.output(Output::Capture).run_successfully().map(drop)
}

pub fn ip(arguments: &[&str]) -> Result<()> {
    Job::new("ip").args(arguments).output(Output::Capture).run_successfully().map(drop)
}

/// A router in a place of its own, with a cable to each of several others. The network of a cable is 10.NETWORK.LINK.0/24.
#[derive(Clone, Copy)]
pub struct Router {
    pub place: &'static str,
    pub network: u8,
}

impl Router {
    /// The address at an end of a cable: the first is outside, the second the router's.
    pub fn address(self, link: usize, end: usize) -> String {
        format!("10.{}.{link}.{end}", self.network)
    }

    /// What both ends of a cable are called.
    pub fn devices(self, link: usize) -> [String; 2] {
        [format!("outer{link}"), format!("router{link}")]
    }

    /// Lays a cable to a place.
    pub fn connect(self, link: usize, place: &str) -> Result<()> {
        let [outer, inner] = self.devices(link);
        let veth = ["link", "add", &outer, "netns", place, "type", "veth"];
        ip(&[&veth[..], &["peer", "name", &inner, "netns", self.place]].concat())?;
        let ends = [(place, &outer), (self.place, &inner)];
        for (end, (place, device)) in ends.into_iter().enumerate() {
            let address = format!("{}/24", self.address(link, end + 1));
            ip(&["-n", place, "address", "add", &address, "dev", device])?;
            ip(&["-n", place, "link", "set", device, "up"])?;
        }
        Ok(())
    }
}
