use std::net::{IpAddr, SocketAddr};
use std::sync::Arc;
use std::time::Duration;

use streamsdk_signaling::{Platform, Signaling};
use streamsdk_transport::{Interfaces, PeerConfig};
use url::{Host, Url};

const LOOKUP_LIMIT: Duration = Duration::from_secs(1);

/// A server, and how it is reached. Cloning is cheap.
#[derive(Clone)]
pub(crate) struct Endpoint {
    pub(crate) signaling: Arc<dyn Signaling>,
    pub(crate) platform: Platform,
    /// How connections to it are made, as far as that does not depend on the session.
    pub(crate) peer: PeerConfig,
    pub(crate) is_local: bool,
    #[cfg(feature = "diagnose")]
    pub(crate) checkup: streamsdk_diagnose::Checkup,
    /// Host and port; `None` for a URL without a host.
    host: Option<(String, u16)>,
}

impl Endpoint {
    /// Interfaces are all of them for a server on this machine, and all but loopback for others.
    pub(crate) fn new(url: &str, signaling: Arc<dyn Signaling>, platform: Platform) -> Self {
        let is_local = is_loopback(url);
        let peer = PeerConfig::default().interfaces(match is_local {
            true => Interfaces::All,
            false => Interfaces::External,
        });
        Self {
            signaling,
            platform,
            peer,
            is_local,
            #[cfg(feature = "diagnose")]
            checkup: streamsdk_diagnose::Checkup::new(),
            host: host_and_port(url),
        }
    }

    /// The same, with what is to be looked at where something is wrong.
    #[cfg(feature = "diagnose")]
    pub(crate) fn with_checkup(mut self, checkup: streamsdk_diagnose::Checkup) -> Self {
        self.checkup = checkup;
        self
    }

    /// Where the server is, as far as that is soon known. It may be behind a proxy or a name that means
    /// several hosts: good for no more than an assumption.
    pub(crate) async fn server_address(&self) -> Option<SocketAddr> {
        let (host, port) = self.host.as_ref()?;
        let lookup = tokio::net::lookup_host((host.as_str(), *port));
        tokio::time::timeout(LOOKUP_LIMIT, lookup).await.ok()?.ok()?.next()
    }
}

fn is_loopback(url: &str) -> bool {
    let Ok(url) = Url::parse(url) else { return false };
    match url.host() {
        Some(Host::Domain(name)) => name == "localhost" || name.ends_with(".localhost"),
        Some(Host::Ipv4(ip)) => IpAddr::from(ip).is_loopback(),
        Some(Host::Ipv6(ip)) => IpAddr::from(ip).is_loopback(),
        None => false,
    }
}

fn host_and_port(url: &str) -> Option<(String, u16)> {
    let url = Url::parse(url.trim()).ok()?;
    let host = url.host_str()?.trim_matches(['[', ']']);
    Some((host.to_owned(), url.port_or_known_default()?))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_server_on_this_machine_is_recognised() {
        for url in
            ["http://localhost:9001", "http://127.0.0.1", "http://[::1]:1", "http://a.localhost"]
        {
            assert!(is_loopback(url), "{url}");
        }
        for url in ["https://serverless.roboflow.com", "http://192.168.1.2:9001", "nonsense"] {
            assert!(!is_loopback(url), "{url}");
        }
    }

    #[test]
    fn the_server_is_found_whatever_its_url_looks_like() {
        for (url, expected) in [
            ("http://h:9001/x", ("h", 9001)),
            ("https://h", ("h", 443)),
            ("http://[fd00::1]:80", ("fd00::1", 80)),
            (" http://10.0.0.1", ("10.0.0.1", 80)),
        ] {
            assert_eq!(host_and_port(url), Some((expected.0.to_owned(), expected.1)), "{url}");
        }
        assert_eq!(host_and_port("nonsense"), None);
    }
}
