//! How large the engine's packets are, which is settled before a connection is built.

use std::net::IpAddr;

/// What SCTP hands to DTLS at most. Larger than the engine's default, which is worth 15–30 %.
const MAX_PAYLOAD: u32 = 1400;
/// What a link of a local network carries, and what is assumed where nothing is known.
const ETHERNET: u32 = 1500;
/// What every link of IPv6 carries (RFC 8200); few of IPv4 carry less.
const NARROWEST: u32 = 1280;

const IPV4_HEADER: u32 = 20;
const IPV6_HEADER: u32 = 40;
const UDP_HEADER: u32 = 8;
/// Header of a record, explicit nonce and tag of AES-GCM.
const DTLS: u32 = 13 + 8 + 16;
/// Header of a Send indication, the peer's address (IPv6), header of the data and its padding.
const TURN: u32 = 20 + 24 + 4 + 3;

/// A route that packets may take, as far as it is known.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) struct Route {
    pub(crate) to: IpAddr,
    /// The largest IP packet that goes there in one piece.
    pub(crate) mtu: u32,
}

impl Route {
    /// The narrowest there is.
    pub(crate) fn narrowest(to: IpAddr) -> Self {
        Self { to, mtu: NARROWEST }
    }

    /// The largest payload of a UDP packet that goes there in one piece.
    pub(crate) fn payload(self) -> u32 {
        let ip = if is_ipv4(self.to) { IPV4_HEADER } else { IPV6_HEADER };
        self.mtu.saturating_sub(ip + UDP_HEADER)
    }
}

fn is_ipv4(ip: IpAddr) -> bool {
    ip.to_canonical().is_ipv4()
}

/// The largest packet of SCTP such that one of UDP goes whole on each of `routes`, perhaps through a
/// TURN server.
pub(crate) fn sctp_size(routes: &[Route], relayed: bool) -> u32 {
    let around = DTLS + if relayed { TURN } else { 0 };
    let unknown = Route { to: IpAddr::from([0, 0, 0, 0]), mtu: ETHERNET };
    let payload = routes.iter().chain([&unknown]).map(|route| route.payload()).min();
    // A link that is narrower still cuts packets up; it is not worth smaller ones.
    let least = smallest_sctp_size(relayed);
    payload.unwrap_or(0).saturating_sub(around).clamp(least, MAX_PAYLOAD) & !3
}

/// One that goes on every route.
pub(crate) fn smallest_sctp_size(relayed: bool) -> u32 {
    let around = DTLS + if relayed { TURN } else { 0 };
    (NARROWEST - IPV6_HEADER - UDP_HEADER - around) & !3
}

/// The payload of the UDP packet that carries a full packet of SCTP.
pub(crate) fn full_payload(sctp_size: u32) -> u32 {
    sctp_size + DTLS
}

/// What the engine sends at most.
#[derive(Debug, Clone, Copy)]
pub(crate) struct FullPackets {
    /// The payload of one in UDP.
    pub(crate) payload: usize,
    /// Smaller ones would not get farther.
    pub(crate) are_smallest: bool,
}

#[cfg(test)]
mod tests {
    use super::*;

    const V4: IpAddr = IpAddr::V4(std::net::Ipv4Addr::LOCALHOST);
    const V6: IpAddr = IpAddr::V6(std::net::Ipv6Addr::LOCALHOST);

    fn size(to: IpAddr, mtu: u32) -> u32 {
        sctp_size(&[Route { to, mtu }], false)
    }

    #[test]
    fn a_full_packet_fills_the_path_and_never_more() {
        for (mtu, expected) in
            [(65536, 1400), (1500, 1400), (1465, 1400), (1464, 1396), (1420, 1352), (1280, 1212)]
        {
            assert_eq!(size(V4, mtu), expected, "{mtu}");
            assert!(full_payload(size(V4, mtu)) + IPV4_HEADER + UDP_HEADER <= mtu);
        }
        for (mtu, expected) in [(1500, 1400), (1485, 1400), (1484, 1396), (1280, 1192)] {
            assert_eq!(size(V6, mtu), expected, "{mtu}");
            assert!(full_payload(size(V6, mtu)) + IPV6_HEADER + UDP_HEADER <= mtu);
        }
    }

    #[test]
    fn the_narrowest_route_counts_and_an_absurd_one_does_not() {
        let routes = [(V4, 1500), (V6, 1420), (V4, 65536)].map(|(to, mtu)| Route { to, mtu });
        assert_eq!(sctp_size(&routes, false), size(V6, 1420));
        for mtu in [0, 68, 576] {
            assert_eq!(size(V4, mtu), smallest_sctp_size(false));
        }
        assert_eq!(sctp_size(&[], false), MAX_PAYLOAD);
    }

    #[test]
    fn a_relayed_packet_has_room_for_the_relay_s_header() {
        assert_eq!(sctp_size(&[], true), 1384);
        assert!(full_payload(sctp_size(&[], true)) + TURN + IPV4_HEADER + UDP_HEADER <= ETHERNET);
    }

    #[test]
    fn an_ipv4_address_in_ipv6_clothes_has_short_headers() {
        assert_eq!(size("::ffff:10.0.0.1".parse().unwrap(), 1464), 1396);
    }
}
