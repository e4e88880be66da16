//! Looking up the servers that are reached by the kernel, while nobody waits for it yet.

use std::net::SocketAddr;

use tokio::net::lookup_host;
use tokio::sync::watch;

use super::board::{Entry, Step};
use super::outcome::ServerFailure;
use super::url::ServerUrl;

/// The addresses of a server, once they are known.
pub(super) type Lookup = watch::Receiver<Option<Vec<SocketAddr>>>;

pub(super) fn look_up(url: &ServerUrl, entry: Entry) -> Lookup {
    let (found_tx, found) = watch::channel(None);
    let (host, port) = (url.host.clone(), url.port);
    tokio::spawn(async move {
        match lookup_host((host, port)).await {
            Ok(addresses) => {
                found_tx.send_replace(Some(addresses.collect()));
                entry.proceed(Step::Answer);
            }
            Err(error) => entry.fail(ServerFailure::Lookup(error.to_string())),
        }
    });
    found
}
