//! The peers that full packets do not get to, as far as it is known.
//!
//! The kernel remembers what routers tell it of a path. Where they tell nothing, this does, so that the
//! next connection with the peer has smaller packets from its beginning. It counts from the first doubt
//! on, because the peer may connect again as soon as it has one.

use std::collections::HashMap;
use std::net::IpAddr;
use std::sync::{LazyLock, Mutex, PoisonError};
use std::time::{Duration, Instant};

/// As long as the kernel remembers by default.
const REMEMBERED: Duration = Duration::from_secs(600);
/// Where there are more of them, the others are found out again.
const MAX_REMEMBERED: usize = 1024;

type Peers = HashMap<IpAddr, Instant>;

static PEERS: LazyLock<Mutex<Peers>> = LazyLock::new(Mutex::default);

pub(crate) fn remember(peer: IpAddr) {
    with(|peers| {
        peers.retain(|_, since| since.elapsed() < REMEMBERED);
        if peers.len() < MAX_REMEMBERED {
            peers.insert(peer.to_canonical(), Instant::now());
        }
    });
}

pub(crate) fn forget(peer: IpAddr) {
    with(|peers| peers.remove(&peer.to_canonical()));
}

pub(crate) fn is_remembered(peer: IpAddr) -> bool {
    with(|peers| peers.get(&peer.to_canonical()).is_some_and(|since| since.elapsed() < REMEMBERED))
}

fn with<T>(use_them: impl FnOnce(&mut Peers) -> T) -> T {
    use_them(&mut PEERS.lock().unwrap_or_else(PoisonError::into_inner))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_peer_is_known_by_its_address_in_either_clothes() {
        remember([192, 0, 2, 77].into());
        assert!(is_remembered("::ffff:192.0.2.77".parse().unwrap()));
        assert!(!is_remembered([192, 0, 2, 78].into()));
        forget([192, 0, 2, 77].into());
        assert!(!is_remembered([192, 0, 2, 77].into()));
    }
}
