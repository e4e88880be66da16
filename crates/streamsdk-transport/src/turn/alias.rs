//! Names and addresses under which the engine knows servers.
//!
//! The names are in a domain that never exists (RFC 6761), and the addresses in networks that nothing is ever
//! sent to: reserved (240.0.0.0/4), and for discarding (RFC 6666).

use std::net::{IpAddr, Ipv4Addr, Ipv6Addr, SocketAddr};

const DOMAIN: &str = ".streamsdk.invalid";
/// The servers are told apart by the port.
const FIRST_PORT: u16 = 1;
const V4: Ipv4Addr = Ipv4Addr::new(240, 83, 68, 75);
const V6: Ipv6Addr = Ipv6Addr::new(0x100, 0, 0, 0, 0, 0, 0x5344, 0x4b);

/// The name of a server.
pub(super) fn name(index: usize) -> String {
    format!("server-{index}{DOMAIN}")
}

/// Which server has this name, perhaps with a port behind it.
pub(super) fn named(host: &str) -> Option<usize> {
    let (index, port) = host.strip_prefix("server-")?.split_once(DOMAIN)?;
    (port.is_empty() || port.starts_with(':')).then(|| index.parse().ok())?
}

/// Which server a URL is of.
pub(super) fn of_url(url: &str) -> Option<usize> {
    let host = url.split_once(':')?.1;
    named(host.split('?').next()?)
}

/// The addresses of a server that is reached over a stream, one in each family.
pub(super) fn addresses(index: usize) -> Option<[SocketAddr; 2]> {
    let port = u16::try_from(index).ok()?.checked_add(FIRST_PORT)?;
    Some([IpAddr::V4(V4), IpAddr::V6(V6)].map(|ip| SocketAddr::new(ip, port)))
}

/// Which server has this address.
pub(super) fn at(address: SocketAddr) -> Option<usize> {
    let is_alias = match address.ip() {
        IpAddr::V4(ip) => ip == V4,
        IpAddr::V6(ip) => ip == V6,
    };
    is_alias.then(|| address.port().checked_sub(FIRST_PORT).map(usize::from))?
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_server_is_found_by_its_names_and_addresses() {
        for index in [0, 1, 41] {
            assert_eq!(named(&name(index)), Some(index));
            assert_eq!(named(&format!("{}:3478", name(index))), Some(index));
            let url = format!("turn:{}:3478?transport=udp", name(index));
            assert_eq!(of_url(&url), Some(index));
            assert_eq!(addresses(index).unwrap().map(at), [Some(index); 2]);
        }
        assert_eq!(addresses(65_535), None);
        for host in
            ["server-1.example:1", "server-x.streamsdk.invalid", "server-1.streamsdk.invalidx"]
        {
            assert_eq!(named(host), None);
        }
        assert_eq!(at("240.83.68.76:1".parse().unwrap()), None);
        assert_eq!(at("240.83.68.75:0".parse().unwrap()), None);
        assert_eq!(of_url(""), None);
    }
}
