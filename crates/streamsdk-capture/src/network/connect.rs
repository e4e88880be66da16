//! Connections that are made here and not by FFmpeg.

use std::io;
use std::net::TcpStream;
use std::sync::mpsc::{RecvTimeoutError, channel};
use std::thread;
use std::time::Duration;

use super::address::Address;
use super::allowed_addresses::{AllowedAddresses, Unreached};
use super::options::NetworkStreamOptions;
use crate::read_watchdog::{ReadWatchdog, STOP_POLL_INTERVAL};

/// Connects to the address's host, where that is allowed. `None` if the watchdog does not wait any longer.
///
/// It is done on a thread of its own: neither the look-up of a name nor an attempt to connect can be ended otherwise.
pub(super) fn connect(
    address: &Address,
    options: &NetworkStreamOptions,
    watchdog: &ReadWatchdog,
) -> Option<Result<TcpStream, Unreached>> {
    let Some((host, port)) = address.host_and_port() else {
        return Some(Err(Unreached::nameless()));
    };
    let everywhere = || AllowedAddresses::new(|_| true);
    let (host, allowed) = (host.to_owned(), options.allowed.clone().unwrap_or_else(everywhere));
    let timeout = options.connect_timeout;
    let (sender, connected) = channel();
    thread::spawn(move || sender.send(allowed.connect(&host, port, timeout)));
    loop {
        match connected.recv_timeout(STOP_POLL_INTERVAL) {
            Ok(connected) => {
                return Some(connected.and_then(|stream| Ok(set_up(&stream).map(|()| stream)?)));
            }
            Err(RecvTimeoutError::Timeout) if watchdog.is_over() => return None,
            Err(RecvTimeoutError::Timeout) => {}
            Err(RecvTimeoutError::Disconnected) => return Some(Err(Unreached::nameless())),
        }
    }
}

fn set_up(stream: &TcpStream) -> io::Result<()> {
    stream.set_nodelay(true)?;
    stream.set_write_timeout(Some(MAX_WRITE_TIME))?;
    stream.set_read_timeout(Some(STOP_POLL_INTERVAL))
}

/// What is sent is short. A server that does not take it is dead.
const MAX_WRITE_TIME: Duration = Duration::from_secs(1);
