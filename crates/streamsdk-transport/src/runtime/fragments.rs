//! Whether the network may cut packets up, and what the kernel knows about it.
//!
//! Elsewhere than on Linux nobody may, which is `quinn-udp`'s rule, and nothing is known.

use std::net::{IpAddr, SocketAddr, UdpSocket};

use super::packet_size::Route;

/// Who may cut up packets that are larger than a link of the path carries.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Fragments {
    /// This machine, once its kernel knows of such a link. A router says that there is one.
    Here,
    /// Routers too, who then need not be able to tell. With IPv6 they never do it.
    Anywhere,
}

/// Lets packets of `socket` be cut up.
pub(crate) fn allow(socket: &UdpSocket, fragments: Fragments) -> std::io::Result<()> {
    #[cfg(all(target_os = "linux", not(streamsdk_portable)))]
    linux::allow(socket, fragments)?;
    #[cfg(not(all(target_os = "linux", not(streamsdk_portable))))]
    let _ = (socket, fragments);
    Ok(())
}

/// What the kernel knows of the route to `to`: the link it begins with, and what routers have said.
pub(crate) fn known_route(to: SocketAddr) -> Option<Route> {
    let any: IpAddr = match to {
        SocketAddr::V4(_) => [0; 4].into(),
        SocketAddr::V6(_) => [0; 16].into(),
    };
    let socket = UdpSocket::bind((any, 0)).ok()?;
    // Sends nothing, but finds the route.
    socket.connect(to).ok()?;
    #[cfg(all(target_os = "linux", not(streamsdk_portable)))]
    return linux::mtu(&socket, to).map(|mtu| Route { to: to.ip(), mtu });
    #[cfg(not(all(target_os = "linux", not(streamsdk_portable))))]
    None
}

#[cfg(all(target_os = "linux", not(streamsdk_portable)))]
mod linux {
    use std::io;
    use std::net::{SocketAddr, UdpSocket};

    use nix::sys::socket::setsockopt;
    use nix::sys::socket::sockopt::Ipv6DontFrag;
    use rustix::net::sockopt::{self, Ipv4PathMtuDiscovery as Ipv4, Ipv6PathMtuDiscovery as Ipv6};

    use super::Fragments;

    pub(super) fn allow(socket: &UdpSocket, fragments: Fragments) -> io::Result<()> {
        let (ipv4, ipv6) = match fragments {
            Fragments::Here => (Ipv4::WANT, Ipv6::WANT),
            Fragments::Anywhere => (Ipv4::DONT, Ipv6::DONT),
        };
        // For a socket of IPv6 too, which may send to an address of IPv4.
        sockopt::set_ip_mtu_discover(socket, ipv4)?;
        if socket.local_addr()?.is_ipv6() {
            sockopt::set_ipv6_mtu_discover(socket, ipv6)?;
            setsockopt(socket, Ipv6DontFrag, &false)?;
        }
        Ok(())
    }

    pub(super) fn mtu(socket: &UdpSocket, to: SocketAddr) -> Option<u32> {
        match to {
            SocketAddr::V4(_) => sockopt::ip_mtu(socket),
            SocketAddr::V6(_) => sockopt::ipv6_mtu(socket),
        }
        .ok()
    }
}

#[cfg(all(test, target_os = "linux", not(streamsdk_portable)))]
mod tests {
    use super::*;

    #[test]
    fn the_kernel_knows_the_route_over_loopback() {
        let route = known_route("127.0.0.1:9".parse().unwrap()).unwrap();
        assert!(route.mtu > 1500, "{route:?}");
    }

    #[test]
    fn packets_of_both_families_may_be_cut_up() {
        for address in ["127.0.0.1:0", "[::1]:0"] {
            // A machine may have no IPv6.
            let Ok(socket) = UdpSocket::bind(address) else { continue };
            for fragments in [Fragments::Here, Fragments::Anywhere] {
                allow(&socket, fragments).unwrap();
            }
        }
    }
}
