use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::Duration;

use tokio::time::Instant;

use super::ending::{self, Failure, StreamEnd};
use super::ledger::{Ledger, SentVideo};
use super::live::{VideoStatistics, VideoTracker};
use super::queue::EventQueue;
use crate::{Ended, Stage, Summary, Timeouts, UploadProgress};

/// How far a session is: what became of its frames, and since when nothing has happened.
#[derive(Debug)]
pub(crate) struct SessionTracker {
    queue: Arc<EventQueue>,
    /// The video track, if the session has one.
    live: Option<Arc<VideoTracker>>,
    /// Whether every frame was promised, or the server may leave out what is late.
    every_frame: bool,
    state: Mutex<State>,
}

#[derive(Debug)]
struct State {
    stage: Stage,
    /// When the stage last got on.
    since: Instant,
    upload: Option<(Instant, UploadProgress)>,
    upload_ended: Option<Instant>,
    first_result: Option<Instant>,
    last_result: Option<Instant>,
    longest_gap: Duration,
    ledger: Ledger,
    /// Whether results wait for the caller, so that the server's silence is ours.
    caller_is_late: bool,
    ended: Option<Ended>,
}

impl SessionTracker {
    pub(crate) fn new(
        queue: Arc<EventQueue>,
        live: Option<Arc<VideoTracker>>,
        every_frame: bool,
    ) -> Self {
        let state = State {
            stage: Stage::FirstFrame,
            since: Instant::now(),
            upload: None,
            upload_ended: None,
            first_result: None,
            last_result: None,
            longest_gap: Duration::ZERO,
            ledger: Ledger::default(),
            caller_is_late: false,
            ended: None,
        };
        Self { queue, live, every_frame, state: Mutex::new(state) }
    }

    pub(crate) fn uploaded(&self, progress: UploadProgress) {
        let now = Instant::now();
        let mut state = self.state();
        let before = state.upload.map(|(_, progress)| progress.bytes_sent);
        if before == Some(progress.bytes_sent) {
            return;
        }
        let started = state.upload.map_or(now, |(started, _)| started);
        state.upload = Some((started, progress));
        state.since = now;
        if progress.is_complete() {
            state.upload_ended = Some(now);
        }
        // A server may answer before it has the whole file.
        if state.first_result.is_none() {
            let complete = progress.is_complete();
            state.stage = if complete { Stage::FirstFrame } else { Stage::Uploading };
        }
        drop(state);
        self.queue.set_upload(progress);
    }

    /// Notes a result about frame `frame_id`, with what went wrong with it in the server's words.
    pub(crate) fn result_arrived(&self, frame_id: u32, errors: &[String]) {
        let now = Instant::now();
        let mut state = self.state();
        let gap = state.last_result.map_or(Duration::ZERO, |last| now - last);
        state.longest_gap = state.longest_gap.max(gap);
        state.stage = Stage::Streaming;
        state.since = now;
        state.first_result.get_or_insert(now);
        state.last_result = Some(now);
        state.ledger.result(frame_id, errors);
    }

    /// Notes a part of a message: a sign of life, where the whole takes long.
    pub(crate) fn message_grows(&self) {
        let mut state = self.state();
        if state.stage == Stage::Streaming {
            state.since = Instant::now();
        }
    }

    /// Notes something that could not be read. It is no progress: a server may not go on with that for ever.
    pub(crate) fn result_unreadable(&self) {
        self.state().ledger.unreadable();
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
        let ledger = &mut self.state().ledger;
        ledger.named(last_frame);
        StreamEnd::told(reason, errors, ledger)
    }

    /// What the session comes to after it has run to its end.
    pub(crate) fn judge(&self, end: StreamEnd) -> Result<Ended, Failure> {
        let ledger = &mut self.state().ledger;
        self.live.iter().for_each(|live| ledger.damaged(live.take_damage()));
        ending::judge(end, ledger, self.sent_video(), self.frames_alone(), self.every_frame)
    }

    pub(crate) fn caller_is_late(&self, late: bool) {
        let mut state = self.state();
        state.caller_is_late = late;
        state.since = Instant::now();
    }

    pub(crate) fn video(&self) -> Option<VideoStatistics> {
        self.live.as_ref().map(|live| live.statistics())
    }

    pub(crate) fn request_key_frame(&self) {
        self.live.iter().for_each(|live| live.request_key_frame());
    }

    /// How long ago the server last sent a result, `None` if it has sent none; and the longest time between
    /// two of them.
    pub(crate) fn silence(&self) -> (Option<Duration>, Duration) {
        let state = self.state();
        (state.last_result.map(|last| last.elapsed()), state.longest_gap)
    }

    pub(crate) fn end(&self, ended: Ended) {
        self.state().ended = Some(ended);
    }

    pub(crate) fn stage(&self) -> Stage {
        self.state().stage
    }

    /// When the current stage is over its limit; `None` while it may take as long as it likes.
    pub(crate) fn deadline(&self, timeouts: &Timeouts) -> Option<(Instant, Stage, Duration)> {
        // Nobody owes an answer to frames that were not sent.
        let asked = match self.live.as_ref().filter(|live| live.is_sending()) {
            Some(live) => Some(live.outstanding()?.into()),
            None => None,
        };
        let state = self.state();
        let limit = match state.stage {
            Stage::Uploading => timeouts.upload_progress,
            Stage::FirstFrame => timeouts.first_frame,
            _ if state.caller_is_late => return None,
            _ => timeouts.idle,
        };
        Some((Some(state.since).max(asked)? + limit, state.stage, limit))
    }

    fn sent_video(&self) -> Option<SentVideo> {
        let video = self.live.as_ref().filter(|live| live.is_sending())?;
        Some(SentVideo { sent: video.frames_sent(), not_encoded: video.not_encoded() })
    }

    /// Frames of a track about which nothing was said: they are results, too.
    fn frames_alone(&self) -> u64 {
        self.live.as_ref().map_or(0, |live| live.frames_without_data())
    }

    pub(crate) fn summary(&self) -> Summary {
        let taken = self.queue.taken();
        let video = self.sent_video();
        let state = self.state();
        let ledger = &state.ledger;
        let results = ledger.arrived() + self.frames_alone();
        let between = |from: Option<Instant>, to: Option<Instant>| match (from, to) {
            (Some(from), Some(to)) => to.saturating_duration_since(from),
            _ => Duration::ZERO,
        };
        // They wait in the queue, or for their frames.
        let waiting = results.saturating_sub(taken + ledger.drops(video, 0).queue_full);
        let not_taken = if state.ended.is_some() { waiting } else { 0 };
        let upload_end = state.upload_ended.or_else(|| state.upload.map(|_| state.since));
        Summary {
            frames_sent: ledger.frames(video),
            frames_returned: taken,
            frames_failed: ledger.failed(),
            every_frame: self.every_frame,
            dropped: ledger.drops(video, not_taken),
            errors: ledger.errors().to_vec(),
            odd_fields: ledger.odd(),
            damage: ledger.damage().to_vec(),
            upload_bytes: state.upload.map_or(0, |(_, progress)| progress.bytes_sent),
            upload_time: between(state.upload.map(|(started, _)| started), upload_end),
            streaming_time: between(state.first_result, state.last_result),
            ended: state.ended.clone(),
        }
    }

    fn state(&self) -> MutexGuard<'_, State> {
        self.state.lock().unwrap_or_else(PoisonError::into_inner)
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
        let progress = SessionTracker::new(Arc::default(), None, true);
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
        progress.result_arrived(1, &[]);
        assert_eq!(due(), (timeouts.idle, Stage::Streaming));
        progress.caller_is_late(true);
        assert!(progress.deadline(&timeouts).is_none());
    }

    #[tokio::test(start_paused = true)]
    async fn a_server_that_answers_before_the_upload_is_over_is_streaming() {
        let progress = SessionTracker::new(Arc::default(), None, true);
        progress.uploaded(upload(50));
        progress.result_arrived(1, &[]);
        progress.uploaded(upload(100));
        assert_eq!(progress.stage(), Stage::Streaming);
    }

    #[tokio::test(start_paused = true)]
    async fn the_longest_gap_is_between_two_results() {
        let progress = SessionTracker::new(Arc::default(), None, true);
        assert_eq!(progress.silence(), (None, Duration::ZERO));
        for pause in [3, 1] {
            progress.result_arrived(1, &[]);
            tokio::time::advance(Duration::from_secs(pause)).await;
        }
        assert_eq!(progress.silence(), (Some(Duration::from_secs(1)), Duration::from_secs(3)));
    }
}
