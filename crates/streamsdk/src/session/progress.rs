use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::Duration;

use tokio::time::Instant;

use super::live::{Live, VideoStatistics};
use super::queue::EventQueue;
use crate::{Drops, Ended, Stage, Summary, Timeouts, UploadProgress};

/// How far a session is: what the summary counts, and since when nothing has happened.
#[derive(Debug)]
pub(crate) struct Progress {
    queue: Arc<EventQueue>,
    /// The video track, if the session has one.
    live: Option<Arc<Live>>,
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
    /// The highest frame number that the server has named.
    last_frame: u32,
    /// Results that arrived and could be read.
    arrived: u64,
    queue_full: u64,
    unreadable: u64,
    /// Whether results wait for the caller, so that the server's silence is ours.
    caller_is_late: bool,
    ended: Option<Ended>,
}

impl Progress {
    pub(crate) fn new(queue: Arc<EventQueue>, live: Option<Arc<Live>>) -> Self {
        let state = State {
            stage: Stage::FirstFrame,
            since: Instant::now(),
            upload: None,
            upload_ended: None,
            first_result: None,
            last_result: None,
            last_frame: 0,
            arrived: 0,
            queue_full: 0,
            unreadable: 0,
            caller_is_late: false,
            ended: None,
        };
        Self { queue, live, state: Mutex::new(state) }
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

    /// Notes that the server sent something about frame `frame_id`.
    pub(crate) fn result_arrived(&self, frame_id: u32) {
        let now = Instant::now();
        let mut state = self.state();
        state.stage = Stage::Streaming;
        state.since = now;
        state.first_result.get_or_insert(now);
        state.last_result = Some(now);
        state.last_frame = state.last_frame.max(frame_id);
        state.arrived += 1;
    }

    pub(crate) fn result_unreadable(&self) {
        let mut state = self.state();
        state.since = Instant::now();
        state.unreadable += 1;
    }

    pub(crate) fn results_dropped(&self, count: u64) {
        self.state().queue_full += count;
    }

    /// Notes the number of the last frame, from the message that ends the stream.
    pub(crate) fn last_frame(&self, frame_id: u32) {
        let mut state = self.state();
        state.last_frame = state.last_frame.max(frame_id);
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

    /// When the server last sent a result; `None` if it has sent none.
    pub(crate) fn last_result(&self) -> Option<Instant> {
        self.state().last_result
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

    pub(crate) fn summary(&self) -> Summary {
        let taken = self.queue.taken();
        let state = self.state();
        // Frames of a track about which nothing was said are results, too.
        let alone = self.live.as_ref().map_or(0, |live| live.frames_without_data());
        let results = state.arrived + alone;
        let between = |from: Option<Instant>, to: Option<Instant>| match (from, to) {
            (Some(from), Some(to)) => to.saturating_duration_since(from),
            _ => Duration::ZERO,
        };
        let arrived = state.arrived + state.unreadable;
        let video = self.live.as_ref().filter(|live| live.is_sending());
        let sent = match video {
            Some(live) => live.frames_sent(),
            None => u64::from(state.last_frame),
        };
        let upload_end = state.upload_ended.or_else(|| state.upload.map(|_| state.since));
        Summary {
            frames_sent: sent.max(arrived),
            frames_returned: taken,
            dropped: Drops {
                not_encoded: video.map_or(0, |live| live.not_encoded()),
                not_returned: sent.saturating_sub(arrived),
                queue_full: state.queue_full,
                unreadable: state.unreadable,
                // They wait in the queue, or for their frames.
                not_taken: match state.ended {
                    Some(_) => results.saturating_sub(taken + state.queue_full),
                    None => 0,
                },
            },
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
        let progress = Progress::new(Arc::default(), None);
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
        progress.result_arrived(1);
        assert_eq!(due(), (timeouts.idle, Stage::Streaming));
        progress.caller_is_late(true);
        assert!(progress.deadline(&timeouts).is_none());
    }

    #[tokio::test(start_paused = true)]
    async fn a_server_that_answers_before_the_upload_is_over_is_streaming() {
        let progress = Progress::new(Arc::default(), None);
        progress.uploaded(upload(50));
        progress.result_arrived(1);
        progress.uploaded(upload(100));
        assert_eq!(progress.stage(), Stage::Streaming);
    }

    #[tokio::test(start_paused = true)]
    async fn frames_that_the_server_never_named_again_are_counted() {
        let progress = Progress::new(Arc::default(), None);
        progress.result_arrived(1);
        progress.result_arrived(3);
        progress.result_unreadable();
        progress.last_frame(6);
        let summary = progress.summary();
        assert_eq!(summary.frames_sent, 6);
        assert_eq!((summary.dropped.not_returned, summary.dropped.unreadable), (3, 1));
    }
}
