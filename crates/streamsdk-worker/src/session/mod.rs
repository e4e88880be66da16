//! One client's session, from its channels to its last frame.
//!
//! The session's own task takes the channels, receives the upload, and sends what the pipeline makes
//! ([`work`]);
//! the pipeline ([`pipeline`]) takes frames from a source ([`source`]) and processes them on a thread, and
//! hands pictures to the thread that encodes them for the video track ([`returned`]); [`pace`] is what
//! the task and the pipeline share: acks and the selection of outputs go in, permission to produce comes
//! out.

mod active_processor;
mod disk;
mod encode;
mod pace;
mod pipeline;
mod processing;
mod returned;
mod source;
mod spool;
mod track_times;
mod upload;
mod work;

use std::sync::Arc;
use std::time::Duration;

use streamsdk_capture::NetworkStream;
use streamsdk_protocol::control::ControlMessage;
use streamsdk_protocol::{INFERENCE_CHANNEL, UPLOAD_CHANNEL};
use streamsdk_transport::{
    Channel, ChannelReceiver, EndReason, IncomingChannels, Message, Peer, SendError, Video,
    VideoSender,
};
use thiserror::Error;
use tokio::time::{sleep, timeout};
use tokio_util::sync::CancellationToken;
use tokio_util::task::TaskTracker;
use tracing::{debug, warn};

pub(crate) use self::active_processor::ActiveProcessor;
pub(crate) use self::disk::UploadDisk;
use self::pace::{PaceLimits, SessionPace};
pub(crate) use self::source::StopOnDrop;
use self::source::{Origin, SessionSource};
pub(crate) use self::spool::remove_orphans;
use self::upload::UploadFailure;
pub(crate) use self::upload::UploadRate;
use self::work::Work;
use crate::WorkerConfig;
use crate::config::codecs;
use crate::error_response::ErrorResponse;
use crate::init::SessionPlan;
use crate::places::Connecting;
use crate::source_plan::SourcePlan;
use crate::workflow::StreamOutput;

/// How long threads may take to end once they were told to; a processor may be in the middle of a frame.
const MAX_THREAD_END_TIME: Duration = Duration::from_secs(5);
/// How long a client that has been told the end may take to leave by itself; until then it may also ask for
/// lost packets of its last frames.
const RETRANSMIT_GRACE: Duration = Duration::from_secs(2);
/// The same while the worker is shutting down: enough for the channels to close.
const SHUTDOWN_GRACE: Duration = Duration::from_millis(300);
/// How long a session that has had its time may take to say so.
const TIME_IS_UP_GRACE: Duration = Duration::from_secs(10);
/// How long a session may take to tell its client that the worker is shutting down.
const MAX_SHUTDOWN_NOTICE_TIME: Duration = Duration::from_secs(2);

/// What a session is made of.
pub(crate) struct WorkerSession {
    plan: SessionPlan,
    processor: ActiveProcessor,
    config: Arc<WorkerConfig>,
    peer: Peer,
    origin: Origin,
    track: Option<VideoSender>,
    means: SessionMeans,
}

/// What a session has of its worker.
pub(crate) struct SessionMeans {
    /// Until its client is there.
    pub(crate) connecting: Connecting,
    pub(crate) disk: Arc<UploadDisk>,
    /// Cancelled when the worker shuts down.
    pub(crate) stop: CancellationToken,
}

impl WorkerSession {
    /// Puts together what the plan wants and what was agreed on with the client.
    pub(crate) fn new(
        plan: SessionPlan,
        processor: ActiveProcessor,
        config: Arc<WorkerConfig>,
        peer: Peer,
        video: Option<Video>,
        camera: Option<NetworkStream>,
        means: SessionMeans,
    ) -> Result<Self, ErrorResponse> {
        let (sender, receiver) = video.map_or((None, None), |video| (video.sender, video.receiver));
        let origin = match (&plan.source, receiver, camera) {
            (_, _, Some(camera)) => Origin::Network(camera),
            (SourcePlan::Track, Some(receiver), _) => Origin::Track(receiver),
            (SourcePlan::Track, None, _) => return Err(no_track("sends no video")),
            _ => Origin::Upload,
        };
        if matches!(plan.stream, StreamOutput::Named(_)) && sender.is_none() {
            return Err(no_track("takes no video, as stream_output needs it,"));
        }
        Ok(Self { plan, processor, config, peer, origin, track: sender, means })
    }

    /// The client is about to be told how to connect.
    pub(crate) fn answered(&self) {
        self.means.connecting.answered();
    }
}

fn no_track(what: &str) -> ErrorResponse {
    let known: Vec<String> = codecs().iter().map(ToString::to_string).collect();
    let known = if known.is_empty() { "none".to_owned() } else { known.join(", ") };
    ErrorResponse::configuration(format!(
        "The offer {what} in a codec that this worker knows (it knows {known})."
    ))
}

/// Why a session ended before it was complete.
#[derive(Debug, Error)]
pub(crate) enum SessionError {
    #[error("the client did not open the channel \"{0}\" in time")]
    NoChannel(&'static str),
    #[error("{0}")]
    Ended(EndReason),
    #[error("another client was given the place of one that did not connect")]
    GaveWay,
    #[error("the session has lasted for as long as it may")]
    TimeIsUp,
    #[error("the client closed its channel")]
    ChannelClosed,
    #[error("the client took nothing of a result for {0:?}")]
    ResultNotTaken(Duration),
    #[error(transparent)]
    Upload(#[from] UploadFailure),
    #[error("the worker is shutting down")]
    Stopped,
}

impl From<SendError> for SessionError {
    fn from(error: SendError) -> Self {
        match error {
            SendError::Ended(reason) => Self::Ended(reason),
            _ => Self::ChannelClosed,
        }
    }
}

/// Runs a session to its end; returns the number of frames. The caller closes the connection.
pub(crate) async fn run(
    session: WorkerSession,
    channels: IncomingChannels,
) -> Result<u32, SessionError> {
    let (stop, peer) = (session.means.stop.clone(), session.peer.clone());
    let limit = session.config.session_timeout.saturating_add(TIME_IS_UP_GRACE);
    let threads = TaskTracker::new();
    // Whichever ends first drops the others, and that tells the threads to end.
    let served = tokio::select! {
        frames = serve(session, channels, &threads) => frames,
        reason = peer.ended() => Err(SessionError::Ended(reason)),
        () = shutdown_notice_is_over(&stop) => Err(SessionError::Stopped),
        () = sleep(limit) => Err(SessionError::TimeIsUp),
    };
    threads.close();
    if timeout(MAX_THREAD_END_TIME, threads.wait()).await.is_err() {
        warn!("a session's threads did not end in time; the processor is slow or hangs");
    }
    // Nobody would hear it.
    let is_deaf = matches!(
        served,
        Err(SessionError::Ended(_)
            | SessionError::ResultNotTaken(_)
            | SessionError::GaveWay
            | SessionError::TimeIsUp)
    );
    if !is_deaf {
        say_goodbye(&peer, &stop).await;
    }
    served
}

/// Ends the channels before the connection: a web page would see an error otherwise.
async fn say_goodbye(peer: &Peer, stop: &CancellationToken) {
    peer.close_channels().await;
    let shutting_down = async {
        stop.cancelled().await;
        sleep(SHUTDOWN_GRACE).await;
    };
    tokio::select! {
        _ = peer.ended() => {}
        () = shutting_down => {}
        () = sleep(RETRANSMIT_GRACE) => {}
    }
}

async fn shutdown_notice_is_over(stop: &CancellationToken) {
    stop.cancelled().await;
    sleep(MAX_SHUTDOWN_NOTICE_TIME).await;
}

async fn serve(
    session: WorkerSession,
    mut channels: IncomingChannels,
    threads: &TaskTracker,
) -> Result<u32, SessionError> {
    let WorkerSession { plan, processor, config, origin, track, means, .. } = session;
    let SessionMeans { connecting, disk, stop } = means;
    // Before the channels are open, so that a lossless session has the frames that come meanwhile.
    let live = SessionSource::live(origin, plan.realtime);
    let uploads = live.is_none();
    let (inference, upload) = tokio::select! {
        taken = take_channels(&mut channels, uploads, config.connect_timeout) => taken?,
        () = connecting.gives_way() => return Err(SessionError::GaveWay),
        () = stop.cancelled() => return Err(SessionError::Stopped),
    };
    drop(connecting);
    let (sender, control) = inference.split();
    let has_track = track.is_some();
    let pace = SessionPace::new(
        plan.selection(),
        has_track,
        PaceLimits {
            ack_window: config.ack_window,
            ack_timeout: config.ack_timeout,
            time: plan.time_limit.unwrap_or(Duration::MAX).min(config.session_timeout),
        },
    );
    let pace = Arc::new(pace);
    // Cancels the pipeline however this function is left, being dropped included.
    let _cancel = pace.cancel_on_drop();

    let (pace_of_work, stop) = (Arc::clone(&pace), &stop);
    let work = Work {
        plan,
        config: &config,
        sender: &sender,
        pace: pace_of_work,
        threads,
        disk: &disk,
        stop,
    };
    tokio::select! {
        frames = work.run(processor, live, upload, track) => match stop.is_cancelled() {
            true => Err(SessionError::Stopped),
            false => frames,
        },
        closed = obey(control, &pace) => Err(closed),
        () = shut_down_when_told(stop, &pace) => Err(SessionError::Stopped),
    }
}

/// Has the pipeline end, and leaves it the time to say so: never returns.
async fn shut_down_when_told(stop: &CancellationToken, pace: &SessionPace) {
    stop.cancelled().await;
    pace.shut_down();
    std::future::pending::<()>().await;
}

async fn take_channels(
    channels: &mut IncomingChannels,
    uploads: bool,
    limit: Duration,
) -> Result<(Channel, Option<Channel>), SessionError> {
    let (mut inference, mut upload) = (None, None);
    let taken = timeout(limit, async {
        while inference.is_none() || uploads && upload.is_none() {
            let Some(channel) = channels.next().await else { break };
            match channel.label() {
                INFERENCE_CHANNEL => inference = Some(channel),
                UPLOAD_CHANNEL => upload = Some(channel),
                label => debug!(label, "a channel without a purpose was opened"),
            }
        }
    });
    // Whether time ran out or the connection ended shows in what is missing.
    let _ = taken.await;
    let inference = inference.ok_or(SessionError::NoChannel(INFERENCE_CHANNEL))?;
    if uploads && upload.is_none() {
        return Err(SessionError::NoChannel(UPLOAD_CHANNEL));
    }
    Ok((inference, upload))
}

/// Takes the client's control messages until it closes the channel.
async fn obey(mut control: ChannelReceiver, pace: &SessionPace) -> SessionError {
    while let Some(message) = control.recv().await {
        let Message::Text(text) = message else { continue };
        match ControlMessage::parse(&text) {
            Ok(message) => pace.obey(message),
            Err(error) => debug!(%error, "a control message was ignored"),
        }
    }
    control.end_reason().map_or(SessionError::ChannelClosed, SessionError::Ended)
}

#[cfg(test)]
mod tests {
    use std::error::Error;

    use streamsdk_protocol::upload::UploadError;

    use super::*;

    #[test]
    fn no_error_says_what_its_source_says() {
        let disk = UploadFailure::Disk(std::io::Error::other("disk on fire"));
        let errors = [
            (SessionError::from(disk), "disk on fire"),
            (UploadFailure::from(UploadError::Empty).into(), "is empty"),
            (SendError::Ended(EndReason::PeerSilent).into(), "went silent"),
        ];
        for (error, said) in errors {
            assert!(error.to_string().contains(said), "{error}");
            let causes = std::iter::successors(error.source(), |error| (*error).source());
            for cause in causes {
                assert!(!error.to_string().contains(&cause.to_string()), "{error}: {cause}");
            }
        }
    }
}
