//! Network namespaces by name, and what is done in them. Needs privileges.

use std::ffi::OsStr;

use anyhow::{Result, bail};

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

pub fn sysctl(place: &str, settings: &[&str]) -> Result<()> {
    let job = at(place, "sysctl").args(["-q", "-w"]).args(settings);
    job.output(Output::Capture).run_successfully().map(drop)
}

pub fn ip(arguments: &[&str]) -> Result<()> {
    Job::new("ip").args(arguments).output(Output::Capture).run_successfully().map(drop)
}
