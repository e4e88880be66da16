use std::sync::atomic::{AtomicU64, Ordering};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::Duration;

use streamsdk_signaling::Returns;
use tokio::time::Instant;

use super::ending::{self, Failure, StreamEnd};
use super::ledger::{Ledger, SentVideo};
use super::replay::{Renumbered, Replay};
use super::upload::UploadProgress;
use super::video::{VideoStatistics, VideoTracker};
use crate::config::Timeouts;
use crate::stage::Stage;
use crate::stats::{Drops, Ended, Summary};

/// How far a session is: what became of its frames, and since when nothing has happened. Counts over all
/// links.
#[derive(Debug)]
pub(crate) struct SessionTracker {
    /// The video track, if the session has one.
    video: Option<Arc<VideoTracker>>,
    /// Whether every frame was promised, or the server may leave out what is late.
    every_frame: bool,
    returns: Returns,
    /// Results that the caller has taken; the queue counts them.
    taken: Arc<AtomicU64>,
    started: Instant,
    state: Mutex<SessionState>,
}

#[derive(Debug)]
struct SessionState {
    link: LinkProgress,
    upload: Option<(Instant, UploadProgress)>,
    upload_ended: Option<Instant>,
    first_result: Option<Instant>,
    last_result: Option<Instant>,
    ledger: Ledger,
    /// What the caller has of a video that may be sent again.
    replay: Option<Replay>,
    /// Whether results wait for the caller, so that the server's silence is ours.
    caller_is_late: bool,
    ended: Option<Ended>,
}

/// What begins anew with each link.
#[derive(Debug)]
struct LinkProgress {
    /// From 1.
    number: u32,
    /// Frame numbers of the links before: what the server calls 1 comes after them.
    numbers_before: u32,
    /// Whether it gave a result that the caller did not have.
    is_fruitful: bool,
    stage: Stage,
    /// When the stage last got on.
    since: Instant,
    last_result: Option<Instant>,
    longest_gap: Duration,
    /// Bytes of messages since the last one that could be read.
    unread: usize,
    /// When the last message or part came that was no sign of life, if no result has come since.
    last_nonsense: Option<Instant>,
}

/// The two numbers of a frame.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub(crate) struct FrameNumber {
    /// Rises over all links of the session.
    pub(crate) in_session: u32,
    /// The link that it came by, from 1.
    pub(crate) link: u32,
}

impl LinkProgress {
    fn new(number: u32, numbers_before: u32, stage: Stage) -> Self {
        Self {
            number,
            numbers_before,
            is_fruitful: false,
            stage,
            since: Instant::now(),
            last_result: None,
            longest_gap: Duration::ZERO,
            unread: 0,
            last_nonsense: None,
        }
    }

    fn number_in_session(&self, frame_id: u32) -> u32 {
        self.numbers_before.saturating_add(frame_id)
    }

    fn result_arrived(&mut self, now: Instant) {
        let gap = self.last_result.map_or(Duration::ZERO, |last| now - last);
        self.longest_gap = self.longest_gap.max(gap);
        self.stage = Stage::Streaming;
        self.unread = 0;
        self.last_nonsense = None;
        self.since = now;
        self.last_result = Some(now);
    }
}

impl SessionTracker {
    pub(crate) fn new(video: Option<Arc<VideoTracker>>, every_frame: bool) -> Self {
        let state = SessionState {
            link: LinkProgress::new(1, 0, first_stage(Returns::Results)),
            upload: None,
            upload_ended: None,
            first_result: None,
            last_result: None,
            ledger: Ledger::default(),
            replay: None,
            caller_is_late: false,
            ended: None,
        };
        Self {
            video,
            every_frame,
            returns: Returns::Results,
            taken: Arc::default(),
            started: Instant::now(),
            state: Mutex::new(state),
        }
    }

    /// What the server sends back. Default is results.
    pub(crate) fn returning(mut self, returns: Returns) -> Self {
        self.returns = returns;
        self.state().link.stage = first_stage(returns);
        self
    }

    pub(crate) fn returns(&self) -> Returns {
        self.returns
    }

    /// Where the queue counts the results that the caller takes.
    pub(crate) fn taken(&self) -> Arc<AtomicU64> {
        Arc::clone(&self.taken)
    }

    /// Has each frame given out once, though the source may be sent again from its start.
    pub(crate) fn expect_replays(&self) {
        self.state().replay.get_or_insert_default();
    }

    /// Goes on with another link. Says its number, and how many frames were lost with the one before.
    pub(crate) fn next_link(&self) -> (u32, u64) {
        let sent = self.sent_video();
        self.video.iter().for_each(|video| video.next_link());
        let mut state = self.state();
        // What came last over the link before does not wait for the caller any longer.
        state.caller_is_late = false;
        let number = state.link.number + 1;
        if let Some(replay) = &mut state.replay {
            // What comes now is the same once more.
            replay.next_pass();
            state.link = LinkProgress::new(number, 0, first_stage(self.returns));
            (state.upload, state.upload_ended) = (None, None);
            return (number, 0);
        }
        let numbers_before = state.link.number_in_session(state.ledger.highest_on_link());
        state.link = LinkProgress::new(number, numbers_before, first_stage(self.returns));
        (number, state.ledger.next_link(sent))
    }

    /// Whether the present link was of use: it has given a result that the caller did not have, or taken a frame
    /// where that is all that it is for.
    pub(crate) fn link_is_fruitful(&self) -> bool {
        let confirmed = self.sent_video().and_then(|video| video.confirmed);
        self.state().link.is_fruitful || confirmed > Some(0)
    }

    /// Notes how far an upload is. Says whether that is news.
    pub(crate) fn uploaded(&self, progress: UploadProgress) -> bool {
        let now = Instant::now();
        let mut state = self.state();
        let before = state.upload.map(|(_, progress)| progress.bytes_sent);
        if before == Some(progress.bytes_sent) {
            return false;
        }
        let started = state.upload.map_or(now, |(started, _)| started);
        state.upload = Some((started, progress));
        state.link.since = now;
        if progress.is_complete() {
            state.upload_ended = Some(now);
        }
        // A server may answer before it has the whole file.
        if state.link.last_result.is_none() {
            let complete = progress.is_complete();
            state.link.stage = if complete { Stage::FirstFrame } else { Stage::Uploading };
        }
        true
    }

    /// Notes a result about the frame that is `frame_id` to the server, at `time` in its stream, with what went
    /// wrong with it in the server's words. Gives the frame's number; `None` if the caller has it already.
    ///
    /// # Errors
    ///
    /// If the frames of a video that is sent again are not the same.
    pub(crate) fn result_arrived(
        &self,
        frame_id: u32,
        time: Option<i64>,
        errors: &[String],
    ) -> Result<Option<FrameNumber>, Renumbered> {
        let now = Instant::now();
        let mut state = self.state();
        state.link.result_arrived(now);
        let replay = state.replay.as_mut();
        if !replay.map_or(Ok(true), |replay| replay.is_new(frame_id, time))? {
            return Ok(None);
        }
        state.link.is_fruitful = true;
        state.first_result.get_or_insert(now);
        state.last_result = Some(now);
        state.ledger.result(frame_id, errors);
        let in_session = state.link.number_in_session(frame_id);
        Ok(Some(FrameNumber { in_session, link: state.link.number }))
    }

    /// Notes so many bytes of a message: a sign of life, where the whole takes long. `most` is what a message may have:
    /// if that has come and none could be read, parts are no sign of life any more.
    pub(crate) fn message_grows(&self, bytes: usize, most: usize) {
        let link = &mut self.state().link;
        link.unread = link.unread.saturating_add(bytes);
        if link.unread > most {
            link.last_nonsense = Some(Instant::now());
        } else if link.stage == Stage::Streaming {
            link.since = Instant::now();
        }
    }

    /// Notes something that could not be read. It is no progress: a server may not go on with that for ever.
    /// `frame_id` is the frame that it was about, where that is known.
    pub(crate) fn result_unreadable(&self, frame_id: Option<u32>) {
        let mut state = self.state();
        state.link.last_nonsense = Some(Instant::now());
        let SessionState { replay, ledger, .. } = &mut *state;
        let counted_before = match (replay, frame_id) {
            (Some(replay), Some(frame_id)) => replay.is_new(frame_id, None) == Ok(false),
            _ => false,
        };
        if !counted_before {
            ledger.unreadable();
        }
    }

    /// Notes a frame that came back on a track, and nothing that was said about it.
    pub(crate) fn frame_alone(&self) {
        self.state().ledger.frame_alone();
    }

    pub(crate) fn odd_fields(&self, count: u64) {
        self.state().ledger.odd_fields(count);
    }

    pub(crate) fn results_dropped(&self, count: u64) {
        self.state().ledger.dropped(count);
    }

    /// Takes the server's last message: the number of the last frame, why it stopped, and what went wrong
    /// with the stream as a whole.
    pub(crate) fn told_the_end(
        &self,
        last_frame: u32,
        reason: Option<String>,
        errors: Vec<String>,
    ) -> StreamEnd {
        let SessionState { replay, ledger, .. } = &mut *self.state();
        replay.iter_mut().for_each(|replay| replay.named(last_frame));
        ledger.named(last_frame);
        StreamEnd::told(reason, errors, ledger)
    }

    /// What the session comes to after it has run to its end.
    pub(crate) fn judge(&self, end: StreamEnd) -> Result<Ended, Failure> {
        let SessionState { replay, ledger, .. } = &mut *self.state();
        self.video.iter().for_each(|video| ledger.damaged(video.take_damage()));
        if let (StreamEnd::Complete, Some(replay)) = (&end, replay) {
            replay.ends()?;
        }
        ending::judge(end, ledger, self.sent_video(), self.every_frame)
    }

    pub(crate) fn caller_is_late(&self, late: bool) {
        let mut state = self.state();
        state.caller_is_late = late;
        state.link.since = Instant::now();
    }

    pub(crate) fn video(&self) -> Option<&Arc<VideoTracker>> {
        self.video.as_ref()
    }

    pub(crate) fn video_statistics(&self) -> Option<VideoStatistics> {
        self.video.as_ref().map(|video| video.statistics())
    }

    /// How long ago the server last sent a result on this link, `None` if it has sent none; and the longest
    /// time between two of them.
    pub(crate) fn silence(&self) -> (Option<Duration>, Duration) {
        let link = &self.state().link;
        (link.last_result.map(|last| last.elapsed()), link.longest_gap)
    }

    pub(crate) fn end(&self, ended: Ended) {
        self.state().ended = Some(ended);
    }

    pub(crate) fn stage(&self) -> Stage {
        self.state().link.stage
    }

    /// When the current stage is over its limit; `None` while it may take as long as it likes.
    pub(crate) fn deadline(&self, timeouts: &Timeouts) -> Option<(Instant, Stage, Duration)> {
        // Nobody owes an answer to frames that were not sent.
        let asked = match self.video.as_ref().filter(|video| video.is_sending()) {
            Some(video) => Some(video.asked()?.into()),
            None => None,
        };
        let state = self.state();
        let LinkProgress { stage, since, .. } = state.link;
        let limit = match stage {
            Stage::Uploading => timeouts.upload_progress,
            Stage::FirstFrame => timeouts.first_frame,
            // Nothing is to come.
            Stage::Publishing => return None,
            _ if state.caller_is_late => return None,
            _ => timeouts.idle,
        };
        // What no clock reaches is no limit.
        Some((Some(since).max(asked)?.checked_add(limit)?, stage, limit))
    }

    /// Whether a server that has said nothing for so long was talking all the same.
    pub(crate) fn has_heard_nonsense(&self, silence: Duration) -> bool {
        self.state().link.last_nonsense.is_some_and(|last| last.elapsed() <= silence / 2)
    }

    fn sent_video(&self) -> Option<SentVideo> {
        let video = self.video.as_ref().filter(|video| video.is_sending())?;
        Some(SentVideo {
            sent: video.frames_sent(),
            not_encoded: video.not_encoded(),
            disconnected: video.disconnected(),
            confirmed: match self.returns {
                Returns::Nothing => Some(video.frames_confirmed()),
                _ => None,
            },
        })
    }

    pub(crate) fn summary(&self) -> Summary {
        let taken = self.taken.load(Ordering::Relaxed);
        let video = self.sent_video();
        let state = self.state();
        let ledger = &state.ledger;
        let between = |from: Option<Instant>, to: Option<Instant>| match (from, to) {
            (Some(from), Some(to)) => to.saturating_duration_since(from),
            _ => Duration::ZERO,
        };
        // Data and picture of a frame may have come apart, and it is one frame.
        let mut left = ledger.came_back(video);
        let mut of_them = |events: u64| {
            let frames = events.min(left);
            left -= frames;
            frames
        };
        let frames_returned = of_them(taken);
        let queue_full = of_them(ledger.drops(video, 0).queue_full);
        // They wait in the queue, or for their frames.
        let not_taken = if state.ended.is_some() { left } else { 0 };
        let upload_end = state.upload_ended.or_else(|| state.upload.map(|_| state.link.since));
        Summary {
            frames_sent: ledger.frames(video),
            frames_returned,
            frames_published: match self.returns {
                Returns::Nothing => Some(ledger.published(video)),
                _ => None,
            },
            frames_without_data: ledger.without_data(video),
            frames_failed: ledger.failed(),
            every_frame: self.every_frame,
            dropped: Drops { queue_full, ..ledger.drops(video, not_taken) },
            errors: ledger.errors().to_vec(),
            odd_fields: ledger.odd(),
            damage: ledger.damage().to_vec(),
            links: state.link.number,
            first_result_after: state.first_result.map(|first| first - self.started),
            upload_bytes: state.upload.map_or(0, |(_, progress)| progress.bytes_sent),
            upload_time: between(state.upload.map(|(started, _)| started), upload_end),
            streaming_time: between(state.first_result, state.last_result),
            ended: state.ended.clone(),
        }
    }

    fn state(&self) -> MutexGuard<'_, SessionState> {
        self.state.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

/// What a connection that has just been made is doing.
fn first_stage(returns: Returns) -> Stage {
    match returns {
        Returns::Nothing => Stage::Publishing,
        _ => Stage::FirstFrame,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn upload(bytes_sent: u64) -> UploadProgress {
        UploadProgress { bytes_sent, bytes_total: 100, ..UploadProgress::default() }
    }

    #[tokio::test(start_paused = true)]
    async fn each_stage_has_its_limit_counted_from_when_it_last_got_on() {
        let progress = SessionTracker::new(None, true);
        let timeouts = Timeouts::default();
        let due = || {
            let (at, stage, _) = progress.deadline(&timeouts).unwrap();
            (at - Instant::now(), stage)
        };
        assert_eq!(due(), (timeouts.first_frame, Stage::FirstFrame));
        progress.uploaded(upload(0));
        assert_eq!(due(), (timeouts.upload_progress, Stage::Uploading));
        tokio::time::advance(Duration::from_secs(7)).await;
        progress.uploaded(upload(0));
        assert_eq!(due().0, timeouts.upload_progress - Duration::from_secs(7));
        progress.uploaded(upload(100));
        assert_eq!(due(), (timeouts.first_frame, Stage::FirstFrame));
        progress.result_arrived(1, None, &[]).unwrap();
        assert_eq!(due(), (timeouts.idle, Stage::Streaming));
        let endless = Timeouts::default().idle(Duration::MAX);
        assert!(progress.deadline(&endless).is_none());
        progress.caller_is_late(true);
        assert!(progress.deadline(&timeouts).is_none());
    }

    #[tokio::test(start_paused = true)]
    async fn nothing_is_overdue_where_nothing_returns() {
        let progress = SessionTracker::new(None, false).returning(Returns::Nothing);
        for _ in 0..2 {
            assert_eq!(
                (progress.stage(), progress.summary().frames_published),
                (Stage::Publishing, Some(0))
            );
            assert!(progress.deadline(&Timeouts::default()).is_none());
            progress.next_link();
        }
    }

    #[tokio::test(start_paused = true)]
    async fn a_server_that_answers_before_the_upload_is_over_is_streaming() {
        let progress = SessionTracker::new(None, true);
        progress.uploaded(upload(50));
        progress.result_arrived(1, None, &[]).unwrap();
        progress.uploaded(upload(100));
        assert_eq!(progress.stage(), Stage::Streaming);
    }

    #[tokio::test(start_paused = true)]
    async fn the_first_result_is_counted_from_the_start_whatever_comes_later() {
        let progress = SessionTracker::new(None, true);
        assert_eq!(progress.summary().first_result_after, None);
        for number in 1..=3 {
            tokio::time::advance(Duration::from_millis(150)).await;
            progress.result_arrived(number, None, &[]).unwrap();
            progress.next_link();
            let first = progress.summary().first_result_after;
            assert_eq!(first, Some(Duration::from_millis(150)));
        }
    }

    #[tokio::test(start_paused = true)]
    async fn the_longest_gap_is_between_two_results() {
        let progress = SessionTracker::new(None, true);
        assert_eq!(progress.silence(), (None, Duration::ZERO));
        for pause in [3, 1] {
            progress.result_arrived(1, None, &[]).unwrap();
            tokio::time::advance(Duration::from_secs(pause)).await;
        }
        assert_eq!(progress.silence(), (Some(Duration::from_secs(1)), Duration::from_secs(3)));
    }

    #[tokio::test(start_paused = true)]
    async fn numbers_rise_over_all_links_and_each_link_has_its_own_limits() {
        let progress = SessionTracker::new(None, false);
        let number = |frame_id| progress.result_arrived(frame_id, None, &[]).unwrap().unwrap();
        assert_eq!(number(1), FrameNumber { in_session: 1, link: 1 });
        number(4);
        assert!(progress.link_is_fruitful());
        assert_eq!(progress.next_link(), (2, 2));
        assert_eq!((progress.stage(), progress.link_is_fruitful()), (Stage::FirstFrame, false));
        assert_eq!(progress.silence(), (None, Duration::ZERO));
        assert_eq!(number(1), FrameNumber { in_session: 5, link: 2 });
        let summary = progress.summary();
        assert_eq!((summary.links, summary.frames_sent, summary.dropped.not_returned), (2, 5, 2));
    }

    #[tokio::test(start_paused = true)]
    async fn a_caller_who_was_late_when_a_link_was_lost_takes_no_limit_from_the_next() {
        let progress = SessionTracker::new(None, false);
        progress.result_arrived(1, None, &[]).unwrap();
        progress.caller_is_late(true);
        progress.next_link();
        progress.result_arrived(1, None, &[]).unwrap();
        assert!(progress.deadline(&Timeouts::default()).is_some());
    }

    #[tokio::test(start_paused = true)]
    async fn a_file_that_is_sent_again_gives_each_frame_once() {
        let progress = SessionTracker::new(None, true);
        progress.expect_replays();
        let arrive = |frame_id| progress.result_arrived(frame_id, Some(frame_id.into()), &[]);
        (1..=3).for_each(|frame_id| assert!(arrive(frame_id).unwrap().is_some()));
        assert_eq!(progress.next_link(), (2, 0));
        (1..=3).for_each(|frame_id| assert_eq!(arrive(frame_id), Ok(None)));
        assert!(!progress.link_is_fruitful(), "nothing new");
        assert_eq!(arrive(4), Ok(Some(FrameNumber { in_session: 4, link: 2 })));
        let summary = progress.summary();
        assert_eq!((summary.frames_sent, summary.dropped.total()), (4, 0));
    }
}
