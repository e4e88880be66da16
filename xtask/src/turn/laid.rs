//! Client, TURN server and worker, each in a network namespace, around a router.

use std::path::Path;
use std::time::Duration;

use anyhow::Result;

use crate::namespaces::{self, Router, at, ip, sysctl};
use crate::peers::{LinkEnd, LinkFaults, lay_slow_link};
use crate::process::{Background, Job};

const CLIENT: &str = "streamsdk-turn-c";
const ROUTER: Router = Router { place: "streamsdk-turn-r", network: 79 };
const RELAY: &str = "streamsdk-turn-t";
const WORKER: &str = "streamsdk-turn-w";
/// Around the router.
const PLACES: [&str; 3] = [CLIENT, RELAY, WORKER];

/// Removed when dropped.
pub(super) struct LaidNetwork {
    /// The client's link, if it is a slow one.
    _slow: Option<Background>,
}

impl LaidNetwork {
    /// On the client's link a packet takes `delay` each way.
    pub(super) fn lay(delay: Duration, directory: &Path) -> Result<Self> {
        // What an interrupted run has left.
        remove();
        for place in PLACES.iter().chain([&ROUTER.place]) {
            namespaces::add(place)?;
        }
        let mut network = Self { _slow: None };
        for (link, place) in PLACES.iter().enumerate() {
            if *place == CLIENT && !delay.is_zero() {
                network._slow = Some(connect_slowly(link, place, delay, directory)?);
            } else {
                ROUTER.connect(link, place)?;
            }
            ip(&["-n", place, "route", "add", "default", "via", &ROUTER.address(link, 2)])?;
        }
        sysctl(ROUTER.place, &["net.ipv4.ip_forward=1"])?;
        Ok(network)
    }

    /// From now on the router loses whatever the client sends by UDP, and says nothing.
    pub(super) fn block_udp(&self) -> Result<()> {
        let rule = ["rule", "add", "pref", "5", "iif", "router0", "ipproto", "udp", "blackhole"];
        ip(&[&["-n", ROUTER.place][..], &rule].concat())
    }

    pub(super) fn relay_host(&self) -> String {
        ROUTER.address(1, 1)
    }

    pub(super) fn worker_host(&self) -> String {
        ROUTER.address(2, 1)
    }

    pub(super) fn at_client(&self, program: impl AsRef<std::ffi::OsStr>) -> Job {
        at(CLIENT, program)
    }

    pub(super) fn relay_place(&self) -> &'static str {
        RELAY
    }

    pub(super) fn at_worker(&self, program: impl AsRef<std::ffi::OsStr>) -> Job {
        at(WORKER, program)
    }
}

impl Drop for LaidNetwork {
    fn drop(&mut self) {
        remove();
    }
}

fn connect_slowly(
    link: usize,
    place: &str,
    delay: Duration,
    directory: &Path,
) -> Result<Background> {
    let [outer, inner] = ROUTER.devices(link);
    let address = |end| format!("{}/24", ROUTER.address(link, end));
    let outer = LinkEnd { place, device: &outer, address: address(1) };
    let inner = LinkEnd { place: ROUTER.place, device: &inner, address: address(2) };
    lay_slow_link(LinkFaults { delay, ..LinkFaults::default() }, [outer, inner], directory)
}

fn remove() {
    namespaces::remove(PLACES.iter().chain([&ROUTER.place]));
}
