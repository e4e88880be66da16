//! Which addresses a connection has, and whom it listens to on them.

use std::fmt;
use std::net::{IpAddr, Ipv4Addr, SocketAddr};
use std::str::FromStr;

use crate::Interfaces;

/// The addresses of this machine as they are at one moment. To ask the system for them takes a tenth of a millisecond or
/// more, so it is asked once for a connection.
#[derive(Debug, Clone, Default)]
pub(crate) struct OwnAddresses {
    /// Those that sockets can be bound to.
    usable: Vec<IpAddr>,
    /// Where what is sent goes to everybody on a network of this machine.
    pub(crate) broadcasts: Vec<IpAddr>,
}

impl OwnAddresses {
    pub(crate) fn of_machine() -> Self {
        let interfaces = if_addrs::get_if_addrs().unwrap_or_default();
        let broadcast = |interface: &if_addrs::Interface| match &interface.addr {
            if_addrs::IfAddr::V4(address) => address.broadcast.map(IpAddr::V4),
            if_addrs::IfAddr::V6(_) => None,
        };
        let up = interfaces.iter().filter(|interface| interface.is_oper_up());
        Self {
            usable: up.map(if_addrs::Interface::ip).collect(),
            broadcasts: interfaces.iter().filter_map(broadcast).collect(),
        }
    }

    /// Those of a machine whose networks have no broadcasts.
    #[cfg(feature = "simulation")]
    pub(crate) fn without_broadcasts(usable: Vec<IpAddr>) -> Self {
        Self { usable, broadcasts: Vec::new() }
    }

    /// Whether it is one of this machine's, or loopback.
    pub(crate) fn contain(&self, ip: IpAddr) -> bool {
        ip.is_loopback() || self.usable.contains(&ip)
    }

    /// The socket addresses to bind, each on a port of the kernel's choice.
    ///
    /// The engine would expand a wildcard by itself, but never to loopback, and without IPv6 on the
    /// machine it would offer the wildcard as an address.
    ///
    /// A peer `toward` another machine is not reached over loopback. A pair with it is no better for the engine than any
    /// other, and while the best of all is open, the one that works is agreed on only at the next interval of checks.
    pub(crate) fn to_bind(
        &self,
        interfaces: Interfaces,
        toward: Option<SocketAddr>,
    ) -> Vec<SocketAddr> {
        let is_elsewhere = |to: SocketAddr| !self.contain(to.ip());
        let interfaces = match interfaces {
            Interfaces::All if toward.is_some_and(is_elsewhere) => Interfaces::External,
            interfaces => interfaces,
        };
        let wanted = self.usable.iter().copied().filter(|ip| is_wanted(*ip, interfaces));
        let mut addresses: Vec<IpAddr> = wanted.collect();
        addresses.sort_unstable();
        addresses.dedup();
        if addresses.is_empty() {
            addresses.push(Ipv4Addr::LOCALHOST.into());
        }
        addresses.into_iter().map(|ip| SocketAddr::new(ip, 0)).collect()
    }
}

fn is_wanted(ip: IpAddr, interfaces: Interfaces) -> bool {
    match interfaces {
        Interfaces::Loopback => ip.is_loopback() && ip.is_ipv4(),
        Interfaces::External => !ip.is_loopback() && !is_link_local(ip),
        // One loopback family is enough: whoever reaches ::1 reaches 127.0.0.1.
        Interfaces::ThisMachine | Interfaces::All => {
            if ip.is_loopback() {
                ip.is_ipv4()
            } else {
                !is_link_local(ip)
            }
        }
    }
}

pub(crate) fn is_link_local(ip: IpAddr) -> bool {
    match ip {
        IpAddr::V4(ip) => ip.is_link_local() || ip.is_unspecified(),
        IpAddr::V6(ip) => ip.is_unicast_link_local() || ip.is_unspecified(),
    }
}

/// Whose packets are taken, and who is sent any.
#[derive(Debug, Clone, Default)]
pub(crate) struct PeerFilter {
    /// The addresses of this machine, if nobody else is to get in; `None` lets everybody in.
    own: Option<Vec<IpAddr>>,
}

impl PeerFilter {
    /// Goes by addresses, which is right although they can be forged: a packet with an address of this
    /// machine that comes in from outside is thrown away by the system, or if it is not, the answer
    /// stays on this machine. To bind a socket to the loopback device is no way: packets to an
    /// address of another interface count as that interface's, though they never leave the machine.
    pub(crate) fn of(own: &OwnAddresses, interfaces: Interfaces) -> Self {
        Self { own: (interfaces == Interfaces::ThisMachine).then(|| own.usable.clone()) }
    }

    pub(crate) fn allows(&self, ip: IpAddr) -> bool {
        // All of 127.0.0.0/8 is the loopback interface, whichever of its addresses is listed.
        let is_same = |own: &IpAddr| *own == ip || own.is_loopback() && ip.is_loopback();
        self.own.as_ref().is_none_or(|own| own.iter().any(is_same))
    }

    /// Lets nobody in.
    #[cfg(test)]
    pub(crate) fn nobody() -> Self {
        Self { own: Some(Vec::new()) }
    }
}

impl fmt::Display for Interfaces {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            Self::External => "external",
            Self::Loopback => "loopback",
            Self::ThisMachine => "this-machine",
            Self::All => "all",
        })
    }
}

/// A name that is none of [`Interfaces`].
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error("there are no interfaces called {0:?}: it is external, loopback, this-machine or all")]
pub struct UnknownInterfaces(String);

impl FromStr for Interfaces {
    type Err = UnknownInterfaces;

    fn from_str(name: &str) -> Result<Self, Self::Err> {
        [Self::External, Self::Loopback, Self::ThisMachine, Self::All]
            .into_iter()
            .find(|interfaces| name.eq_ignore_ascii_case(&interfaces.to_string()))
            .ok_or_else(|| UnknownInterfaces(name.to_owned()))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn names_are_read_as_they_are_written() {
        for name in ["external", "loopback", "this-machine", "all"] {
            assert_eq!(name.parse::<Interfaces>().unwrap().to_string(), name);
        }
        assert!("eth0".parse::<Interfaces>().unwrap_err().to_string().contains("this-machine"));
    }

    fn bound(interfaces: Interfaces, toward: Option<&str>) -> Vec<SocketAddr> {
        OwnAddresses::of_machine().to_bind(interfaces, toward.map(|to| to.parse().unwrap()))
    }

    #[test]
    fn this_machine_has_every_address_and_lets_only_itself_in() {
        let (all, own) = (bound(Interfaces::All, None), OwnAddresses::of_machine());
        assert_eq!(bound(Interfaces::ThisMachine, None), all);
        let peer_filter = PeerFilter::of(&own, Interfaces::ThisMachine);
        assert!(all.iter().all(|address| peer_filter.allows(address.ip())));
        assert!(peer_filter.allows(IpAddr::from([127, 9, 9, 9])));
        for other in ["203.0.113.7", "2001:db8::7", "0.0.0.0"] {
            let other = other.parse().unwrap();
            assert!(!peer_filter.allows(other) && !own.contain(other), "{other}");
            assert!(PeerFilter::of(&own, Interfaces::All).allows(other));
        }
    }

    #[test]
    fn loopback_means_one_loopback_address_and_there_is_always_an_address() {
        let loopback = bound(Interfaces::Loopback, None);
        assert_eq!(loopback, [SocketAddr::from(([127, 0, 0, 1], 0))]);
        assert!(!bound(Interfaces::External, None).is_empty());
        assert!(bound(Interfaces::All, None).contains(&loopback[0]));
        assert_eq!(OwnAddresses::default().to_bind(Interfaces::External, None), loopback);
    }

    #[test]
    fn loopback_is_left_out_on_the_way_to_another_machine() {
        let all = bound(Interfaces::All, None);
        let elsewhere = bound(Interfaces::All, Some("203.0.113.7:80"));
        assert_eq!(elsewhere, bound(Interfaces::External, None));
        assert_eq!(bound(Interfaces::All, Some("127.0.0.9:80")), all);
        for own in &all {
            assert_eq!(bound(Interfaces::All, Some(&own.to_string())), all);
        }
    }
}
