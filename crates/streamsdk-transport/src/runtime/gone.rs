//! A peer that is gone, though its host is there.
//!
//! A process that is killed sends no close_notify. Its host does: it answers what comes to a port that nobody has any
//! more. The sockets that the engine uses are told nothing of that, because they are connected to nobody; so a
//! peer that has fallen silent is sent an empty message from a socket that is connected to it.
//!
//! A firewall may turn strangers away in the same manner. So the peer is asked over the pair in use as well, with
//! a signed check, which a living peer answers at any time. Only one that answers neither is gone.

use std::time::Duration;

use tokio::time::{Instant, sleep, sleep_until};
use tracing::debug;

use super::probe::IceCredentials;
use super::tuning::RuntimeTuning;
use crate::EndReason;
use crate::connection_state::ConnectionState;

/// A peer is asked after it has said nothing for so long: with data or video under way it never is silent for
/// that long, without them it says something every second or two.
const MAX_SILENCE: Duration = Duration::from_millis(400);
/// And so long after it was asked in vain.
const CHECK_INTERVAL: Duration = Duration::from_millis(500);
/// A peer may take so much longer than the host that it is on.
const PROCESS_GRACE: Duration = Duration::from_millis(150);
/// What stands for a longer limit.
const MAX_LIMIT: Duration = Duration::from_secs(365 * 24 * 3600);

/// Why a connection that stands is over: its peer is gone, or silent for longer than it may be.
pub(crate) async fn watch(
    state: &ConnectionState,
    tuning: &RuntimeTuning,
    credentials: Option<&IceCredentials>,
    dead_after: Duration,
) -> EndReason {
    let gone = async {
        match credentials {
            Some(credentials) => gone(state, tuning, credentials).await,
            // Nothing can be asked of it.
            None => std::future::pending().await,
        }
    };
    tokio::select! {
        biased;
        () = gone => EndReason::PeerGone,
        () = silent(state, dead_after) => EndReason::PeerSilent,
    }
}

/// Resolves when nothing was heard of the peer for so long.
async fn silent(state: &ConnectionState, limit: Duration) {
    let begun = Instant::now();
    loop {
        let heard = state.heard().get().unwrap_or(begun);
        let silent = heard.checked_add(limit).unwrap_or_else(|| heard + MAX_LIMIT);
        if silent <= Instant::now() {
            return;
        }
        sleep_until(silent).await;
    }
}

/// Resolves when the peer is gone.
async fn gone(state: &ConnectionState, tuning: &RuntimeTuning, credentials: &IceCredentials) {
    loop {
        let heard = state.heard().get().unwrap_or_else(Instant::now);
        let silent_from = heard + MAX_SILENCE;
        if Instant::now() < silent_from {
            sleep_until(silent_from).await;
            continue;
        }
        let asked = Instant::now();
        if let Some((local, peer)) = tuning.path.send_check(credentials)
            && tuning.network.refuses(local, peer).await
        {
            sleep(asked.elapsed() + PROCESS_GRACE).await;
            if state.heard().get().is_none_or(|heard| heard < asked) {
                debug!(%peer, "nobody has the peer's port any more");
                return;
            }
        }
        sleep(CHECK_INTERVAL).await;
        tuning.path.end_check();
    }
}
