//! The TURN server coturn, with a certificate of our own.

use std::ops::Range;
use std::path::{Path, PathBuf};
use std::time::Duration;

use anyhow::{Context, Result};
use rcgen::{BasicConstraints, CertificateParams, IsCa, Issuer, KeyPair, date_time_ymd};

use crate::namespaces::at;
use crate::process::{Background, Output};
use crate::setup::find_program;

const START_LIMIT: Duration = Duration::from_secs(10);
/// What checks of connectivity come to at most, in bytes.
const MAX_CHECKS: u64 = 2000;

/// A certificate for a server, and whose it is signed with, as files.
pub struct Certificates {
    pub authority: PathBuf,
    pub server: PathBuf,
    pub key: PathBuf,
}

impl Certificates {
    /// Holds for ever.
    pub fn write(host: &str, directory: &Path) -> Result<Self> {
        Self::write_for_years(host, 2000..4000, directory)
    }

    /// Holds from the first day of one year to the first of another.
    pub fn write_for_years(host: &str, years: Range<i32>, directory: &Path) -> Result<Self> {
        let mut authority = CertificateParams::new(Vec::new())?;
        authority.is_ca = IsCa::Ca(BasicConstraints::Unconstrained);
        let authority_key = KeyPair::generate()?;
        let authority_certificate = authority.self_signed(&authority_key)?;
        let key = KeyPair::generate()?;
        let mut server = CertificateParams::new(vec![host.to_owned()])?;
        server.not_before = date_time_ymd(years.start, 1, 1);
        server.not_after = date_time_ymd(years.end, 1, 1);
        let server = server.signed_by(&key, &Issuer::new(authority, authority_key))?;
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

/// Where a server is, and whom it lets in.
pub struct CoturnPlace<'a> {
    /// The namespace.
    pub place: &'a str,
    /// Where it listens. The first is where it relays from, too.
    pub hosts: &'a [String],
    /// For UDP and TCP.
    pub port: u16,
    pub tls_port: u16,
    pub users: TurnUsers<'a>,
    pub certificates: &'a Certificates,
}

/// Whom a server lets in.
pub enum TurnUsers<'a> {
    /// One, with a password.
    One { name: &'a str, password: &'a str },
    /// Everybody who shows a time that is not over, signed with this.
    OfSecret(&'a str),
}

/// Ended when dropped.
pub struct Coturn {
    _running: Background,
    log: PathBuf,
}

impl Coturn {
    /// Its files get a name with its port in it.
    pub fn start(at_place: &CoturnPlace<'_>, directory: &Path) -> Result<Self> {
        let CoturnPlace { place, hosts, port, tls_port, users, certificates } = at_place;
        let file = |ending: &str| directory.join(format!("coturn-{port}.{ending}"));
        let log = file("log");
        let mut running = at(place, find_program("turnserver").context("there is no coturn")?)
            // Nothing of the system's configuration, which may be anything.
            .args(["-n", "--no-cli", "--no-multicast-peers", "--verbose"])
            .args(hosts.iter().flat_map(|host| ["--listening-ip", host]))
            .args(hosts.first().iter().flat_map(|host| ["--relay-ip", host.as_str()]))
            .args(["--listening-port", &port.to_string()])
            .args(["--tls-listening-port", &tls_port.to_string()])
            .args(["--realm", "test"])
            .args(users.arguments())
            .arg("--cert")
            .arg(&certificates.server)
            .arg("--pkey")
            .arg(&certificates.key)
            .arg("--userdb")
            .arg(file("sqlite"))
            .arg("--pidfile")
            .arg(file("pid"))
            .args(["--log-file", "stdout", "--simple-log"])
            .start(log.clone())?;
        // It says that it listens before it does on all of its ports.
        running.wait_until(START_LIMIT, || is_listening(at_place).then_some(()))?;
        Ok(Self { _running: running, log })
    }

    /// How many of the sessions that it has closed had their data relayed over TLS.
    pub fn relayed_over_tls(&self) -> Result<usize> {
        let log = std::fs::read_to_string(&self.log)?;
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

impl TurnUsers<'_> {
    fn arguments(&self) -> Vec<String> {
        match self {
            Self::One { name, password } => {
                vec!["--lt-cred-mech".into(), "--user".into(), format!("{name}:{password}")]
            }
            Self::OfSecret(secret) => {
                vec!["--use-auth-secret".into(), format!("--static-auth-secret={secret}")]
            }
        }
    }
}

fn is_listening(CoturnPlace { place, port, tls_port, .. }: &CoturnPlace<'_>) -> bool {
    [("-t", port), ("-u", port), ("-t", tls_port)].iter().all(|(kind, port)| {
        let seen = at(place, "ss")
            .args(["-H", "-n", "-l", kind, "sport", "=", &format!(":{port}")])
            .output(Output::Capture)
            .run();
        seen.is_ok_and(|seen| !seen.stdout.trim().is_empty())
    })
}
