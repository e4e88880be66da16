//! Which addresses a stream may connect to.

use std::fmt;
use std::io;
use std::net::{IpAddr, SocketAddr, TcpStream, ToSocketAddrs};
use std::sync::Arc;
use std::time::Duration;

use crate::CaptureError;

/// Says of each address whether it may be connected to.
#[derive(Clone)]
pub(super) struct AllowedAddresses(Arc<dyn Fn(IpAddr) -> bool + Send + Sync>);

/// Why there is no connection.
#[derive(Debug, Clone)]
pub(super) enum Unreached {
    NotAllowed,
    Refused,
    /// What stood in the way.
    NoWay(String),
}

impl AllowedAddresses {
    pub(super) fn new(allows: impl Fn(IpAddr) -> bool + Send + Sync + 'static) -> Self {
        Self(Arc::new(allows))
    }

    /// Where a host is. If some of its addresses are allowed only, it is not: which of them it answers at is the
    /// host's own choice.
    pub(super) fn resolve(&self, host: &str, port: u16) -> Result<Vec<SocketAddr>, Unreached> {
        let host = host.trim_matches(['[', ']']);
        let found: Vec<_> = (host, port).to_socket_addrs().map_err(unknown_name)?.collect();
        match found.iter().all(|address| self.0(address.ip())) {
            true if !found.is_empty() => Ok(found),
            true => Err(Unreached::nameless()),
            false => Err(Unreached::NotAllowed),
        }
    }

    /// A connection to the host, by the first of its addresses that answers.
    pub(super) fn connect(
        &self,
        host: &str,
        port: u16,
        timeout: Duration,
    ) -> Result<TcpStream, Unreached> {
        let mut failure = Unreached::nameless();
        for address in self.resolve(host, port)? {
            match TcpStream::connect_timeout(&address, timeout) {
                Ok(stream) => return Ok(stream),
                Err(error) => failure = error.into(),
            }
        }
        Err(failure)
    }
}

impl fmt::Debug for AllowedAddresses {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("AllowedAddresses(..)")
    }
}

impl Unreached {
    /// There is nothing to connect to.
    pub(super) fn nameless() -> Self {
        Self::NoWay("its name leads to no address".to_owned())
    }

    /// What a server that is told by `origin` is then.
    pub(super) fn at(self, origin: &str) -> CaptureError {
        let origin = origin.to_owned();
        match self {
            Self::NotAllowed => CaptureError::NotAllowed { origin },
            Self::Refused => CaptureError::Refused { origin },
            Self::NoWay(reason) => CaptureError::Unreachable { origin, reason },
        }
    }
}

impl From<io::Error> for Unreached {
    fn from(error: io::Error) -> Self {
        match error.kind() {
            io::ErrorKind::ConnectionRefused => Self::Refused,
            _ => Self::NoWay(error.to_string()),
        }
    }
}

fn unknown_name(error: io::Error) -> Unreached {
    Unreached::NoWay(format!("its name is not known ({error})"))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_host_counts_as_all_of_its_addresses() {
        let only_v4 = AllowedAddresses::new(|address| address.is_ipv4());
        assert!(only_v4.resolve("127.0.0.1", 1).is_ok());
        assert!(matches!(only_v4.resolve("[::1]", 1), Err(Unreached::NotAllowed)));
        let unknown = only_v4.resolve("no.such.invalid", 1).unwrap_err();
        assert!(matches!(unknown.at("x"), CaptureError::Unreachable { .. }));
    }
}
