//! A running session: three tasks around one queue.
//!
//! `receive` reads the inference channel and puts results into the queue; the source's `run` feeds
//! the connection; `supervise` owns both, watches the time limits, and when either is done or fails
//! ends the session: closes the connection, cleans up, and closes the queue with the outcome.

mod connect;
mod ending;
mod ledger;
mod live;
mod progress;
mod queue;
mod receive;
mod supervise;
mod track;

use std::pin::Pin;
use std::sync::Arc;
use std::task::{Context, Poll};

use futures::Stream;
use streamsdk_protocol::INFERENCE_CHANNEL;
use streamsdk_transport::{Connected, PeerConfig, Video};
use tokio::task::JoinHandle;
use tokio_util::sync::CancellationToken;

pub use live::VideoStatistics;
pub(crate) use live::VideoTracker;
pub(crate) use progress::SessionTracker;
use queue::EventQueue;

use self::connect::Attempt;
use self::track::Track;
use crate::client::StreamBuilder;
use crate::control::Control;
use crate::outputs::FramesAsData;
use crate::source::VideoOut;
use crate::{Error, ErrorKind, Event, Stage, StreamConfig, Summary};

/// A session: a stream of events.
///
/// Ends with `None` after the last event. Before that, as the last item, comes an error if the session
/// failed, and [`Event::Incomplete`] if something that was promised is missing: a session that ends without
/// either got everything, or was closed by the caller. Dropping it closes the session in the background;
/// [`Session::close`] does so and waits.
#[derive(Debug)]
#[must_use = "a session is closed when it is dropped"]
pub struct Session {
    queue: Arc<EventQueue>,
    progress: Arc<SessionTracker>,
    control: Control,
    supervisor: Option<JoinHandle<()>>,
}

impl Session {
    /// The next event; `None` when the session is over. Cancelling loses nothing.
    pub async fn next(&mut self) -> Option<Result<Event, Error>> {
        std::future::poll_fn(|cx| self.queue.poll_pop(cx)).await
    }

    /// What the session has done so far. Complete once [`Session::next`] has given `None`.
    pub fn summary(&self) -> Summary {
        self.progress.summary()
    }

    /// A handle to steer the session from elsewhere. Clones steer the same session.
    pub fn control(&self) -> Control {
        self.control.clone()
    }

    /// Closes the session and returns when all of it is gone: at once, or after some seconds where what
    /// was sent is not acknowledged, at most 10 s and about a second.
    pub async fn close(mut self) -> Summary {
        self.control.close();
        if let Some(supervisor) = self.supervisor.take() {
            // The supervisor neither panics nor is aborted by anybody else.
            let _ = supervisor.await;
        }
        self.progress.summary()
    }
}

impl Stream for Session {
    type Item = Result<Event, Error>;

    fn poll_next(self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<Option<Self::Item>> {
        self.queue.poll_pop(cx)
    }
}

impl Drop for Session {
    fn drop(&mut self) {
        self.control.close();
    }
}

pub(crate) async fn start(mut builder: StreamBuilder) -> Result<Session, Error> {
    let request = builder.init_request()?;
    let realtime = request.webrtc_realtime_processing;
    let config = builder.config.clone();

    let mut peer_config = PeerConfig::default();
    peer_config.interfaces = builder.interfaces();
    peer_config.ice_servers = config.ice_servers.clone();
    peer_config.connect_timeout = config.timeouts.connect;
    peer_config.dead_after = config.timeouts.dead_after;
    let requirements = builder.source.requirements(&config);
    peer_config.codecs = config.codecs(requirements.codec);
    if requirements.video.is_some() && peer_config.codecs.is_empty() {
        let what = "this build has no video codec: enable the feature `video`";
        return Err(Error::new(ErrorKind::Config, Stage::Preparing, what));
    }
    let frames_as_data = match request.video_file_upload && requirements.video.is_none() {
        true => {
            let specification = request.workflow_configuration.workflow_specification.as_ref();
            FramesAsData::new(config.streamed_outputs(), specification)
        }
        false => FramesAsData::default(),
    };
    let mut labels = vec![INFERENCE_CHANNEL];
    labels.extend(requirements.channels);
    let redactor = builder.signaling().redactor().request(&request);
    let attempt = Attempt {
        builder: &builder,
        config: peer_config,
        request,
        labels,
        video: requirements.video,
    };
    let Connected { peer, mut channels, video, .. } = attempt.connect().await?;
    let inference = channels.remove(0);
    let live = Arc::new(VideoTracker::default());
    let (video_out, track) =
        match video.map(|video| attach_video(video, &live, &config)).transpose() {
            Ok(video) => video.unwrap_or_default(),
            Err(error) => {
                peer.abort().await;
                return Err(error);
            }
        };

    let queue = Arc::new(EventQueue::default());
    let has_video = requirements.video.is_some().then(|| Arc::clone(&live));
    let progress = Arc::new(SessionTracker::new(Arc::clone(&queue), has_video, !realtime));
    let close = CancellationToken::new();
    let upload = close.child_token();
    let control = Control::new(
        inference.sender().clone(),
        frames_as_data,
        peer.clone(),
        Arc::clone(&progress),
        close.clone(),
        upload.clone(),
    );
    let supervisor = supervise::Supervisor {
        peer,
        inference,
        source: builder.source,
        source_channels: channels,
        track,
        video_out,
        live,
        queue: Arc::clone(&queue),
        progress: Arc::clone(&progress),
        acks: !realtime,
        policy: config.policy(realtime),
        config,
        redactor,
        close,
        upload,
    };
    let supervisor = tokio::spawn(supervisor.run());
    Ok(Session { queue, progress, control, supervisor: Some(supervisor) })
}

/// Puts the two ends of a video track where they belong.
fn attach_video(
    video: Video,
    live: &Arc<VideoTracker>,
    config: &StreamConfig,
) -> Result<(Option<VideoOut>, Option<Track>), Error> {
    let out = video.sender.map(|sender| {
        live.sends(&sender);
        VideoOut { sender, options: config.video.clone(), live: Arc::clone(live) }
    });
    // Without a stream output nothing comes back, and data waits for no frame.
    let wanted = config.stream_output.first();
    let receiver = video.receiver.filter(|_| wanted.is_some());
    let image_name = wanted.map_or("", String::as_str).into();
    let track = receiver.map(|receiver| Track::new(receiver, Arc::clone(live), image_name));
    Ok((out, track.transpose()?))
}
