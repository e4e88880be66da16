//! The source and the results of one link, side by side.

use std::sync::Arc;

use streamsdk_protocol::ack::AckSender;
use streamsdk_transport::{Channel, Peer, VideoSender};
use tokio_util::sync::CancellationToken;

use super::receive::{ChannelEnd, Receiver};
use super::server_session::ServerSession;
use super::track::ReturnTrack;
use super::watchdog::{answered, overdue};
use super::{LastHeardFn, Link, LinkContext, LinkEnd};
use crate::config::FramePolicy;
use crate::error::{Error, ErrorKind};
use crate::source::{SourceError, SourceIo, StreamSource, VideoOut};
use crate::stage::Stage;
use crate::stats::{Ended, Failure, SessionTracker, StreamEnd, VideoTracker};
use crate::steering::RequestedOutputs;

/// A connection to a server's peer.
pub(crate) struct PeerLink {
    pub(super) peer: Peer,
    /// Until it runs.
    pub(super) ways: Option<Ways>,
    pub(super) server_session: ServerSession,
    /// What the server was asked for.
    pub(super) outputs: RequestedOutputs,
}

/// The ways to the peer and back.
pub(super) struct Ways {
    /// `None` where nothing returns.
    pub(super) results: Option<Results>,
    pub(super) source_channels: Vec<Channel>,
    pub(super) sender: Option<VideoSender>,
}

/// What results come by: data, and frames where there is a track for them.
pub(super) struct Results {
    pub(super) inference: Channel,
    pub(super) track: Option<ReturnTrack>,
}

impl Link for PeerLink {
    fn last_heard(&self) -> LastHeardFn {
        let peer = self.peer.clone();
        Box::new(move || peer.last_heard())
    }

    async fn run(&mut self, source: &mut dyn StreamSource, context: &LinkContext) -> LinkEnd {
        match self.ways.take() {
            Some(ways) => {
                let control =
                    ways.results.as_ref().map(|results| results.inference.sender().clone());
                context.steering.attach(self.peer.clone(), control, &self.outputs).await;
                self.serve(ways, source, context).await
            }
            None => LinkEnd::Over(Ended::ByCaller),
        }
    }

    async fn close(self, context: &LinkContext) {
        self.peer.close().await;
        context.steering.detach();
        self.server_session.end().await;
    }

    async fn leave(self, context: &LinkContext) {
        self.peer.abort().await;
        context.steering.detach();
        self.server_session.end().await;
    }

    async fn abort(self, context: &LinkContext) {
        self.peer.abort().await;
        context.steering.detach();
    }
}

impl PeerLink {
    async fn serve(
        &self,
        ways: Ways,
        source: &mut dyn StreamSource,
        context: &LinkContext,
    ) -> LinkEnd {
        let LinkContext { tracker, config, close, .. } = context;
        let Ways { results, source_channels, sender } = ways;
        let video = tracker.video().cloned().unwrap_or_default();
        sender.iter().for_each(|sender| video.sends(sender));
        let sends = sender.is_some();
        let finish = CancellationToken::new();
        let answers = async {
            if sends {
                answered(tracker, &video, &self.peer, config.timeouts.dead_after).await?;
                finish.cancel();
            }
            Ok(())
        };
        let returned = self.returned(results, &video, context, &finish);
        let io = source_io(source_channels, sender, &video, context);
        tokio::select! {
            biased;
            () = close.cancelled() => LinkEnd::Over(Ended::ByCaller),
            end = returned => judged(end, tracker),
            end = run_source(source, io, answers) => match end {
                // Closing cancels the upload as well, and may be seen there first.
                LinkEnd::Over(Ended::UploadCancelled) if close.is_cancelled() => {
                    LinkEnd::Over(Ended::ByCaller)
                }
                end => end,
            },
            error = overdue(tracker, &config.timeouts) => LinkEnd::Lost(error),
        }
    }

    /// Takes in what comes back, until it ends or no more is owed.
    async fn returned(
        &self,
        results: Option<Results>,
        video: &Arc<VideoTracker>,
        context: &LinkContext,
        finish: &CancellationToken,
    ) -> ChannelEnd {
        let Some(Results { inference, mut track }) = results else {
            return tokio::select! {
                biased;
                () = finish.cancelled() => ChannelEnd::Over(StreamEnd::Answered),
                reason = self.peer.ended() => ChannelEnd::Closed(Some(reason)),
            };
        };
        track.iter_mut().for_each(|track| track.report_to(Arc::clone(video)));
        let (redactor, finish) = (self.server_session.redactor(), finish.clone());
        received(inference, Receiver { context, redactor, acks: None, track, finish }).await
    }
}

async fn received(inference: Channel, mut receiver: Receiver<'_>) -> ChannelEnd {
    let (sender, mut channel) = inference.split();
    if receiver.context.policy == FramePolicy::Lossless {
        channel.hold_peer_back_without_limit();
    }
    receiver.acks = receiver.context.every_frame.then(|| (sender, AckSender::new()));
    receiver.run(channel).await
}

/// What the source has of this link.
fn source_io(
    channels: Vec<Channel>,
    sender: Option<VideoSender>,
    video: &Arc<VideoTracker>,
    context: &LinkContext,
) -> SourceIo {
    let video = sender.map(|sender| VideoOut {
        sender,
        options: context.config.video.clone(),
        tracker: Arc::clone(video),
        every_frame: context.every_frame,
    });
    SourceIo {
        channels,
        video,
        queue: Arc::clone(&context.queue),
        tracker: Arc::clone(&context.tracker),
        every_frame: context.every_frame,
        cancel: context.upload.clone(),
    }
}

fn judged(end: ChannelEnd, tracker: &SessionTracker) -> LinkEnd {
    let stage = tracker.stage();
    match end {
        ChannelEnd::Over(end) => match tracker.judge(end) {
            Ok(ended) => LinkEnd::Over(ended),
            Err(failure @ Failure::NoFrame) => {
                LinkEnd::Failed(Error::new(ErrorKind::Source, stage, failure))
            }
            Err(failure @ Failure::ServerStopped(_)) => {
                LinkEnd::Lost(Error::new(ErrorKind::Processing, stage, failure).transient())
            }
            Err(failure) => LinkEnd::Failed(Error::new(ErrorKind::Processing, stage, failure)),
        },
        ChannelEnd::Closed(reason) => LinkEnd::Lost(Error::lost(stage, reason)),
        ChannelEnd::Renumbered(error) => {
            LinkEnd::Failed(Error::new(ErrorKind::Processing, stage, error))
        }
    }
}

/// Runs the source, and waits for the answers to what it sent; resolves only when the source gives a reason
/// to end the link.
async fn run_source(
    source: &mut dyn StreamSource,
    io: SourceIo,
    answers: impl Future<Output = Result<(), Error>>,
) -> LinkEnd {
    let ended = source.run(io).await;
    match ended {
        // Where sending failed, what comes back ends as well, and knows why.
        Ok(()) | Err(SourceError::Send(_)) => {
            if let Err(error) = answers.await {
                return LinkEnd::Lost(error);
            }
        }
        Err(SourceError::Cancelled) => return LinkEnd::Over(Ended::UploadCancelled),
        Err(error) if is_of_producer(&error) => {
            // A camera that went away does not take with it the answers to what it gave.
            // What ended those is the smaller news.
            let _ = answers.await;
            return LinkEnd::Failed(Error::new(ErrorKind::Source, Stage::Streaming, error));
        }
        Err(error) => {
            return LinkEnd::Failed(Error::new(ErrorKind::Source, Stage::Uploading, error));
        }
    }
    std::future::pending().await
}

fn is_of_producer(error: &SourceError) -> bool {
    use streamsdk_video::SendFramesError::Producer;
    matches!(error, SourceError::Capture(_) | SourceError::Frames(Producer(_)))
}
