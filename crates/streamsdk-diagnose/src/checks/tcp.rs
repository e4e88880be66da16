//! Does the machine take a connection, refuse it, or say nothing?

use std::io::{self, ErrorKind};
use std::net::SocketAddr;
use std::time::Duration;

use futures::StreamExt;
use futures::stream::FuturesUnordered;
use tokio::net::TcpStream;

use crate::deadline::Deadline;

const LIMIT: Duration = Duration::from_secs(2);

/// Why none of the addresses took a connection: what says most of all addresses.
#[derive(Debug)]
pub(crate) enum NoConnection {
    Refused,
    Silent,
    Unreachable(io::Error),
}

/// A connection to whichever of `addresses` takes one first.
pub(crate) async fn connect(
    addresses: &[SocketAddr],
    deadline: Deadline,
) -> Result<TcpStream, NoConnection> {
    let tries = addresses
        .iter()
        .map(|address| async { deadline.within(LIMIT, TcpStream::connect(*address)).await });
    let mut tries: FuturesUnordered<_> = tries.collect();
    let mut failure = None;
    while let Some(tried) = tries.next().await {
        let failed = match tried {
            Some(Ok(stream)) => return Ok(stream),
            Some(Err(error)) => read(error),
            None => NoConnection::Silent,
        };
        failure = match failure {
            Some(known) if weight(&known) >= weight(&failed) => Some(known),
            _ => Some(failed),
        };
    }
    Err(failure.unwrap_or(NoConnection::Silent))
}

fn read(error: io::Error) -> NoConnection {
    match error.kind() {
        ErrorKind::ConnectionRefused | ErrorKind::ConnectionReset => NoConnection::Refused,
        ErrorKind::TimedOut => NoConnection::Silent,
        _ => NoConnection::Unreachable(error),
    }
}

/// An address without a route, as of IPv6 where there is none, says nothing about the others.
fn weight(failure: &NoConnection) -> u8 {
    match failure {
        NoConnection::Unreachable(_) => 0,
        NoConnection::Silent => 1,
        NoConnection::Refused => 2,
    }
}
