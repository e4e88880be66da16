use std::net::{IpAddr, Ipv4Addr, SocketAddr};

use crate::Interfaces;

/// The socket addresses to bind, each on a port of the kernel's choice.
///
/// The engine would expand a wildcard by itself, but never to loopback, and without IPv6 on the
/// machine it would offer the wildcard as an address.
pub(crate) fn bind_addresses(interfaces: Interfaces) -> Vec<SocketAddr> {
    let mut addresses: Vec<IpAddr> = if_addrs::get_if_addrs()
        .unwrap_or_default()
        .into_iter()
        .filter(if_addrs::Interface::is_oper_up)
        .map(|interface| interface.ip())
        .filter(|ip| is_wanted(*ip, interfaces))
        .collect();
    addresses.sort_unstable();
    addresses.dedup();
    if addresses.is_empty() {
        addresses.push(Ipv4Addr::LOCALHOST.into());
    }
    addresses.into_iter().map(|ip| SocketAddr::new(ip, 0)).collect()
}

fn is_wanted(ip: IpAddr, interfaces: Interfaces) -> bool {
    match interfaces {
        Interfaces::Loopback => ip.is_loopback() && ip.is_ipv4(),
        Interfaces::External => !ip.is_loopback() && !is_link_local(ip),
        // One loopback family is enough: whoever reaches ::1 reaches 127.0.0.1.
        Interfaces::All => {
            if ip.is_loopback() {
                ip.is_ipv4()
            } else {
                !is_link_local(ip)
            }
        }
    }
}

fn is_link_local(ip: IpAddr) -> bool {
    match ip {
        IpAddr::V4(ip) => ip.is_link_local() || ip.is_unspecified(),
        IpAddr::V6(ip) => ip.is_unicast_link_local() || ip.is_unspecified(),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn loopback_means_one_loopback_address_and_there_is_always_an_address() {
        let loopback = bind_addresses(Interfaces::Loopback);
        assert_eq!(loopback, [SocketAddr::from(([127, 0, 0, 1], 0))]);
        assert!(!bind_addresses(Interfaces::External).is_empty());
        assert!(bind_addresses(Interfaces::All).contains(&loopback[0]));
    }
}
