use std::fmt;

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
}
