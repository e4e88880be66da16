use std::path::Path;
use std::time::Duration;

use anyhow::Result;

use crate::process::{Background, Job};
use crate::project;

const START_LIMIT: Duration = Duration::from_secs(10);

/// One end of a link: a device that is made in a namespace.
pub struct LinkEnd<'a> {
    pub place: &'a str,
    pub device: &'a str,
    /// With the length of its network's prefix.
    pub address: String,
}

/// What a link does to packets.
#[derive(Debug, Clone, Copy, Default, PartialEq)]
pub struct LinkFaults {
    /// What a packet takes, either way.
    pub delay: Duration,
    /// How many of a hundred are lost, either way.
    pub loss: f64,
    /// What decides which are lost.
    pub seed: u64,
}

/// A link that does that to packets. It goes when this is dropped.
pub fn lay_slow_link(
    faults: LinkFaults,
    ends: [LinkEnd<'_>; 2],
    directory: &Path,
) -> Result<Background> {
    let LinkFaults { delay, loss, seed } = faults;
    let ends = ends.map(|LinkEnd { place, device, address }| format!("{place}/{device}/{address}"));
    let mut link = Job::new(project::peers_directory().join("slow_link.py"))
        .args(["--lose", &loss.to_string(), "--seed", &seed.to_string()])
        .arg((delay.as_secs_f64() * 1000.0).to_string())
        .args(ends)
        .start(directory.join("slow_link.log"))?;
    link.wait_for_line("up", START_LIMIT)?;
    Ok(link)
}
