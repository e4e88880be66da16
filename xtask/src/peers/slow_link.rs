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

/// A link on which a packet takes `delay` each way, and so many of a hundred are lost, each way as well. It goes when
/// this is dropped.
pub fn lay_slow_link(
    delay: Duration,
    lost_percent: u32,
    ends: [LinkEnd<'_>; 2],
    directory: &Path,
) -> Result<Background> {
    let ends = ends.map(|LinkEnd { place, device, address }| format!("{place}/{device}/{address}"));
    let mut link = Job::new(project::peers_directory().join("slow_link.py"))
        .arg(delay.as_millis().to_string())
        .args(ends)
        .args(["--lost-percent", &lost_percent.to_string()])
        .start(directory.join("slow_link.log"))?;
    link.wait_for_line("up", START_LIMIT)?;
    Ok(link)
}
