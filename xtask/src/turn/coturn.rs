//! The TURN server coturn, with a certificate of our own.

use std::path::{Path, PathBuf};
use std::time::Duration;

use anyhow::{Context, Result};
use rcgen::{BasicConstraints, CertificateParams, IsCa, Issuer, KeyPair};

use super::laid::LaidNetwork;
use crate::process::{Background, Output};
use crate::setup::find_program;

pub(super) const USER: &str = "us3r";
pub(super) const PASSWORD: &str = "pa55w0rd";
pub(super) const PORT: u16 = 3478;
pub(super) const TLS_PORT: u16 = 5349;
const START_LIMIT: Duration = Duration::from_secs(10);
/// What checks of connectivity come to at most, in bytes.
const MAX_CHECKS: u64 = 2000;

/// A certificate for the server, and whose it is signed with.
pub(super) struct Certificates {
    pub(super) authority: PathBuf,
    server: PathBuf,
    key: PathBuf,
}

impl Certificates {
    pub(super) fn write(host: &str, directory: &Path) -> Result<Self> {
        let mut authority = CertificateParams::new(Vec::new())?;
        authority.is_ca = IsCa::Ca(BasicConstraints::Unconstrained);
        let authority_key = KeyPair::generate()?;
        let authority_certificate = authority.self_signed(&authority_key)?;
        let key = KeyPair::generate()?;
        let server = CertificateParams::new(vec![host.to_owned()])?
            .signed_by(&key, &Issuer::new(authority, authority_key))?;
        let write = |name: &str, pem: String| {
            let path = directory.join(name);
            std::fs::write(&path, pem).with_context(|| format!("cannot write {name}"))?;
            anyhow::Ok(path)
        };
        Ok(Self {
            authority: write("authority.pem", authority_certificate.pem())?,
            server: write("server.pem", server.pem())?,
            key: write("server.key", key.serialize_pem())?,
        })
    }
}

fn log(directory: &Path) -> PathBuf {
    directory.join("coturn.log")
}

/// Ended when dropped.
pub(super) struct Coturn {
    _running: Background,
}

impl Coturn {
    pub(super) fn start(
        network: &LaidNetwork,
        certificates: &Certificates,
        directory: &Path,
    ) -> Result<Self> {
        let host = network.relay_host();
        let mut running = network
            .at_relay(find_program("turnserver").context("there is no coturn")?)
            // Nothing of the system's configuration, which may be anything.
            .args(["-n", "--no-cli", "--no-multicast-peers", "--lt-cred-mech", "--verbose"])
            .args(["--listening-ip", &host, "--relay-ip", &host])
            .args(["--listening-port", &PORT.to_string()])
            .args(["--tls-listening-port", &TLS_PORT.to_string()])
            .args(["--realm", "test", "--user", &format!("{USER}:{PASSWORD}")])
            .arg("--cert")
            .arg(&certificates.server)
            .arg("--pkey")
            .arg(&certificates.key)
            .arg("--userdb")
            .arg(directory.join("coturn.sqlite"))
            .arg("--pidfile")
            .arg(directory.join("coturn.pid"))
            .args(["--log-file", "stdout", "--simple-log"])
            .start(log(directory))?;
        // It says that it listens before it does on all of its ports.
        running.wait_until(START_LIMIT, || is_listening(network).then_some(()))?;
        Ok(Self { _running: running })
    }

    /// How many of the sessions that it has closed had their data relayed over TLS.
    pub(super) fn relayed_over_tls(directory: &Path) -> Result<usize> {
        let log = std::fs::read_to_string(log(directory))?;
        let over_tls =
            log.lines().filter(|line| line.contains(": new,") && line.contains("cipher="));
        let sessions = over_tls.filter_map(|line| line.split(": ").nth(2));
        Ok(sessions.filter(|session| tells_of_data(&log, session)).count())
    }
}

/// Whether a server's log tells that an allocation over TLS had more than checks of connectivity to relay.
fn tells_of_data(log: &str, session: &str) -> bool {
    let about = log.lines().filter(|line| line.contains(session));
    let mut bytes = about.filter(|line| line.contains(": peer usage:")).filter_map(|line| {
        let (_, rest) = line.split_once(", rb=")?;
        rest.split(',').next()?.trim().parse::<u64>().ok()
    });
    bytes.any(|bytes| bytes > MAX_CHECKS)
}

fn is_listening(network: &LaidNetwork) -> bool {
    [("tcp", "-t", PORT), ("udp", "-u", PORT), ("tcp", "-t", TLS_PORT)].iter().all(
        |(_, kind, port)| {
            let seen = network
                .at_relay("ss")
                .args(["-H", "-n", "-l", kind, "sport", "=", &format!(":{port}")])
                .output(Output::Capture)
                .run();
            seen.is_ok_and(|seen| !seen.stdout.trim().is_empty())
        },
    )
}
