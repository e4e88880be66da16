//! The network: a router, and around it each node and the place of the servers, each in a namespace of its own.

use std::ffi::OsStr;

use anyhow::Result;

use super::faults::NODES;
use crate::namespaces::{self, Router, at, ip, sysctl};
use crate::process::Job;

const ROUTER: Router = Router { place: "streamsdk-fleet-r", network: 81 };
/// NATS and the workers.
const SERVERS: &str = "streamsdk-fleet-s";
const NODE_PLACES: [&str; NODES] = ["streamsdk-fleet-1", "streamsdk-fleet-2", "streamsdk-fleet-3"];
/// The link of the servers' place; those of the nodes are before it.
const SERVERS_LINK: usize = NODES;

/// Removed when dropped.
pub(super) struct LaidNetwork {
    nats_port: u16,
}

impl LaidNetwork {
    pub(super) fn lay(nats_port: u16) -> Result<Self> {
        // What an interrupted run has left.
        remove();
        let network = Self { nats_port };
        for place in NODE_PLACES.iter().chain([&SERVERS, &ROUTER.place]) {
            namespaces::add(place)?;
        }
        for (link, place) in NODE_PLACES.iter().chain([&SERVERS]).enumerate() {
            ROUTER.connect(link, place)?;
            ip(&["-n", place, "route", "add", "default", "via", &ROUTER.address(link, 2)])?;
        }
        sysctl(ROUTER.place, &["net.ipv4.ip_forward=1"])?;
        Ok(network)
    }

    pub(super) fn servers_host(&self) -> String {
        ROUTER.address(SERVERS_LINK, 1)
    }

    pub(super) fn servers_place(&self) -> &'static str {
        SERVERS
    }

    pub(super) fn at_servers(&self, program: impl AsRef<OsStr>) -> Job {
        at(SERVERS, program)
    }

    pub(super) fn at_node(&self, node: usize, program: impl AsRef<OsStr>) -> Job {
        at(NODE_PLACES[node], program)
    }

    /// The router loses what this node and the NATS server send each other, and says nothing.
    pub(super) fn cut_from_server(&self, node: usize) -> Result<()> {
        self.rules_of_a_cut(node, "add")
    }

    pub(super) fn join_to_server(&self, node: usize) -> Result<()> {
        self.rules_of_a_cut(node, "delete")
    }

    /// The cable is pulled at the router, which the node does not see.
    pub(super) fn cut_from_all(&self, node: usize) -> Result<()> {
        self.link(node, "down")
    }

    pub(super) fn join_to_all(&self, node: usize) -> Result<()> {
        self.link(node, "up")
    }

    fn rules_of_a_cut(&self, node: usize, what: &str) -> Result<()> {
        let ([_, to_node], [_, to_servers]) = (ROUTER.devices(node), ROUTER.devices(SERVERS_LINK));
        let (port, node) = (self.nats_port.to_string(), ROUTER.address(node, 1));
        let (there, back) =
            (["iif", &to_node, "dport", &port], ["iif", &to_servers, "sport", &port]);
        let rule = ["-n", ROUTER.place, "rule", what, "pref", "5", "ipproto", "tcp"];
        ip(&[&rule[..], &there, &["blackhole"]].concat())?;
        ip(&[&rule[..], &back, &["to", &node, "blackhole"]].concat())
    }

    fn link(&self, node: usize, state: &str) -> Result<()> {
        let [_, inner] = ROUTER.devices(node);
        ip(&["-n", ROUTER.place, "link", "set", &inner, state])
    }
}

impl Drop for LaidNetwork {
    fn drop(&mut self) {
        remove();
    }
}

fn remove() {
    namespaces::remove(NODE_PLACES.iter().chain([&SERVERS, &ROUTER.place]));
}
