//! Servers that did not answer the last time, as far as it is known.
//!
//! The first connection with such a server waits for it. The next ones, of a session that connects again, say, would wait
//! as long and as much in vain.

use std::collections::HashMap;
use std::sync::{LazyLock, Mutex, PoisonError};
use std::time::{Duration, Instant};

const REMEMBERED: Duration = Duration::from_secs(60);
/// Where there are more of them, the others are found out again.
const MAX_REMEMBERED: usize = 1024;

type Servers = HashMap<String, Instant>;

static SERVERS: LazyLock<Mutex<Servers>> = LazyLock::new(Mutex::default);

pub(super) fn remember(server: &str) {
    with(|servers| {
        servers.retain(|_, since| since.elapsed() < REMEMBERED);
        if servers.len() < MAX_REMEMBERED {
            servers.insert(server.to_owned(), Instant::now());
        }
    });
}

pub(super) fn forget(server: &str) {
    with(|servers| servers.remove(server));
}

pub(super) fn is_remembered(server: &str) -> bool {
    with(|servers| servers.get(server).is_some_and(|since| since.elapsed() < REMEMBERED))
}

fn with<T>(use_them: impl FnOnce(&mut Servers) -> T) -> T {
    use_them(&mut SERVERS.lock().unwrap_or_else(PoisonError::into_inner))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_server_is_remembered_until_it_answers() {
        assert!(!is_remembered("turn:silent:1"));
        remember("turn:silent:1");
        assert!(is_remembered("turn:silent:1") && !is_remembered("turn:silent:2"));
        forget("turn:silent:1");
        assert!(!is_remembered("turn:silent:1"));
    }
}
