//! Whether a camera is at an address that only this machine or its networks can reach.
//!
//! Names are looked up here, and once more by whoever connects: a server that answers differently the
//! second time, or sends on to another address, is not noticed. Strangers are kept out of a network by
//! the network.

use std::net::{IpAddr, Ipv4Addr, Ipv6Addr};

use crate::error_response::ErrorResponse;

/// Refuses a camera whose name leads to a private address, to this machine, or nowhere.
pub(crate) async fn refuse(url: &str) -> Result<(), ErrorResponse> {
    // The reason does not say what the name leads to: that is not for strangers to find out.
    let refused =
        || ErrorResponse::configuration("This worker does not pull cameras of private networks.");
    let host = host_of(url).ok_or_else(refused)?;
    let mut addresses = tokio::net::lookup_host((host, 0)).await.map_err(|_| refused())?.peekable();
    if addresses.peek().is_none() || addresses.any(|address| is_private(address.ip())) {
        return Err(refused());
    }
    Ok(())
}

/// The host, found as FFmpeg finds it: behind the last `@` of what comes before the path.
fn host_of(url: &str) -> Option<&str> {
    let (_, rest) = url.split_once("://")?;
    let authority = rest.split(['/', '?', '#']).next()?;
    let host = authority.rsplit_once('@').map_or(authority, |(_, host)| host);
    match host.strip_prefix('[') {
        Some(bracketed) => bracketed.split_once(']').map(|(host, _)| host),
        None => host.split(':').next(),
    }
}

fn is_private(address: IpAddr) -> bool {
    match address {
        IpAddr::V4(address) => is_private_v4(address),
        IpAddr::V6(address) => match embedded(address) {
            Some(embedded) => is_private_v4(embedded),
            None => is_private_v6(address),
        },
    }
}

fn is_private_v4(address: Ipv4Addr) -> bool {
    let [first, second, ..] = address.octets();
    let is_shared = first == 100 && (64..128).contains(&second);
    let is_benchmark = first == 198 && (second == 18 || second == 19);
    address.is_private()
        || address.is_loopback()
        || address.is_link_local()
        || address.is_broadcast()
        || address.is_multicast()
        || first == 0
        || first >= 240
        || is_shared
        || is_benchmark
}

fn is_private_v6(address: Ipv6Addr) -> bool {
    address.is_loopback()
        || address.is_unspecified()
        || address.is_multicast()
        || address.is_unique_local()
        || address.is_unicast_link_local()
}

/// The IPv4 address that an IPv6 address stands for, which is where the packets go.
fn embedded(address: Ipv6Addr) -> Option<Ipv4Addr> {
    let segments = address.segments();
    let is_translated = segments[..6] == [0x64, 0xff9b, 0, 0, 0, 0];
    let [.., a, b, c, d] = address.octets();
    address.to_ipv4_mapped().or_else(|| is_translated.then(|| Ipv4Addr::new(a, b, c, d)))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_host_is_where_the_connection_would_go() {
        for (url, host) in [
            ("rtsp://cam/1", Some("cam")),
            ("rtsp://user:pw@cam:554/1", Some("cam")),
            ("http://a@10.0.0.1@127.0.0.1/", Some("127.0.0.1")),
            ("http://example.org?@127.0.0.1", Some("example.org")),
            ("http://[::1]:80/", Some("::1")),
            ("http://[::1", None),
            ("nonsense", None),
        ] {
            assert_eq!(host_of(url), host, "{url}");
        }
    }

    #[test]
    fn private_addresses_are_known_in_every_disguise() {
        for private in [
            "127.0.0.1",
            "10.1.2.3",
            "172.16.0.1",
            "192.168.1.1",
            "169.254.169.254",
            "100.64.0.1",
            "0.0.0.0",
            "224.0.0.1",
            "255.255.255.255",
            "::1",
            "::",
            "fd00::1",
            "fe80::1",
            "::ffff:127.0.0.1",
            "64:ff9b::a00:1",
        ] {
            assert!(is_private(private.parse().unwrap()), "{private}");
        }
        for public in ["8.8.8.8", "172.32.0.1", "100.128.0.1", "2606:4700::1111", "::ffff:8.8.8.8"]
        {
            assert!(!is_private(public.parse().unwrap()), "{public}");
        }
    }

    #[tokio::test]
    async fn what_leads_here_or_nowhere_is_refused() {
        for url in ["rtsp://127.1/a", "http://localhost:1/", "rtsp:///a", "http://no.such.invalid/"]
        {
            assert!(refuse(url).await.is_err(), "{url}");
        }
        assert!(refuse("rtsp://8.8.8.8/1").await.is_ok());
    }
}
