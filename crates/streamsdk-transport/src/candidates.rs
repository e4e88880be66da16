use std::fmt;
use std::net::{IpAddr, SocketAddr};

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
