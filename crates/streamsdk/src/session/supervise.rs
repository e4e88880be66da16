use std::sync::Arc;
use std::time::Duration;

use streamsdk_protocol::Redactor;
use streamsdk_protocol::ack::AckSender;
use streamsdk_transport::{Channel, Peer, PeerState};
use streamsdk_video::SendFramesError;
use tokio::time::Instant;
use tokio_util::sync::CancellationToken;

use super::ending::{Answers, Expectation, Failure};
use super::live::VideoTracker;
use super::receive::{ChannelEnd, Receiver};
use super::track::Track;
use super::{EventQueue, SessionTracker};
use crate::source::{SourceIo, VideoOut};
use crate::{
    Ended, Error, ErrorKind, Event, FramePolicy, SourceError, Stage, StreamConfig, StreamSource,
    Timeouts,
};

/// The longest that a changed time limit may go unnoticed.
const WATCH_INTERVAL: Duration = Duration::from_millis(250);

const ANSWER_POLL: Duration = Duration::from_millis(20);

/// Owns a session until it is over.
pub(super) struct Supervisor {
    pub(super) peer: Peer,
    pub(super) inference: Channel,
    pub(super) source: Box<dyn StreamSource>,
    pub(super) source_channels: Vec<Channel>,
    pub(super) track: Option<Track>,
    pub(super) video_out: Option<VideoOut>,
    pub(super) live: Arc<VideoTracker>,
    pub(super) queue: Arc<EventQueue>,
    pub(super) progress: Arc<SessionTracker>,
    pub(super) acks: bool,
    pub(super) policy: FramePolicy,
    pub(super) config: StreamConfig,
    /// What the server's texts must not repeat.
    pub(super) redactor: Redactor,
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
            redactor: &self.redactor,
            policy: self.policy,
            frame_outputs: &self.config.stream_output,
            acks: self.acks.then(|| (sender, AckSender::new())),
            track: self.track,
            finish: finish.clone(),
        };
        let answers = async {
            if sends {
                answered(&progress, &self.live, &peer).await?;
                finish.cancel();
            }
            Ok(())
        };
        let io = SourceIo {
            channels: source_channels,
            video: self.video_out,
            progress: Arc::clone(&progress),
            every_frame: self.acks,
            cancel: self.upload,
        };

        let outcome = tokio::select! {
            biased;
            () = self.close.cancelled() => Ok(Ended::ByCaller),
            end = receive.run(receiver) => outcome(end, &progress),
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
        let is_incomplete = ended == Ended::Incomplete;
        progress.end(ended);
        let incomplete = is_incomplete.then(|| Ok(Event::Incomplete(Box::new(progress.summary()))));
        queue.close(incomplete.or(error.map(Err)));
    }
}

fn outcome(end: ChannelEnd, progress: &SessionTracker) -> Result<Ended, Error> {
    let stage = progress.stage();
    match end {
        ChannelEnd::Over(end) => progress.judge(end).map_err(|failure| {
            let kind = match failure {
                Failure::NoFrame => ErrorKind::Source,
                _ => ErrorKind::Processing,
            };
            Error::new(kind, stage, failure)
        }),
        ChannelEnd::Closed(reason) => Err(Error::lost(stage, reason)),
    }
}

/// Runs the source, and waits for the answers to what it sent; resolves only when the source gives a reason
/// to end the session.
async fn run_to_failure(
    source: &mut dyn StreamSource,
    io: SourceIo,
    answers: impl Future<Output = Result<(), Error>>,
) -> Result<Ended, Error> {
    match source.run(io).await {
        // Where sending failed, the inference channel ends as well, and knows why.
        Ok(())
        | Err(SourceError::Send(_) | SourceError::Frames(SendFramesError::Connection(_))) => {
            answers.await?;
        }
        Err(SourceError::Cancelled) => return Ok(Ended::UploadCancelled),
        Err(error) if is_of_producer(&error) => {
            // A camera that went away does not take with it the answers to what it gave.
            // What ended those is the smaller news.
            let _ = answers.await;
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

/// Resolves when no more answers to what was sent are to be expected.
async fn answered(
    progress: &SessionTracker,
    live: &VideoTracker,
    peer: &Peer,
) -> Result<(), Error> {
    loop {
        tokio::time::sleep(ANSWER_POLL).await;
        let (silence, longest_gap) = progress.silence();
        let stands = peer.state() == PeerState::Connected;
        let answers = Answers {
            unanswered: live.outstanding().map(|left| left.elapsed()),
            silence,
            longest_gap,
            heard: stands.then(|| peer.last_heard()).flatten().map(|heard| heard.elapsed()),
            anything_sent: live.frames_sent() > 0,
        };
        match answers.expectation() {
            Expectation::More => {}
            Expectation::NoMore => return Ok(()),
            Expectation::Stopped { before_the_end } => {
                return Err(Error::stopped_answering(progress.stage(), before_the_end));
            }
        }
    }
}

/// Resolves when the session has stood still for longer than it may.
async fn overdue(progress: &SessionTracker, timeouts: &Timeouts) -> Error {
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
