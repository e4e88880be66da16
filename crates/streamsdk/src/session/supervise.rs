use std::sync::Arc;
use std::time::Duration;

use streamsdk_protocol::ack::AckSender;
use streamsdk_transport::{Channel, Peer};
use streamsdk_video::SendFramesError;
use tokio::time::Instant;
use tokio_util::sync::CancellationToken;

use super::live::Live;
use super::receive::{ChannelEnd, Receiver};
use super::track::Track;
use super::{EventQueue, Progress};
use crate::source::{SourceIo, VideoOut};
use crate::{
    Ended, Error, ErrorKind, FramePolicy, SourceError, Stage, StreamConfig, StreamSource, Timeouts,
};

/// The longest that a changed time limit may go unnoticed.
const WATCH_INTERVAL: Duration = Duration::from_millis(250);

const ANSWER_POLL: Duration = Duration::from_millis(20);
/// After the answer to the last frame, what else may come on other ways.
const ANSWERED_SILENCE: Duration = Duration::from_millis(200);
/// A server that skips late frames never answers the last one.
const UNANSWERED_SILENCE: Duration = Duration::from_secs(2);

/// Owns a session until it is over.
pub(super) struct Supervisor {
    pub(super) peer: Peer,
    pub(super) inference: Channel,
    pub(super) source: Box<dyn StreamSource>,
    pub(super) source_channels: Vec<Channel>,
    pub(super) track: Option<Track>,
    pub(super) video_out: Option<VideoOut>,
    pub(super) live: Arc<Live>,
    pub(super) queue: Arc<EventQueue>,
    pub(super) progress: Arc<Progress>,
    pub(super) acks: bool,
    pub(super) policy: FramePolicy,
    pub(super) config: StreamConfig,
    pub(super) close: CancellationToken,
    pub(super) upload: CancellationToken,
}

impl Supervisor {
    pub(super) async fn run(self) {
        let Self { peer, inference, mut source, source_channels, queue, progress, .. } = self;
        let (sender, mut receiver) = inference.split();
        if self.policy == FramePolicy::Lossless {
            receiver.hold_peer_back_without_limit();
        }
        let finish = CancellationToken::new();
        let sends = self.video_out.is_some();
        let receive = Receiver {
            queue: &queue,
            progress: &progress,
            limits: self.config.limits,
            policy: self.policy,
            frame_outputs: &self.config.stream_output,
            acks: self.acks.then(|| (sender, AckSender::new())),
            track: self.track,
            finish: finish.clone(),
        };
        let answers = async {
            if sends {
                answered(&progress, &self.live).await;
                finish.cancel();
            }
        };
        let io = SourceIo {
            channels: source_channels,
            video: self.video_out,
            progress: Arc::clone(&progress),
            cancel: self.upload,
        };

        let outcome = tokio::select! {
            biased;
            () = self.close.cancelled() => Ok(Ended::ByCaller),
            end = receive.run(receiver) => outcome(end, progress.stage()),
            failed = run_to_failure(&mut *source, io, answers) => failed.map(|ended| match ended {
                // Closing cancels the upload as well, and may be seen there first.
                Ended::UploadCancelled if self.close.is_cancelled() => Ended::ByCaller,
                ended => ended,
            }),
            error = overdue(&progress, &self.config.timeouts) => Err(error),
        };

        if outcome.is_ok() {
            peer.close().await;
        } else {
            peer.abort().await;
        }
        source.clean_up().await;
        let (ended, error) = match outcome {
            Ok(ended) => (ended, None),
            Err(error) => (Ended::Failed, Some(error)),
        };
        progress.end(ended);
        queue.close(error);
    }
}

fn outcome(end: ChannelEnd, stage: Stage) -> Result<Ended, Error> {
    match end {
        ChannelEnd::Complete { errors, .. } if !errors.is_empty() => {
            Err(Error::new(ErrorKind::Processing, stage, errors.join("; ")))
        }
        ChannelEnd::Complete { reason: None, .. } | ChannelEnd::Answered => Ok(Ended::Complete),
        ChannelEnd::Complete { reason: Some(reason), .. } => Ok(Ended::ByServer(reason)),
        ChannelEnd::Closed(reason) => Err(Error::lost(stage, reason)),
    }
}

/// Runs the source, and waits for the answers to what it sent; resolves only when the source gives a reason
/// to end the session.
async fn run_to_failure(
    source: &mut dyn StreamSource,
    io: SourceIo,
    answers: impl Future<Output = ()>,
) -> Result<Ended, Error> {
    match source.run(io).await {
        // Where sending failed, the inference channel ends as well, and knows why.
        Ok(())
        | Err(SourceError::Send(_) | SourceError::Frames(SendFramesError::Connection(_))) => {
            answers.await;
        }
        Err(SourceError::Cancelled) => return Ok(Ended::UploadCancelled),
        Err(error) if is_of_producer(&error) => {
            // A camera that went away does not take with it the answers to what it gave.
            answers.await;
            return Err(Error::new(ErrorKind::Source, Stage::Streaming, error));
        }
        Err(error) => return Err(Error::new(ErrorKind::Source, Stage::Uploading, error)),
    }
    std::future::pending().await
}

fn is_of_producer(error: &SourceError) -> bool {
    let is_producer = |error: &_| matches!(error, SendFramesError::Producer(_));
    matches!(error, SourceError::Capture(_))
        || matches!(error, SourceError::Frames(error) if is_producer(error))
}

/// Resolves when no more answers to what was sent are to be expected: the last frame was answered, or the
/// server has been silent for a while.
async fn answered(progress: &Progress, live: &Live) {
    loop {
        tokio::time::sleep(ANSWER_POLL).await;
        let silence = progress.last_result().map_or(Duration::MAX, |last| last.elapsed());
        let patience = match live.outstanding() {
            None => ANSWERED_SILENCE,
            Some(left) if left.elapsed() < UNANSWERED_SILENCE => continue,
            Some(_) => UNANSWERED_SILENCE,
        };
        if silence >= patience {
            return;
        }
    }
}

/// Resolves when the session has stood still for longer than it may.
async fn overdue(progress: &Progress, timeouts: &Timeouts) -> Error {
    loop {
        let now = Instant::now();
        let next = match progress.deadline(timeouts) {
            Some((at, stage, limit)) if at <= now => return Error::timeout(stage, limit),
            Some((at, ..)) => at.min(now + WATCH_INTERVAL),
            None => now + WATCH_INTERVAL,
        };
        tokio::time::sleep_until(next).await;
    }
}
