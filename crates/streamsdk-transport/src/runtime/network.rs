//! The network that a connection is made over: the machine's, or one that is made up.

use std::fmt;
use std::io::{self, ErrorKind};
use std::net::{IpAddr, SocketAddr, UdpSocket};
use std::time::Duration;

use super::datagrams::{Datagrams, KernelSocket};
use super::fragments::known_route;
use super::interfaces::OwnAddresses;
use super::packet_size::Route;
#[cfg(feature = "simulation")]
use crate::simulation::{SharedNetwork, SimulatedDatagrams};

/// What has not come back by then is not waited for.
const MAX_ROUND_TRIP: Duration = Duration::from_secs(2);
/// A STUN Binding indication, which nobody answers and everybody knows (RFC 8489): the keepalive of ICE.
const BINDING_INDICATION: [u8; 20] =
    [0x00, 0x11, 0, 0, 0x21, 0x12, 0xa4, 0x42, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0];

#[derive(Clone, Default)]
pub(crate) enum Network {
    /// That of this machine.
    #[default]
    Machine,
    #[cfg(feature = "simulation")]
    Simulated(SharedNetwork),
}

/// When a connection may be held up by a network that is made up, so that what is rare happens often.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
#[non_exhaustive]
#[cfg_attr(
    not(feature = "simulation"),
    expect(unreachable_pub, reason = "only who makes a network up sees it")
)]
pub enum Moment {
    /// The peer's answer is there, and not applied.
    AnswerArrived,
    /// An answer is made, and not sent.
    AnswerMade,
    /// Full packets are known to arrive.
    PathProved,
    /// Everything that was sent is acknowledged, and the connection is not closed.
    Drained,
}

impl Network {
    /// Holds the connection up, where a test wants that.
    pub(crate) async fn hold_up(&self, moment: Moment) {
        match self {
            Self::Machine => {
                let _ = moment;
            }
            #[cfg(feature = "simulation")]
            Self::Simulated(network) => {
                let time = network.hold_up(moment);
                if !time.is_zero() {
                    tokio::time::sleep(time).await;
                }
            }
        }
    }

    /// The addresses that this side has.
    pub(crate) fn own_addresses(&self) -> OwnAddresses {
        match self {
            Self::Machine => OwnAddresses::of_machine(),
            #[cfg(feature = "simulation")]
            Self::Simulated(network) => OwnAddresses::without_broadcasts(network.addresses()),
        }
    }

    /// What is known of the way to `to`, before there is a socket.
    pub(crate) fn known_route(&self, to: SocketAddr) -> Option<Route> {
        match self {
            Self::Machine => known_route(to),
            #[cfg(feature = "simulation")]
            Self::Simulated(network) => network.mtu(to.ip()).map(|mtu| Route { to: to.ip(), mtu }),
        }
    }

    /// The end of it that is at the address of `socket`.
    pub(crate) fn attach(&self, socket: UdpSocket) -> io::Result<Box<dyn Datagrams>> {
        match self {
            Self::Machine => Ok(Box::new(KernelSocket::new(socket)?)),
            #[cfg(feature = "simulation")]
            Self::Simulated(network) => Ok(Box::new(SimulatedDatagrams::new(network, socket)?)),
        }
    }

    /// Whether every thread may send. One that is made up goes by the clock of a runtime, which other threads do not have.
    pub(crate) fn is_open_to_all_threads(&self) -> bool {
        matches!(self, Self::Machine)
    }

    /// Whether the host at `peer` says that nobody has the port.
    pub(crate) async fn refuses(&self, local: IpAddr, peer: SocketAddr) -> bool {
        match self {
            Self::Machine => refuses(local, peer).await,
            #[cfg(feature = "simulation")]
            Self::Simulated(network) => network.refuses(local, peer).await,
        }
    }
}

impl fmt::Debug for Network {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            Self::Machine => "Machine",
            #[cfg(feature = "simulation")]
            Self::Simulated(_) => "Simulated",
        })
    }
}

async fn refuses(local: IpAddr, peer: SocketAddr) -> bool {
    let asked = async {
        let socket = tokio::net::UdpSocket::bind((local, 0)).await?;
        socket.connect(peer).await?;
        socket.send(&BINDING_INDICATION).await?;
        // A living peer says nothing to this.
        socket.recv(&mut [0]).await
    };
    match tokio::time::timeout(MAX_ROUND_TRIP, asked).await {
        Ok(Err(error)) => {
            matches!(error.kind(), ErrorKind::ConnectionRefused | ErrorKind::ConnectionReset)
        }
        _ => false,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[tokio::test]
    async fn a_port_that_nobody_has_refuses_and_one_that_somebody_has_does_not() {
        let local = IpAddr::from([127, 0, 0, 1]);
        let socket = UdpSocket::bind((local, 0)).unwrap();
        let address = socket.local_addr().unwrap();
        let machine = Network::default();
        let refused = machine.refuses(local, address);
        let asked = tokio::time::timeout(Duration::from_millis(300), refused).await;
        assert!(asked.is_err(), "nothing is said");
        drop(socket);
        assert!(machine.refuses(local, address).await);
    }
}
