//! The NATS server, which is killed and started again.

use std::net::SocketAddr;
use std::path::{Path, PathBuf};
use std::time::{Duration, Instant};

use anyhow::{Context, Result, bail};

use super::laid::LaidNetwork;
use super::nats::Connection;
use crate::namespaces;
use crate::process::Background;
use crate::setup;

pub(super) const PORT: u16 = 4222;
const CONNECT_LIMIT: Duration = Duration::from_secs(1);
const START_LIMIT: Duration = Duration::from_secs(20);

pub(super) struct Server {
    process: Option<Background>,
    program: PathBuf,
    directory: PathBuf,
    starts: usize,
    address: Address,
}

/// Where it is, be it there or not.
#[derive(Clone, Copy)]
pub(super) struct Address {
    place: &'static str,
    socket: SocketAddr,
}

impl Server {
    /// Starts it, and waits until it takes connections. What it stores and says is in `directory`.
    pub(super) fn start(network: &LaidNetwork, directory: &Path) -> Result<Self> {
        let program = setup::find_program("nats-server").context("there is no nats-server")?;
        let socket = format!("{}:{PORT}", network.servers_host()).parse()?;
        let address = Address { place: network.servers_place(), socket };
        let directory = directory.to_owned();
        let mut server = Self { process: None, program, directory, starts: 0, address };
        server.start_again(network)?;
        let started = Instant::now();
        while !server.address.is_up() {
            if started.elapsed() > START_LIMIT {
                bail!("nats-server was not up within {START_LIMIT:?}");
            }
            std::thread::sleep(Duration::from_millis(20));
        }
        Ok(server)
    }

    pub(super) fn address(&self) -> Address {
        self.address
    }

    /// So that it can say nothing to anybody.
    pub(super) fn kill(&mut self) -> Result<()> {
        self.process.take().map_or(Ok(()), Background::kill)
    }

    /// With what it had stored. Does not wait until it takes connections.
    pub(super) fn start_again(&mut self, network: &LaidNetwork) -> Result<()> {
        self.starts += 1;
        let port = PORT.to_string();
        let job = network.at_servers(&self.program);
        let job = job.args(["-js", "-a", &network.servers_host(), "-p", &port, "-sd"]);
        let log = self.directory.join(format!("nats-{}.log", self.starts));
        self.process = Some(job.arg(self.directory.join("nats")).start(log)?);
        Ok(())
    }
}

impl Address {
    pub(super) fn url(self) -> String {
        format!("nats://{}", self.socket)
    }

    pub(super) fn connect(self) -> Result<Connection> {
        Connection::begin(namespaces::connect(self.place, self.socket, CONNECT_LIMIT)?)
    }

    pub(super) fn is_up(self) -> bool {
        self.connect().is_ok()
    }
}
