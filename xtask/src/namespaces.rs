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
