//! What a session that ran to its end comes to. Without a clock, a task or a connection.
//!
//! One rule: a session that lost something that was promised, or got nothing, says so.

use std::time::Duration;

use streamsdk_protocol::Redactor;
use streamsdk_protocol::output::SERVER_STOPPED;

use super::ledger::{Ledger, SentVideo};
use super::replay::Shortened;
use crate::Ended;

/// How the results ended.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) enum StreamEnd {
    /// The server said that it has processed everything.
    Complete,
    /// The server stopped early, and said why.
    Stopped { reason: String },
    /// The server could not go on, and said why.
    Failed { errors: Vec<String> },
    /// The server itself is being stopped; another one may take its place.
    ServerStopped { errors: Vec<String> },
    /// Everything that this side sent was answered, as far as the server answers; or confirmed, where nothing returns.
    Answered,
}

impl StreamEnd {
    /// What a server's last message means.
    pub(crate) fn told(reason: Option<String>, errors: Vec<String>, ledger: &mut Ledger) -> Self {
        match reason {
            Some(reason) if reason == SERVER_STOPPED => Self::ServerStopped { errors },
            Some(_) if !errors.is_empty() => Self::Failed { errors },
            Some(reason) => Self::Stopped { reason },
            None => {
                ledger.damaged(errors);
                Self::Complete
            }
        }
    }
}

/// Why a session that seemed to end well has failed.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub(crate) enum Failure {
    // Each text is short already, and they may be many.
    #[error("the server could not go on: {}", Redactor::default().text(&.0.join("; ")))]
    Server(Vec<String>),
    #[error("the server was stopped: {}", Redactor::default().text(&.0.join("; ")))]
    ServerStopped(Vec<String>),
    #[error("the source ended without one frame")]
    NoFrame,
    #[error("the server sent no result")]
    NoResult,
    #[error("none of the {0} results could be read")]
    NothingReadable(u64),
    #[error("all {frames} frames failed: {first}")]
    EveryFrameFailed { frames: u64, first: String },
    #[error(transparent)]
    Shortened(#[from] Shortened),
}

/// What the session comes to.
pub(crate) fn judge(
    end: StreamEnd,
    ledger: &Ledger,
    video: Option<SentVideo>,
    every_frame: bool,
) -> Result<Ended, Failure> {
    match end {
        StreamEnd::Failed { errors } => return Err(Failure::Server(errors)),
        StreamEnd::ServerStopped { errors } => return Err(Failure::ServerStopped(errors)),
        StreamEnd::Stopped { reason } => return Ok(Ended::ByServer(reason)),
        StreamEnd::Complete | StreamEnd::Answered => {}
    }
    let (arrived, unreadable) = (ledger.arrived(), ledger.unreadable_results());
    if ledger.came_back(video) + ledger.published(video) == 0 {
        let was_sent = video.is_none_or(|video| video.sent > 0);
        return Err(match (unreadable, ledger.damage()) {
            (1.., _) => Failure::NothingReadable(unreadable),
            (0, damage @ [_, ..]) => Failure::Server(damage.to_vec()),
            (0, []) if was_sent => Failure::NoResult,
            (0, []) => Failure::NoFrame,
        });
    }
    if ledger.failed() == arrived && arrived > 0 {
        let first = ledger.errors().first().map(|error| error.text.clone());
        return Err(Failure::EveryFrameFailed {
            frames: arrived,
            first: first.unwrap_or_default(),
        });
    }
    Ok(if ledger.has_loss(video, every_frame) { Ended::Incomplete } else { Ended::Complete })
}

/// After the answer to the last frame, what else may come on other ways.
const ANSWERED_SILENCE: Duration = Duration::from_millis(200);
/// A server that skips late frames never answers the last one.
const UNANSWERED_SILENCE: Duration = Duration::from_secs(2);
/// A living peer answers a check every two seconds, whatever else it does.
const SIGN_OF_LIFE: Duration = Duration::from_secs(3);

/// What is known of the answers to the frames that were sent, when no more will be.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) struct Answers {
    /// How long ago the last frame left, where neither it nor a later one was answered.
    pub(crate) unanswered: Option<Duration>,
    /// How long ago the last result came; `None` if none has.
    pub(crate) silence: Option<Duration>,
    /// The longest time between two results.
    pub(crate) longest_gap: Duration,
    /// How long ago anything came from the server; `None` while the connection is not known to stand.
    pub(crate) heard: Option<Duration>,
    /// How long ago the path is known to have been whole, both ways.
    pub(crate) confirmed: Option<Duration>,
    pub(crate) anything_sent: bool,
}

/// Whether more answers are to be expected.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Expectation {
    /// They may still come, or the connection be lost.
    More,
    /// No more.
    NoMore,
    /// They ended so long before the last frame left, though the server is alive.
    Stopped { before_the_end: Duration },
    /// Since the last frame left it has been uncertain for so long whether the server still gets what is sent.
    Unconfirmed { waited: Duration },
}

impl Answers {
    /// What is to be expected. `limit` is how long the path may be uncertain.
    pub(crate) fn expectation(&self, limit: Duration) -> Expectation {
        if !self.anything_sent {
            return Expectation::NoMore;
        }
        // Before the first result the limit for that counts.
        let Some(silence) = self.silence else { return Expectation::More };
        let Some(unanswered) = self.unanswered else {
            return if silence >= ANSWERED_SILENCE {
                Expectation::NoMore
            } else {
                Expectation::More
            };
        };
        // A server that takes its time for each result takes it for the last one, too.
        let patience = UNANSWERED_SILENCE.max(self.longest_gap * 2);
        let waited = unanswered.min(silence);
        if waited < patience {
            return Expectation::More;
        }
        let before_the_end = silence.saturating_sub(unanswered);
        if is_alive(self.heard) && before_the_end > patience {
            return Expectation::Stopped { before_the_end };
        }
        // A server that is dead, or gets nothing, or is not heard, is silent as well, and must not be taken for
        // one that skips. So an answer must have had the time to come while the path was whole.
        let whole_for = self.confirmed.map_or(Duration::ZERO, |ago| waited.saturating_sub(ago));
        if whole_for >= patience {
            return Expectation::NoMore;
        }
        uncertain(waited, self.confirmed, self.heard, limit)
    }
}

/// What is known of the frames that were sent to a server that returns nothing, when no more will be.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) struct Delivery {
    /// How long ago the last frame left, where it is not known that the path was whole after that.
    pub(crate) unconfirmed: Option<Duration>,
    /// As of [`Answers`].
    pub(crate) heard: Option<Duration>,
    /// As of [`Answers`].
    pub(crate) confirmed: Option<Duration>,
}

impl Delivery {
    /// What is to be expected. `limit` is how long the path may be uncertain.
    pub(crate) fn expectation(&self, limit: Duration) -> Expectation {
        match self.unconfirmed {
            Some(waited) => uncertain(waited, self.confirmed, self.heard, limit),
            None => Expectation::NoMore,
        }
    }
}

fn is_alive(heard: Option<Duration>) -> bool {
    heard.is_some_and(|heard| heard < SIGN_OF_LIFE)
}

/// What is to be expected after having waited for so long over a path that is not known to be whole.
fn uncertain(
    waited: Duration,
    confirmed: Option<Duration>,
    heard: Option<Duration>,
    limit: Duration,
) -> Expectation {
    let uncertain_for = confirmed.map_or(waited, |ago| ago.min(waited));
    match is_alive(heard) && uncertain_for >= limit {
        true => Expectation::Unconfirmed { waited: uncertain_for },
        // One that is dead is noticed elsewhere.
        false => Expectation::More,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const SECOND: Duration = Duration::from_secs(1);

    fn ledger(results: u32, failed: u32) -> Ledger {
        let mut ledger = Ledger::default();
        for frame_id in 1..=results {
            let errors = (frame_id <= failed).then(|| "broken".to_owned());
            ledger.result(frame_id, errors.as_slice());
        }
        ledger
    }

    fn complete(ledger: &Ledger, every_frame: bool) -> Result<Ended, Failure> {
        judge(StreamEnd::Complete, ledger, None, every_frame)
    }

    #[test]
    fn only_a_session_that_got_everything_is_complete() {
        assert_eq!(complete(&ledger(3, 0), true), Ok(Ended::Complete));
        let mut lossy = ledger(3, 0);
        lossy.named(4);
        assert_eq!(complete(&lossy, true), Ok(Ended::Incomplete));
        assert_eq!(complete(&lossy, false), Ok(Ended::Complete), "dropped by a chosen policy");
        assert_eq!(complete(&ledger(3, 1), false), Ok(Ended::Incomplete));
        let mut unreadable = ledger(3, 0);
        unreadable.unreadable();
        assert_eq!(complete(&unreadable, false), Ok(Ended::Incomplete));
    }

    #[test]
    fn a_session_that_got_nothing_has_failed() {
        assert_eq!(complete(&ledger(0, 0), false), Err(Failure::NoResult));
        let nothing_sent = Some(SentVideo::default());
        let judged = judge(StreamEnd::Answered, &ledger(0, 0), nothing_sent, false);
        assert_eq!(judged, Err(Failure::NoFrame));
        let mut unreadable = ledger(0, 0);
        unreadable.unreadable();
        assert_eq!(complete(&unreadable, false), Err(Failure::NothingReadable(1)));
        let first = "broken".to_owned();
        let failed = Failure::EveryFrameFailed { frames: 3, first };
        assert_eq!(complete(&ledger(3, 3), false), Err(failed));
        let mut alone = ledger(0, 0);
        alone.frame_alone();
        let alone = judge(StreamEnd::Answered, &alone, None, false);
        assert_eq!(alone, Ok(Ended::Complete), "frames of a track are results");
    }

    #[test]
    fn the_last_message_of_a_server_tells_damage_from_failure() {
        let told = |reason: Option<&str>, errors: &[&str]| {
            let mut ledger = ledger(3, 0);
            let errors = errors.iter().map(|text| (*text).to_owned()).collect();
            let end = StreamEnd::told(reason.map(str::to_owned), errors, &mut ledger);
            judge(end, &ledger, None, true)
        };
        assert_eq!(told(None, &[]), Ok(Ended::Complete));
        assert_eq!(told(None, &["a hole"]), Ok(Ended::Incomplete));
        let by_server = Ended::ByServer("timeout_reached".to_owned());
        assert_eq!(told(Some("timeout_reached"), &[]), Ok(by_server));
        let failure = Failure::Server(vec!["no video".to_owned()]);
        assert_eq!(told(Some("video_decode_failed"), &["no video"]), Err(failure));
        let stopped = Failure::ServerStopped(vec!["bye".to_owned()]);
        assert_eq!(told(Some(SERVER_STOPPED), &["bye"]), Err(stopped));
    }

    fn answers() -> Answers {
        Answers {
            unanswered: Some(SECOND * 3),
            silence: Some(SECOND * 3),
            longest_gap: SECOND / 10,
            heard: Some(SECOND),
            confirmed: Some(SECOND / 2),
            anything_sent: true,
        }
    }

    fn expectation(answers: Answers) -> Expectation {
        answers.expectation(SECOND * 15)
    }

    #[test]
    fn a_server_that_skips_the_last_frames_is_not_waited_for() {
        assert_eq!(expectation(answers()), Expectation::NoMore);
        let recent = Answers { unanswered: Some(SECOND), ..answers() };
        assert_eq!(expectation(recent), Expectation::More);
        let answered = Answers { unanswered: None, silence: Some(SECOND), ..answers() };
        assert_eq!(expectation(answered), Expectation::NoMore);
        let nothing_sent = Answers { anything_sent: false, silence: None, ..answers() };
        assert_eq!(expectation(nothing_sent), Expectation::NoMore);
    }

    #[test]
    fn silence_over_a_path_that_is_not_known_to_be_whole_is_not_an_answer() {
        for confirmed in [None, Some(SECOND * 2), Some(SECOND * 20)] {
            for heard in [None, Some(SECOND), Some(SECOND * 4)] {
                let answers = Answers { confirmed, heard, ..answers() };
                assert_eq!(expectation(answers), Expectation::More, "{answers:?}");
            }
        }
    }

    #[test]
    fn a_path_may_be_uncertain_for_as_long_as_its_limit_says() {
        for (confirmed, waited) in [(None, SECOND * 20), (Some(SECOND * 19), SECOND * 19)] {
            let last = Some(SECOND * 20);
            let broken = Answers { unanswered: last, silence: last, confirmed, ..answers() };
            assert_eq!(expectation(broken), Expectation::Unconfirmed { waited });
            let dead = Answers { heard: None, ..broken };
            assert_eq!(expectation(dead), Expectation::More, "another limit says so");
        }
    }

    #[test]
    fn where_nothing_returns_the_last_frame_is_waited_for_until_it_is_confirmed() {
        let delivery = Delivery { unconfirmed: None, heard: Some(SECOND), confirmed: Some(SECOND) };
        assert_eq!(delivery.expectation(SECOND * 15), Expectation::NoMore);
        let waiting = Delivery { unconfirmed: Some(SECOND * 14), confirmed: None, ..delivery };
        assert_eq!(waiting.expectation(SECOND * 15), Expectation::More);
        let waited = SECOND * 16;
        let unconfirmed = Delivery { unconfirmed: Some(waited), ..waiting };
        assert_eq!(unconfirmed.expectation(SECOND * 15), Expectation::Unconfirmed { waited });
        let dead = Delivery { heard: None, ..unconfirmed };
        assert_eq!(dead.expectation(SECOND * 15), Expectation::More, "another limit says so");
    }

    #[test]
    fn where_nothing_returns_what_was_published_is_judged() {
        let published = |sent, confirmed| {
            let video = SentVideo { sent, confirmed: Some(confirmed), ..SentVideo::default() };
            judge(StreamEnd::Answered, &ledger(0, 0), Some(video), true)
        };
        assert_eq!(published(5, 5), Ok(Ended::Complete));
        assert_eq!(published(5, 4), Ok(Ended::Incomplete));
        assert_eq!(published(0, 0), Err(Failure::NoFrame));
    }

    #[test]
    fn answers_that_stopped_while_frames_were_sent_are_missing() {
        let stopped = Answers { silence: Some(SECOND * 10), ..answers() };
        let before_the_end = SECOND * 7;
        assert_eq!(expectation(stopped), Expectation::Stopped { before_the_end });
        let slow = Answers { longest_gap: SECOND * 5, ..stopped };
        assert_eq!(expectation(slow), Expectation::More);
        let slow = Answers { unanswered: Some(SECOND * 11), silence: Some(SECOND * 14), ..slow };
        assert_eq!(expectation(slow), Expectation::NoMore);
    }

    #[test]
    fn the_first_result_is_waited_for_as_long_as_its_limit_says() {
        let none = Answers { silence: None, unanswered: Some(SECOND * 60), ..answers() };
        assert_eq!(expectation(none), Expectation::More);
    }
}
