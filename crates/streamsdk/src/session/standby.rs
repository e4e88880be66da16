//! Another link, made while the one in use may be dead.
//!
//! Whether a silent path comes back nobody can know. So the link stays for as long as it may, and meanwhile
//! another one is tried; whichever has life first is used.

use std::time::Duration;

use tokio::time::{Instant, sleep, sleep_until};

use crate::link::{Connector, LastHeardFn};
use crate::retry::Retry;
use crate::steering::Steering;

/// Silence from which on another link is tried. A peer is asked every half second, and answers.
const MAX_SILENCE: Duration = Duration::from_secs(2);
const LISTEN_INTERVAL: Duration = Duration::from_millis(50);

/// Resolves with a link that was made while nothing was heard on the one in use.
pub(super) async fn replacement<C: Connector>(
    connector: &C,
    steering: &Steering,
    mut retry: Retry,
    last_heard: LastHeardFn,
) -> C::Link {
    loop {
        let heard = falls_silent(&last_heard).await;
        tokio::select! {
            biased;
            () = is_heard_after(heard, &last_heard) => {}
            link = connect(connector, steering, retry.afresh()) => return link,
        }
    }
}

/// Resolves when nothing was heard for too long, with when that was.
async fn falls_silent(last_heard: &LastHeardFn) -> Option<Instant> {
    let begun = Instant::now();
    loop {
        let heard = last_heard();
        let silent = heard.unwrap_or(begun) + MAX_SILENCE;
        if silent <= Instant::now() {
            return heard;
        }
        sleep_until(silent).await;
    }
}

async fn is_heard_after(silence: Option<Instant>, last_heard: &LastHeardFn) {
    while last_heard() == silence {
        sleep(LISTEN_INTERVAL).await;
    }
}

/// Never resolves where that is of no use, or no longer: the link in use is then given up in its own time.
async fn connect<C: Connector>(connector: &C, steering: &Steering, mut retry: Retry) -> C::Link {
    while let Some(wait) = retry.next_wait() {
        sleep(wait).await;
        match connector.connect(steering.outputs()).await {
            Ok(link) => return link,
            Err(error) if error.is_retryable() => tracing::debug!(%error, "the peer is silent"),
            Err(error) => {
                tracing::info!(%error, "the peer is silent, and no other connection to be had");
                break;
            }
        }
    }
    std::future::pending().await
}
