//! How long an offer waits for its servers.
//!
//! All are tried at the same time, and the request for an allocation is what they are tried with: it asks whether a
//! server is there, as a Binding request would, whether it takes the password, and when it is answered the offer
//! has what it wants. One server that relays is enough for a connection, so nobody waits for all of them: as soon as
//! it is certain which is the first in the given order that answers, the wait is over. A server that is before
//! the one that has answered gets as long again as that one took. Those that come later are of use to this side
//! all the same.

use std::time::Duration;

use tokio::sync::watch;
use tokio::time::{Instant, sleep_until, timeout};

use super::board::Progress;
use super::servers::Servers;

/// As long as a server has that is alone in not answering, or with others.
pub(crate) const MAX_WAIT: Duration = Duration::from_secs(2);
/// As long as all have, if the last time none answered. One that is there still does in that time, mostly.
const SILENT_WAIT: Duration = Duration::from_millis(300);
/// What servers may take longer than one that is slower by nature.
const GRACE: Duration = Duration::from_millis(50);
/// In which the engine makes a candidate of an answer.
const ENGINE_TIME: Duration = Duration::from_millis(50);

impl Servers {
    /// Waits until an offer can be made, for at most `limit`, or until the engine says that it is through.
    ///
    /// Without one that relays there may be no way at all: then even those that were silent have all of the time.
    pub(crate) async fn settle(
        &self,
        mut gathered: watch::Receiver<bool>,
        limit: Duration,
        needs_relay: bool,
    ) {
        let hopes_for_none = !needs_relay && self.were_all_silent();
        let limit = if hopes_for_none { limit.min(SILENT_WAIT) } else { limit };
        // No instant is made of it: the limit may be past all clocks.
        let left = limit.saturating_sub(self.started.elapsed());
        tokio::select! {
            _ = timeout(left, self.decided()) => {}
            _ = gathered.wait_for(|gathered| *gathered) => {}
        }
        tokio::select! {
            _ = timeout(ENGINE_TIME, self.hand_over()) => {}
            _ = gathered.wait_for(|gathered| *gathered) => {}
        }
        self.kept_back.let_all_go();
        self.remember_silent();
    }

    /// Whether a server relays for this side.
    pub(crate) fn has_relayed(&self) -> bool {
        self.progress_of(true).iter().any(|progress| matches!(progress, Progress::Used(_)))
    }

    async fn decided(&self) {
        let mut changes = self.board.changes();
        loop {
            changes.mark_unchanged();
            let decisions =
                [true, false].map(|relays| decision(&self.progress_of(relays), self.started));
            let soonest = decisions.iter().flatten().max().copied();
            let is_open = decisions.iter().any(Option::is_none);
            match soonest {
                Some(at) if !is_open && at <= Instant::now() => return,
                Some(at) if !is_open => tokio::select! {
                    () = sleep_until(at) => {}
                    _ = changes.changed() => {}
                },
                _ => drop(changes.changed().await),
            }
        }
    }

    /// Gives the engine the answers, one after the other, until it has made candidates of all. Those of several at a time
    /// it makes in any order.
    async fn hand_over(&self) {
        while let Some(server) = self.kept_back.let_one_go() {
            self.until(|board| !matches!(board.get(server), Some(Progress::Answered(_)))).await;
        }
        // Those of STUN servers were not kept back.
        self.until(|board| !board.iter().any(|it| matches!(it, Progress::Answered(_)))).await;
    }

    async fn until(&self, is_so: impl FnMut(&Vec<Progress>) -> bool) {
        // The board is there for as long as `self` is.
        drop(self.board.changes().wait_for(is_so).await.map(drop));
    }
}

/// When it is decided on which servers of a kind to go; `None` as long as there is nothing to decide on.
fn decision(servers: &[Progress], started: Instant) -> Option<Instant> {
    if !servers.iter().any(Progress::is_pending) {
        return Some(started);
    }
    let first = servers.iter().position(|progress| progress.answered_at().is_some())?;
    if !servers.iter().take(first).any(Progress::is_pending) {
        return Some(started);
    }
    let answered_at = servers.iter().filter_map(Progress::answered_at).min()?;
    Some(answered_at + (answered_at - started) + GRACE)
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::ServerFailure;
    use crate::turn::board::Step;

    const PENDING: Progress = Progress::Pending(Step::Answer);
    const FAILED: Progress = Progress::Failed(ServerFailure::WrongCredentials);

    #[test]
    fn the_wait_is_over_when_it_is_certain_which_is_the_first_that_answers() {
        let started = Instant::now();
        let answered = Progress::Answered(started + Duration::from_millis(40));
        let decision = |servers: &[Progress]| decision(servers, started);
        assert_eq!(decision(&[]), Some(started));
        assert_eq!(decision(&[FAILED]), Some(started));
        assert_eq!(decision(&[answered.clone(), PENDING, PENDING]), Some(started));
        assert_eq!(decision(&[FAILED, answered.clone(), PENDING]), Some(started));
        assert_eq!(decision(&[PENDING]), None);
        assert_eq!(decision(&[FAILED, PENDING]), None);
    }

    #[test]
    fn a_server_before_one_that_answers_has_as_long_again() {
        let started = Instant::now();
        let answered = Progress::Answered(started + Duration::from_millis(40));
        let at = decision(&[PENDING, answered], started).unwrap();
        assert_eq!(at - started, Duration::from_millis(130));
    }
}
