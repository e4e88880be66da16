//! What is wrong between this machine and the server: when it is asked for, and when no session comes about.

use std::time::{Duration, Instant};

use streamsdk_diagnose::{Checkup, Diagnosis};
use streamsdk_protocol::init::IceServer;

use crate::endpoint::Endpoint;
use crate::error::{Error, ErrorKind};
use crate::stage::Stage;

/// For who asks for it.
const LIMIT: Duration = Duration::from_secs(5);
/// For who waits for something else: enough for every check of one that is well, and for what is silent to be known as
/// such.
const LIMIT_AFTER_FAILURE: Duration = Duration::from_secs(3);

/// What is found out about the server, and the STUN and TURN servers that its side names.
pub(crate) async fn of_server(endpoint: &Endpoint) -> Diagnosis {
    with_named_servers(endpoint, endpoint.checkup.clone(), LIMIT).await
}

/// What is found out once no connection came about, by what it was to be made of: `ice_servers` are those that were
/// given, or `None` where the server's side names them.
pub(crate) async fn of_failure(
    endpoint: &Endpoint,
    checkup: Checkup,
    ice_servers: Option<Vec<IceServer>>,
) -> Diagnosis {
    match ice_servers {
        Some(given) => checkup.ice_servers(given).time_limit(LIMIT_AFTER_FAILURE).run().await,
        None => with_named_servers(endpoint, checkup, LIMIT_AFTER_FAILURE).await,
    }
}

async fn with_named_servers(endpoint: &Endpoint, checkup: Checkup, limit: Duration) -> Diagnosis {
    let started = Instant::now();
    // Without them there is enough to be said.
    let asked = tokio::time::timeout(limit / 2, endpoint.signaling.ice_servers()).await;
    let servers = asked.ok().and_then(Result::ok).unwrap_or_default();
    let left = limit.saturating_sub(started.elapsed());
    checkup.ice_servers(servers).time_limit(left).run().await
}

/// Whether an error leaves open what is wrong: of the network, and of what answers in the place of a server. A refusal
/// says it itself.
pub(crate) fn is_of_use(error: &Error) -> bool {
    match error.kind() {
        ErrorKind::Unreachable
        | ErrorKind::Ice
        | ErrorKind::Handshake
        | ErrorKind::Timeout
        | ErrorKind::ConnectionLost => true,
        ErrorKind::BadAnswer => error.stage() == Stage::Requesting,
        _ => false,
    }
}
