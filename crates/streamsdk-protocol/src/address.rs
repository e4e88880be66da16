//! Where an address leads: for whoever connects to what somebody else named.

use std::net::{IpAddr, Ipv4Addr, Ipv6Addr};

/// How far one goes for somebody else, who names an address or a name that leads to it.
///
/// ```
/// use streamsdk_protocol::address::Reach;
///
/// assert!(Reach::Private.allows("10.0.0.1".parse()?) && !Reach::Public.allows("10.0.0.1".parse()?));
/// assert!(!Reach::Private.allows("169.254.169.254".parse()?));
/// # Ok::<_, std::net::AddrParseError>(())
/// ```
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Reach {
    /// To what is open to everybody: see [`is_public`].
    Public,
    /// To this machine and its networks as well, but never to where keys are given away ([`is_metadata`]).
    Private,
}

impl Reach {
    /// Whether `address` may be connected to.
    pub fn allows(self, address: IpAddr) -> bool {
        match self {
            Self::Public => is_public(address),
            Self::Private => !is_metadata(address) && !is_of_no_machine(address),
        }
    }
}

/// Whether `address` is of the public Internet, so that what answers there is open to everybody.
///
/// Not public are this machine, private networks, what reaches only the next link, groups, and what is
/// reserved or for examples. An IPv6 address that stands for one of IPv4 is what that one is.
///
/// ```
/// use streamsdk_protocol::address;
///
/// assert!(address::is_public("8.8.8.8".parse()?));
/// assert!(!address::is_public("::ffff:127.0.0.1".parse()?));
/// # Ok::<_, std::net::AddrParseError>(())
/// ```
pub fn is_public(address: IpAddr) -> bool {
    match address {
        IpAddr::V4(address) => is_public_v4(address),
        IpAddr::V6(address) => match embedded(address) {
            Some(embedded) => is_public_v4(embedded),
            None => is_public_v6(address),
        },
    }
}

/// Whether `host` is this machine by its name or address; an IPv6 address may be in brackets.
pub fn is_this_machine(host: &str) -> bool {
    let host = host.trim_end_matches('.');
    match host.trim_matches(['[', ']']).parse::<IpAddr>() {
        Ok(address) => address.to_canonical().is_loopback() || address.is_unspecified(),
        Err(_) => {
            let name = host.to_ascii_lowercase();
            name == "localhost" || name.ends_with(".localhost")
        }
    }
}

/// Whether `address` is that of a service that tells a cloud's machines who they are, with the keys to all they may do.
/// Nobody has a camera, a file or a model there.
///
/// ```
/// use streamsdk_protocol::address;
///
/// assert!(address::is_metadata("169.254.169.254".parse()?));
/// assert!(!address::is_metadata("169.254.1.1".parse()?));
/// # Ok::<_, std::net::AddrParseError>(())
/// ```
pub fn is_metadata(address: IpAddr) -> bool {
    const SERVICES_V4: [Ipv4Addr; 3] = [
        Ipv4Addr::new(169, 254, 169, 254),
        // Of a task of AWS, and of Alibaba Cloud.
        Ipv4Addr::new(169, 254, 170, 2),
        Ipv4Addr::new(100, 100, 100, 200),
    ];
    const SERVICES_V6: [Ipv6Addr; 2] = [
        Ipv6Addr::new(0xfd00, 0xec2, 0, 0, 0, 0, 0, 0x254),
        Ipv6Addr::new(0xfd20, 0xce, 0, 0, 0, 0, 0, 0x254),
    ];
    match address {
        IpAddr::V4(address) => SERVICES_V4.contains(&address),
        IpAddr::V6(address) => match embedded(address) {
            Some(embedded) => SERVICES_V4.contains(&embedded),
            None => SERVICES_V6.contains(&address),
        },
    }
}

/// Whether no single machine can be at `address`: it is of a group, of everybody, of nobody, or reserved.
///
/// ```
/// use streamsdk_protocol::address;
///
/// assert!(address::is_of_no_machine("224.0.0.1".parse()?));
/// assert!(!address::is_of_no_machine("127.0.0.1".parse()?));
/// # Ok::<_, std::net::AddrParseError>(())
/// ```
pub fn is_of_no_machine(address: IpAddr) -> bool {
    match address.to_canonical() {
        IpAddr::V4(address) => {
            let [first, ..] = address.octets();
            first == 0 || first >= 240 || address.is_multicast()
        }
        IpAddr::V6(address) => address.is_unspecified() || address.is_multicast(),
    }
}

fn is_public_v4(address: Ipv4Addr) -> bool {
    let [first, second, third, _] = address.octets();
    let is_shared = first == 100 && (64..128).contains(&second);
    let is_benchmark = first == 198 && (second == 18 || second == 19);
    let is_of_protocols = (first, second, third) == (192, 0, 0);
    !(address.is_private()
        || address.is_loopback()
        || address.is_link_local()
        || address.is_documentation()
        || address.is_multicast()
        || first == 0
        || first >= 240
        || is_shared
        || is_benchmark
        || is_of_protocols)
}

/// Only what is given out to networks, which is 2000::/3, without what has another use.
fn is_public_v6(address: Ipv6Addr) -> bool {
    let [first, second, ..] = address.segments();
    let is_of_networks = first & 0xe000 == 0x2000;
    let is_of_protocols = first == 0x2001 && second < 0x0200;
    let is_documentation =
        (first, second) == (0x2001, 0x0db8) || (first, second >> 12) == (0x3fff, 0);
    is_of_networks && !is_of_protocols && !is_documentation
}

/// The IPv4 address that an IPv6 address stands for, which is where the packets go.
fn embedded(address: Ipv6Addr) -> Option<Ipv4Addr> {
    let [prefix @ .., _, _] = address.segments();
    let octets = address.octets();
    let [.., a, b, c, d] = octets;
    match prefix {
        // Translated, as by NAT64.
        [0x64, 0xff9b, 0, 0, 0, 0] => Some(Ipv4Addr::new(a, b, c, d)),
        // Carried by 6to4.
        [0x2002, ..] => Some(Ipv4Addr::new(octets[2], octets[3], octets[4], octets[5])),
        _ => address.to_ipv4_mapped(),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn addresses_that_are_not_public_are_known_in_every_disguise() {
        for address in [
            "127.0.0.1",
            "10.1.2.3",
            "172.16.0.1",
            "192.168.1.1",
            "169.254.169.254",
            "100.64.0.1",
            "192.0.0.8",
            "192.0.2.1",
            "198.18.0.1",
            "198.51.100.1",
            "203.0.113.1",
            "0.0.0.0",
            "224.0.0.1",
            "255.255.255.255",
            "::1",
            "::",
            "::7f00:1",
            "fd00::1",
            "fe80::1",
            "fec0::1",
            "ff02::1",
            "100::1",
            "2001::1",
            "2001:db8::1",
            "3fff:fff::1",
            "::ffff:127.0.0.1",
            "64:ff9b::a00:1",
            "64:ff9b:1::808:808",
            "2002:7f00:1::1",
        ] {
            assert!(!is_public(address.parse().unwrap()), "{address}");
        }
    }

    #[test]
    fn services_of_clouds_are_known_in_every_disguise() {
        for address in [
            "169.254.169.254",
            "::ffff:169.254.169.254",
            "64:ff9b::a9fe:a9fe",
            "2002:a9fe:a9fe::1",
            "fd00:ec2::254",
            "169.254.170.2",
            "100.100.100.200",
        ] {
            let address = address.parse().unwrap();
            assert!(is_metadata(address) && !is_public(address), "{address}");
        }
        for address in ["169.254.169.253", "127.0.0.1", "fd00:ec2::253", "8.8.8.8"] {
            assert!(!is_metadata(address.parse().unwrap()), "{address}");
        }
    }

    #[test]
    fn public_addresses_are_public() {
        for address in [
            "8.8.8.8",
            "172.32.0.1",
            "100.128.0.1",
            "192.0.1.1",
            "2606:4700::1111",
            "2001:4860:4860::8888",
            "::ffff:8.8.8.8",
            "64:ff9b::808:808",
            "2002:808:808::1",
        ] {
            assert!(is_public(address.parse().unwrap()), "{address}");
        }
    }

    #[test]
    fn this_machine_is_known_by_all_its_names() {
        for host in
            ["localhost", "LOCALHOST", "a.localhost.", "127.0.0.1", "127.9.9.9", "0.0.0.0", "[::1]"]
        {
            assert!(is_this_machine(host), "{host}");
        }
        assert!(is_this_machine("::ffff:127.0.0.1"));
        for host in ["localhost.example.com", "notlocalhost", "10.0.0.1", "[fe80::1]", ""] {
            assert!(!is_this_machine(host), "{host}");
        }
    }
}
