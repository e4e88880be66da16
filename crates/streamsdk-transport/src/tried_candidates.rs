//! What was tried from each address of this side.

use std::fmt;
use std::net::IpAddr;

/// Addresses of the peer that are named one by one.
const MAX_NAMED: usize = 4;

/// The candidates of this side, and what was tried from each, of a connection that did not come about.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct TriedCandidates(Vec<TriedCandidate>);

impl TriedCandidates {
    /// By the descriptions of both sides.
    pub(crate) fn of(local: &str, remote: &str) -> Self {
        let remote: Vec<Candidate<'_>> = candidates(remote).collect();
        let mut tried = Vec::new();
        for Candidate { kind, ip } in candidates(local) {
            let is_reachable = |other: &IpAddr| other.is_ipv4() == ip.is_ipv4();
            let mut silent = Vec::new();
            for ip in remote.iter().map(|remote| remote.ip).filter(is_reachable) {
                if !silent.contains(&ip) {
                    silent.push(ip);
                }
            }
            let candidate = TriedCandidate { kind: kind.to_owned(), address: ip, silent };
            if !tried.contains(&candidate) {
                tried.push(candidate);
            }
        }
        Self(tried)
    }

    /// Each of them.
    pub fn iter(&self) -> std::slice::Iter<'_, TriedCandidate> {
        self.0.iter()
    }
}

impl<'a> IntoIterator for &'a TriedCandidates {
    type Item = &'a TriedCandidate;
    type IntoIter = std::slice::Iter<'a, TriedCandidate>;

    fn into_iter(self) -> Self::IntoIter {
        self.iter()
    }
}

impl fmt::Display for TriedCandidates {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        for (index, candidate) in self.iter().enumerate() {
            write!(f, "{}{candidate}", if index == 0 { "" } else { "; " })?;
        }
        Ok(())
    }
}

/// An address of this side, and what was tried from there.
#[derive(Debug, Clone, PartialEq, Eq)]
#[non_exhaustive]
pub struct TriedCandidate {
    /// Its type, as in a description: `host`, `srflx` or `relay`.
    pub kind: String,
    /// The address: this machine's own, as a STUN server sees it, or on a TURN server.
    pub address: IpAddr,
    /// The addresses of the peer that were tried from there, in vain. None if the peer has none of the same family.
    pub silent: Vec<IpAddr>,
}

impl fmt::Display for TriedCandidate {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let Self { kind, address, silent } = self;
        if silent.is_empty() {
            let family = if address.is_ipv4() { "IPv4" } else { "IPv6" };
            return write!(f, "{kind} {address}: skipped, the peer has no {family} address");
        }
        write!(f, "{kind} {address}: no answer from ")?;
        let named: Vec<String> = silent.iter().take(MAX_NAMED).map(ToString::to_string).collect();
        f.write_str(&named.join(", "))?;
        match silent.len().saturating_sub(MAX_NAMED) {
            0 => Ok(()),
            more => write!(f, " and {more} more"),
        }
    }
}

struct Candidate<'a> {
    kind: &'a str,
    ip: IpAddr,
}

/// Those of a description that have an address, and not a name.
fn candidates(sdp: &str) -> impl Iterator<Item = Candidate<'_>> {
    sdp.lines().filter(|line| line.starts_with("a=candidate:")).filter_map(|line| {
        let mut words = line.split_whitespace().skip(4);
        let ip = words.next()?.parse().ok()?;
        let kind = words.skip_while(|word| *word != "typ").nth(1)?;
        // The peer may have written anything.
        let is_known = ["host", "srflx", "prflx", "relay"].contains(&kind);
        is_known.then_some(Candidate { kind, ip })
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    fn sdp(candidates: &[(&str, &str)]) -> String {
        let lines = candidates.iter().enumerate().map(|(index, (ip, kind))| {
            format!("a=candidate:{index} 1 udp 1 {ip} 9 typ {kind} raddr 0.0.0.0 rport 0\r\n")
        });
        lines.collect()
    }

    #[test]
    fn each_candidate_is_named_with_what_was_tried_from_there() {
        let local = sdp(&[("10.0.0.1", "host"), ("fd00::1", "host"), ("1.2.3.4", "relay")]);
        let remote = sdp(&[("10.0.1.1", "host"), ("10.0.1.1", "host"), ("10.0.2.1", "srflx")]);
        assert_eq!(
            TriedCandidates::of(&local, &remote).to_string(),
            "host 10.0.0.1: no answer from 10.0.1.1, 10.0.2.1; \
             host fd00::1: skipped, the peer has no IPv6 address; \
             relay 1.2.3.4: no answer from 10.0.1.1, 10.0.2.1"
        );
    }

    #[test]
    fn a_peer_with_many_addresses_does_not_fill_the_screen() {
        let many: Vec<String> = (1..=9).map(|n| format!("10.0.0.{n}")).collect();
        let many: Vec<(&str, &str)> = many.iter().map(|ip| (&**ip, "host")).collect();
        let tried = TriedCandidates::of(&sdp(&[("10.1.0.1", "host")]), &sdp(&many)).to_string();
        assert!(tried.ends_with("10.0.0.4 and 5 more"), "{tried}");
    }

    #[test]
    fn what_is_no_candidate_is_passed_over() {
        let garbage = "a=candidate:\r\na=candidate:1 1 udp 1 x.local 9 typ host\r\n\
            a=candidate:1 1 udp 1 10.0.0.1 9 typ \u{1b}[31m\r\na=candidate:1 1 udp 1 10.0.0.1 9\r\n";
        assert_eq!(TriedCandidates::of(garbage, garbage), TriedCandidates::default());
    }
}
