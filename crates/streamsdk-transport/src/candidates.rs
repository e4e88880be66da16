use std::collections::HashSet;
use std::fmt;
use std::net::{IpAddr, SocketAddr};

use streamsdk_protocol::address;
use tracing::debug;

use crate::runtime::interfaces::{OwnAddresses, is_link_local};
use crate::{Interfaces, PeerConfig};

/// How many ICE candidates of each type a description has.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
#[non_exhaustive]
pub struct CandidateCounts {
    /// Addresses of the machine itself.
    pub host: usize,
    /// Addresses as a STUN server sees them.
    pub server_reflexive: usize,
    /// Addresses on a TURN server.
    pub relay: usize,
}

impl CandidateCounts {
    pub(crate) fn of(sdp: &str) -> Self {
        let count = |kind: &str| sdp.lines().filter(|line| is_candidate(line, kind)).count();
        Self { host: count("host"), server_reflexive: count("srflx"), relay: count("relay") }
    }
}

/// Some engines repeat each candidate for the RTCP component, which BUNDLE makes the same thing.
fn is_candidate(line: &str, kind: &str) -> bool {
    let mut words = line.split_whitespace();
    words.next().is_some_and(|word| word.starts_with("a=candidate:"))
        && words.next() == Some("1")
        && words.skip_while(|word| *word != "typ").nth(1) == Some(kind)
}

/// The addresses of a description's candidates; of those that have one, and not a name.
pub(crate) fn addresses(sdp: &str) -> impl Iterator<Item = SocketAddr> {
    let candidates = sdp.lines().filter(|line| line.starts_with("a=candidate:"));
    candidates.filter_map(|line| {
        let mut words = line.split_whitespace().skip(4);
        let ip: IpAddr = words.next()?.parse().ok()?;
        Some(SocketAddr::new(ip, words.next()?.parse().ok()?))
    })
}

/// Bytes of a description that name what is at its side. The line of the session's number is none of them: its length
/// is not the same each time.
pub(crate) fn naming_bytes(sdp: &str) -> usize {
    sdp.lines().filter(|line| !line.starts_with("o=")).map(str::len).sum()
}

/// Addresses of a peer that are tried, of the many that it may name.
const MAX_FOLLOWED: usize = 32;

/// Which of a peer's candidates are followed: whoever names an address makes this side send there.
#[derive(Debug)]
pub(crate) struct FollowedCandidates {
    loopback: bool,
    link_local: bool,
    broadcasts: Vec<IpAddr>,
}

impl FollowedCandidates {
    pub(crate) fn new(config: &PeerConfig, own: &OwnAddresses) -> Self {
        let near = |is_near: &dyn Fn(IpAddr) -> bool| {
            let says = config.near_candidates;
            says.unwrap_or_else(|| config.toward.is_none_or(|peer| is_near(peer.ip())))
        };
        let only_here = matches!(config.interfaces, Interfaces::Loopback | Interfaces::ThisMachine);
        Self {
            loopback: only_here || near(&|ip| own.contain(ip)),
            link_local: near(&|ip| own.contain(ip) || is_link_local(ip)),
            broadcasts: own.broadcasts.clone(),
        }
    }

    /// The description without the others, and without those of TCP and RTCP, which are of no use here.
    pub(crate) fn of(&self, sdp: &str) -> String {
        let mut followed = HashSet::new();
        let mut in_section = HashSet::new();
        let mut left_out = 0;
        let mut kept = String::with_capacity(sdp.len());
        for line in sdp.split_inclusive('\n') {
            if line.starts_with("m=") {
                in_section.clear();
            }
            let is_kept = !names_candidate(line)
                || self.followed(line).is_some_and(|to| {
                    if followed.len() < MAX_FOLLOWED {
                        followed.insert(to);
                    }
                    followed.contains(&to) && in_section.insert(to)
                });
            match is_kept {
                true => kept.push_str(line),
                false => left_out += 1,
            }
        }
        if left_out > 0 {
            debug!(left_out, followed = followed.len(), "not all candidates are followed");
        }
        kept
    }

    /// Where the candidate is, if that is an address to go to.
    fn followed(&self, line: &str) -> Option<SocketAddr> {
        let words: Vec<&str> = line.split_whitespace().collect();
        let ["1", protocol, _, _, port, ..] = words.get(1..)? else { return None };
        let to = addresses(line).next()?;
        let ip = to.ip().to_canonical();
        let is_near = match ip {
            _ if ip.is_loopback() => self.loopback,
            _ if is_link_local(ip) => self.link_local,
            _ => true,
        };
        let is_udp = protocol.eq_ignore_ascii_case("udp");
        let is_of_machine = !address::is_of_no_machine(ip) && !self.broadcasts.contains(&ip);
        (is_udp && is_near && is_of_machine && *port != "0").then_some(to)
    }
}

/// Whether a parser could take the line for a candidate, however oddly it is written.
fn names_candidate(line: &str) -> bool {
    let value = line.trim_start().strip_prefix("a=");
    value.is_some_and(|value| value.trim_start().starts_with("candidate"))
}

impl fmt::Display for CandidateCounts {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let Self { host, server_reflexive, relay } = self;
        write!(f, "{host} host, {server_reflexive} server-reflexive, {relay} relay")
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn candidates_are_counted_by_type() {
        let sdp = "a=candidate:1 1 udp 1 10.0.0.1 9 typ host\r\n\
            a=candidate:1 2 udp 1 10.0.0.1 9 typ host\r\n\
            a=candidate:2 1 udp 1 1.2.3.4 9 typ srflx raddr 0.0.0.0 rport 0\r\n\
            a=candidate:broken\r\n";
        let counts = CandidateCounts::of(sdp);
        assert_eq!((counts.host, counts.server_reflexive, counts.relay), (1, 1, 0));
    }

    fn candidate(ip: &str) -> String {
        format!("a=candidate:1 1 udp 1 {ip} 9 typ host\r\n")
    }

    /// What is left of a description.
    fn kept(config: &PeerConfig, sdp: &str) -> String {
        FollowedCandidates::new(config, &OwnAddresses::of_machine()).of(sdp)
    }

    fn followed(config: &PeerConfig, sdp: &str) -> Vec<String> {
        let sdp = kept(config, sdp);
        addresses(&sdp).map(|address| address.ip().to_string()).collect()
    }

    fn toward(peer: &str) -> PeerConfig {
        PeerConfig::default().toward(SocketAddr::new(peer.parse().unwrap(), 80))
    }

    #[test]
    fn nobody_is_followed_to_what_is_no_machine() {
        for ip in [
            "224.0.0.1",
            "239.255.255.250",
            "255.255.255.255",
            "0.0.0.0",
            "0.1.2.3",
            "240.0.0.1",
            "::",
            "ff02::1",
            "::ffff:224.0.0.1",
            "name.example",
            "name.local",
        ] {
            let config = PeerConfig::default().near_candidates(true);
            assert_eq!(followed(&config, &candidate(ip)), [""; 0], "{ip}");
        }
        for broadcast in OwnAddresses::of_machine().broadcasts {
            let line = candidate(&broadcast.to_string());
            assert_eq!(followed(&PeerConfig::default(), &line), [""; 0]);
        }
        let sdp = "a=candidate:1 1 udp 1 192.0.2.1 0 typ host\r\n\
            a=candidate:1 1 tcp 1 192.0.2.1 9 typ host tcptype passive\r\n\
            a=candidate:1 2 udp 1 192.0.2.1 9 typ host\r\na=candidate:1 1 udp\r\n\
            a= candidate:1 1 udp 1 127.0.0.1 9 typ host\r\n";
        assert_eq!(kept(&PeerConfig::default(), sdp), "");
    }

    #[test]
    fn a_peer_is_followed_to_loopback_and_its_link_where_it_is_there_itself() {
        let sdp: String =
            ["127.0.0.1", "::1", "169.254.1.1", "fe80::1", "10.0.0.1"].map(candidate).concat();
        let cases = [
            (PeerConfig::default(), 5),
            (toward("127.0.0.1"), 5),
            (toward("169.254.7.7"), 3),
            (toward("203.0.113.7"), 1),
            (toward("203.0.113.7").near_candidates(true), 5),
            (PeerConfig::default().near_candidates(false), 1),
            (PeerConfig::default().near_candidates(false).interfaces(Interfaces::Loopback), 3),
        ];
        for (config, count) in cases {
            assert_eq!(followed(&config, &sdp).len(), count, "{config:?}");
        }
        assert_eq!(followed(&toward("203.0.113.7"), &candidate("::ffff:127.0.0.1")), [""; 0]);
    }

    #[test]
    fn of_many_candidates_the_first_are_followed_in_every_section() {
        let many: String = (1..=100).map(|n| candidate(&format!("192.0.2.{n}"))).collect();
        let sdp = format!("v=0\r\nm=video 9\r\n{many}{many}m=application 9\r\n{many}");
        assert_eq!(followed(&PeerConfig::default(), &sdp).len(), 2 * MAX_FOLLOWED);
        let kept = kept(&PeerConfig::default(), &sdp);
        assert!(kept.starts_with("v=0\r\nm=video 9\r\na=candidate:1 1 udp 1 192.0.2.1 9"));
        assert!(!kept.contains("192.0.2.33 "), "{kept}");
    }

    #[test]
    fn addresses_are_those_of_candidates_that_have_one() {
        let sdp = "c=IN IP4 10.0.0.9\r\na=candidate:1 1 udp 1 10.0.0.1 9 typ host\r\n\
            a=candidate:2 1 udp 1 fd00::1 10 typ host\r\n\
            a=candidate:3 1 udp 1 x.local 9 typ host\r\na=candidate:broken\r\n\
            a=candidate:4 1 udp 1 10.0.0.1 99999 typ host\r\n";
        let expected: [SocketAddr; 2] =
            ["10.0.0.1:9", "[fd00::1]:10"].map(|address| address.parse().unwrap());
        assert_eq!(addresses(sdp).collect::<Vec<SocketAddr>>(), expected);
    }
}
