//! URLs of STUN and TURN servers (RFC 7064, RFC 7065).

use std::fmt;

const PORT: u16 = 3478;
const TLS_PORT: u16 = 5349;

/// Where a server is, and how it is reached.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct ServerUrl {
    pub(crate) service: Service,
    /// A name or an address, without brackets.
    pub(crate) host: String,
    pub(crate) port: u16,
}

/// What a server is for, and what it is reached over.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Service {
    /// Says what address it sees, over UDP.
    Stun,
    /// Relays, and is reached over this.
    Turn(TurnTransport),
}

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum TurnTransport {
    Udp,
    Tcp,
    Tls,
}

/// Why a URL is of no use.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum BadUrl {
    /// It is none of STUN or TURN.
    Unreadable,
    /// It is, over something that there is nothing for.
    Transport,
}

impl ServerUrl {
    pub(crate) fn parse(url: &str) -> Result<Self, BadUrl> {
        let (scheme, rest) = url.trim().split_once(':').ok_or(BadUrl::Unreadable)?;
        let (authority, query) = rest.split_once('?').unwrap_or((rest, ""));
        let transport = transport(query)?;
        let scheme = scheme.to_ascii_lowercase();
        let (service, default_port) = match (&*scheme, transport.as_deref()) {
            // By the book a STUN URL has no query, but there are some that say UDP.
            ("stun", None | Some("udp")) => (Service::Stun, PORT),
            ("turn", None | Some("udp")) => (Service::Turn(TurnTransport::Udp), PORT),
            ("turn", Some("tcp")) => (Service::Turn(TurnTransport::Tcp), PORT),
            ("turns", None | Some("tcp")) => (Service::Turn(TurnTransport::Tls), TLS_PORT),
            ("stun" | "stuns" | "turn" | "turns", _) => return Err(BadUrl::Transport),
            _ => return Err(BadUrl::Unreadable),
        };
        let (host, port) = host_and_port(authority).ok_or(BadUrl::Unreadable)?;
        Ok(Self { service, host, port: port.unwrap_or(default_port) })
    }
}

impl ServerUrl {
    /// As against a stream.
    pub(crate) fn is_over_udp(&self) -> bool {
        matches!(self.service, Service::Stun | Service::Turn(TurnTransport::Udp))
    }
}

/// What a query says that goes over; `None` if it says nothing.
fn transport(query: &str) -> Result<Option<String>, BadUrl> {
    match query.split_once('=') {
        None if query.is_empty() => Ok(None),
        Some((key, value)) if key.eq_ignore_ascii_case("transport") => {
            Ok(Some(value.to_ascii_lowercase()))
        }
        _ => Err(BadUrl::Unreadable),
    }
}

fn host_and_port(authority: &str) -> Option<(String, Option<u16>)> {
    let (host, port) = match authority.strip_prefix('[') {
        Some(bracketed) => {
            let (host, rest) = bracketed.split_once(']')?;
            host.parse::<std::net::Ipv6Addr>().ok()?;
            (host, rest.strip_prefix(':').or(rest.is_empty().then_some(""))?)
        }
        None => {
            let (host, port) = authority.split_once(':').unwrap_or((authority, ""));
            let is_of_a_name = |byte: u8| byte.is_ascii_alphanumeric() || b"-._".contains(&byte);
            (!host.is_empty() && host.bytes().all(is_of_a_name)).then_some(())?;
            (host, port)
        }
    };
    let port = match port {
        "" => None,
        port => Some(port.parse().ok().filter(|port| *port != 0)?),
    };
    Some((host.to_owned(), port))
}

/// As it is shown, which is never with more than host and port.
impl fmt::Display for ServerUrl {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let Self { service, host, port } = self;
        let (scheme, over) = match service {
            Service::Stun => ("stun", "UDP"),
            Service::Turn(TurnTransport::Udp) => ("turn", "UDP"),
            Service::Turn(TurnTransport::Tcp) => ("turn", "TCP"),
            Service::Turn(TurnTransport::Tls) => ("turns", "TLS"),
        };
        match host.contains(':') {
            true => write!(f, "{scheme}:[{host}]:{port} ({over})"),
            false => write!(f, "{scheme}:{host}:{port} ({over})"),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn urls_are_read_as_they_are_in_use() {
        for (url, shown) in [
            ("stun:a.example", "stun:a.example:3478 (UDP)"),
            ("stun:a.example:19302?transport=udp", "stun:a.example:19302 (UDP)"),
            ("turn:a.example", "turn:a.example:3478 (UDP)"),
            ("TURN:a.example:80?transport=UDP", "turn:a.example:80 (UDP)"),
            ("turn:10.0.0.1:80?transport=tcp", "turn:10.0.0.1:80 (TCP)"),
            ("turns:a.example", "turns:a.example:5349 (TLS)"),
            ("turns:a.example:443?transport=tcp", "turns:a.example:443 (TLS)"),
            ("turn:[2001:db8::1]", "turn:[2001:db8::1]:3478 (UDP)"),
            ("turns:[2001:db8::1]:443", "turns:[2001:db8::1]:443 (TLS)"),
        ] {
            assert_eq!(ServerUrl::parse(url).unwrap().to_string(), shown, "{url}");
        }
    }

    #[test]
    fn what_cannot_be_used_is_told_apart_from_what_cannot_be_read() {
        for url in
            ["stuns:a", "turns:a?transport=udp", "turn:a?transport=sctp", "stun:a?transport=tcp"]
        {
            assert_eq!(ServerUrl::parse(url), Err(BadUrl::Transport), "{url}");
        }
        for url in [
            "",
            "a",
            "turn",
            "turn:",
            "turn::80",
            "http://a",
            "turn://a",
            "turn:user:word@a:80",
            "turn:a:0",
            "turn:a:99999",
            "turn:a:x",
            "turn:[::1",
            "turn:[x]:1",
            "turn:[::1]x",
            "turn:a b",
            "turn:a?x=y",
            "turn:a?transport",
        ] {
            assert_eq!(ServerUrl::parse(url), Err(BadUrl::Unreadable), "{url}");
        }
    }
}
