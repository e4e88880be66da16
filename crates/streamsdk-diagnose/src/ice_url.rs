//! URLs of STUN and TURN servers (RFC 7064, RFC 7065).

use std::fmt;

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum IceTransport {
    Udp,
    Tcp,
    Tls,
}

#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct IceUrl {
    pub(crate) is_turn: bool,
    pub(crate) host: String,
    pub(crate) port: u16,
    pub(crate) transport: IceTransport,
}

impl IceUrl {
    /// `None` if it is not one.
    pub(crate) fn parse(text: &str) -> Option<Self> {
        let (scheme, rest) = text.trim().split_once(':')?;
        let (is_turn, is_secure) = match scheme.to_ascii_lowercase().as_str() {
            "stun" => (false, false),
            "stuns" => (false, true),
            "turn" => (true, false),
            "turns" => (true, true),
            _ => return None,
        };
        let (authority, query) = rest.split_once('?').unwrap_or((rest, ""));
        let transport = match (is_secure, query.strip_prefix("transport=")) {
            (true, Some("tcp")) => IceTransport::Tls,
            (true, None) if query.is_empty() => IceTransport::Tls,
            (false, Some("udp")) => IceTransport::Udp,
            (false, Some("tcp")) => IceTransport::Tcp,
            (false, None) if query.is_empty() => IceTransport::Udp,
            _ => return None,
        };
        let (host, port) = host_and_port(authority)?;
        let port = port.unwrap_or(if is_secure { 5349 } else { 3478 });
        Some(Self { is_turn, host, port, transport })
    }
}

fn host_and_port(authority: &str) -> Option<(String, Option<u16>)> {
    let (host, port) = match authority.strip_prefix('[') {
        Some(rest) => {
            let (host, port) = rest.split_once(']')?;
            host.parse::<std::net::Ipv6Addr>().ok()?;
            (host, if port.is_empty() { None } else { Some(port.strip_prefix(':')?) })
        }
        None => match authority.split_once(':') {
            Some((host, port)) => (host, Some(port)),
            None => (authority, None),
        },
    };
    let is_host = |c: char| c.is_alphanumeric() || matches!(c, '.' | '-' | '_' | ':');
    if host.is_empty() || !host.chars().all(is_host) {
        return None;
    }
    let port = port.map(|port| port.parse().ok().filter(|port| *port > 0).ok_or(()));
    Some((host.to_owned(), port.transpose().ok()?))
}

impl fmt::Display for IceUrl {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let kind = if self.is_turn { "TURN" } else { "STUN" };
        let transport = match self.transport {
            IceTransport::Udp => "UDP",
            IceTransport::Tcp => "TCP",
            IceTransport::Tls => "TLS",
        };
        write!(f, "{kind} server {} over {transport}", place(&self.host, self.port))
    }
}

/// A host and its port, as in a URL.
pub(crate) fn place(host: &str, port: u16) -> String {
    if host.contains(':') { format!("[{host}]:{port}") } else { format!("{host}:{port}") }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn read(text: &str) -> Option<(bool, String, u16, IceTransport)> {
        IceUrl::parse(text).map(|url| (url.is_turn, url.host, url.port, url.transport))
    }

    #[test]
    fn scheme_port_and_transport_have_their_defaults() {
        use IceTransport::{Tcp, Tls, Udp};
        for (text, is_turn, host, port, transport) in [
            ("stun:a", false, "a", 3478, Udp),
            ("STUN:a.b:19302", false, "a.b", 19302, Udp),
            ("turn:a?transport=tcp", true, "a", 3478, Tcp),
            ("turn:[::1]:5000?transport=udp", true, "::1", 5000, Udp),
            ("turns:a", true, "a", 5349, Tls),
            ("turns:a:443?transport=tcp", true, "a", 443, Tls),
        ] {
            assert_eq!(read(text), Some((is_turn, host.to_owned(), port, transport)), "{text}");
        }
    }

    #[test]
    fn what_is_no_url_of_such_a_server_is_refused() {
        for text in [
            "",
            "a",
            "http://a",
            "stun:",
            "stun://a",
            "turn:user:pw@a",
            "turn:a:0",
            "turn:a:b",
            "turn:[a]",
            "turn:[::1",
            "turn:[::1]x",
            "turn:a?transport=sctp",
            "turns:a?transport=udp",
        ] {
            assert_eq!(read(text), None, "{text}");
        }
    }
}
