//! The limits of a link's waits.

use std::time::Duration;

use streamsdk_signaling::Returns;
use streamsdk_transport::{Peer, PeerState};
use tokio::time::Instant;

use crate::config::Timeouts;
use crate::error::Error;
use crate::stats::{Answers, Delivery, Expectation, SessionTracker, VideoTracker};

/// The longest that a changed time limit may go unnoticed.
const WATCH_INTERVAL: Duration = Duration::from_millis(250);

const ANSWER_POLL: Duration = Duration::from_millis(20);

/// Resolves when the session has stood still for longer than it may.
pub(super) async fn overdue(tracker: &SessionTracker, timeouts: &Timeouts) -> Error {
    loop {
        let now = Instant::now();
        let next = match tracker.deadline(timeouts) {
            Some((at, stage, limit)) if at <= now => {
                return match tracker.has_heard_nonsense(limit) {
                    true => Error::nonsense(stage, limit),
                    false => Error::timeout(stage, limit),
                };
            }
            Some((at, ..)) => at.min(now + WATCH_INTERVAL),
            None => now + WATCH_INTERVAL,
        };
        tokio::time::sleep_until(next).await;
    }
}

/// Resolves when no more answers to what was sent on this link are to be expected; or, where nothing returns, when it
/// is known to have arrived. `limit` is how long the path may be uncertain.
pub(super) async fn answered(
    tracker: &SessionTracker,
    video: &VideoTracker,
    peer: &Peer,
    limit: Duration,
) -> Result<(), Error> {
    loop {
        tokio::time::sleep(ANSWER_POLL).await;
        match expectation(tracker, video, peer, limit) {
            Expectation::More => {}
            Expectation::NoMore => return Ok(()),
            Expectation::Stopped { before_the_end } => {
                return Err(Error::stopped_answering(tracker.stage(), before_the_end));
            }
            Expectation::Unconfirmed { waited } => {
                return Err(Error::unconfirmed(tracker.stage(), waited));
            }
        }
    }
}

fn expectation(
    tracker: &SessionTracker,
    video: &VideoTracker,
    peer: &Peer,
    limit: Duration,
) -> Expectation {
    let stands = peer.state() == PeerState::Connected;
    let heard = stands.then(|| peer.last_heard()).flatten().map(|heard| heard.elapsed());
    let confirmed = video.confirmed().map(|at| at.elapsed());
    if tracker.returns() == Returns::Nothing {
        let unconfirmed = video.unconfirmed_since().map(|left| left.elapsed());
        return Delivery { unconfirmed, heard, confirmed }.expectation(limit);
    }
    let (silence, longest_gap) = tracker.silence();
    let unanswered = video.outstanding().map(|left| left.elapsed());
    let anything_sent = video.link_has_sent();
    Answers { unanswered, silence, longest_gap, heard, confirmed, anything_sent }.expectation(limit)
}
