//! What is streamed.

pub(crate) mod error;
mod feed;
#[cfg(feature = "file")]
mod file;
#[cfg(feature = "local-stream")]
mod local_stream;
mod manual;
mod producer;
mod server_pull;
mod video_out;
#[cfg(feature = "url")]
mod video_url;
#[cfg(all(feature = "webcam", target_os = "linux"))]
mod webcam;

use std::sync::Arc;

use async_trait::async_trait;
use streamsdk_protocol::INFERENCE_CHANNEL;
use streamsdk_protocol::init::InitRequest;
use streamsdk_signaling::Returns;
use streamsdk_transport::{Channel, VideoCodec, VideoDirection};
use tokio_util::sync::CancellationToken;

pub use error::{FileError, FrameSendError, SourceError, UrlError};
pub use feed::FrameFeed;
#[cfg(feature = "file")]
pub use file::VideoFileSource;
#[cfg(feature = "local-stream")]
pub use local_stream::{LocalStreamSource, Transcode};
pub use manual::{FrameSender, ManualSource};
pub use producer::ProducerSource;
pub use server_pull::{MjpegSource, RtspSource};
pub use video_out::VideoOut;
#[cfg(feature = "url")]
pub use video_url::VideoUrl;
#[cfg(all(feature = "webcam", target_os = "linux"))]
pub use webcam::WebcamSource;

use crate::config::StreamConfig;
use crate::queue::EventQueue;
use crate::stats::{SessionTracker, UploadProgress};

/// A source of video: it says what it needs of the connection, gives its part of the init request, feeds the
/// connection, and cleans up.
///
/// The methods are called in that order; [`StreamSource::run`] once for each connection of the session, of
/// which there is more than one only where [`StreamSource::after_break`] says so.
/// [`StreamSource::clean_up`] is called however the session ends, once the session has begun.
#[async_trait]
pub trait StreamSource: Send + 'static {
    /// What the source needs of the connection. Default is nothing.
    fn requirements(&self, config: &StreamConfig) -> ConnectionRequirements {
        let _ = config;
        ConnectionRequirements::default()
    }

    /// Sets the fields of the init request that this source decides.
    fn init_parameters(&self, config: &StreamConfig, request: &mut InitRequest);

    /// Begins what can be done while a connection is made. Called with each attempt to make one, of which several may fail before
    /// the source is run. Default is to do nothing.
    async fn prepare(&mut self) {}

    /// Feeds the connection, and returns when there is nothing more to send. The session goes on
    /// until the server has answered everything: it ends when the server says so, or, where this
    /// side sends video, when no more answers come.
    ///
    /// Must return soon after [`SourceIo::cancelled`] resolves; it may be dropped instead, as it is when the
    /// connection is lost.
    async fn run(&mut self, io: SourceIo) -> Result<(), SourceError>;

    /// What the source can do when the connection is lost that it feeds. Default is [`AfterBreak::End`].
    fn after_break(&self) -> AfterBreak {
        AfterBreak::End
    }

    /// Releases what the source holds. Default is to do nothing.
    async fn clean_up(&mut self) {}
}

/// A source whose sort is found out while the program runs.
#[async_trait]
impl StreamSource for Box<dyn StreamSource> {
    fn requirements(&self, config: &StreamConfig) -> ConnectionRequirements {
        (**self).requirements(config)
    }

    fn init_parameters(&self, config: &StreamConfig, request: &mut InitRequest) {
        (**self).init_parameters(config, request);
    }

    async fn prepare(&mut self) {
        (**self).prepare().await;
    }

    async fn run(&mut self, io: SourceIo) -> Result<(), SourceError> {
        (**self).run(io).await
    }

    fn after_break(&self) -> AfterBreak {
        (**self).after_break()
    }

    async fn clean_up(&mut self) {
        (**self).clean_up().await;
    }
}

/// What a source can do when the connection is lost that it feeds.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
#[non_exhaustive]
pub enum AfterBreak {
    /// Nothing: it has ended, or cannot be run on another connection.
    End,
    /// It goes on with what it gives by then, as a camera does.
    GoOn,
    /// It begins from its start, as a file can, with the same frames in the same order.
    StartAgain,
}

/// What a source needs of the connection.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
#[must_use]
pub struct ConnectionRequirements {
    pub(crate) channels: Vec<&'static str>,
    pub(crate) video: Option<VideoDirection>,
    pub(crate) codec: Option<VideoCodec>,
}

impl ConnectionRequirements {
    /// Labels of data channels to be opened for the source. Default is none.
    pub fn channels(mut self, channels: impl IntoIterator<Item = &'static str>) -> Self {
        self.channels = channels.into_iter().collect();
        self
    }

    /// Which way video goes on a track. Default is that there is none.
    pub fn video(mut self, video: impl Into<Option<VideoDirection>>) -> Self {
        self.video = video.into();
        self
    }

    /// The codec that the source would like the track to have, if the caller does not say
    /// ([`StreamConfig::video_codec`]). Default is that it does not matter.
    pub fn codec(mut self, codec: impl Into<Option<VideoCodec>>) -> Self {
        self.codec = codec.into();
        self
    }

    /// The same with what `returns` comes back by.
    ///
    /// # Errors
    ///
    /// When nothing returns, and the source does not send video on a track alone.
    pub(crate) fn returning(mut self, returns: Returns) -> Result<Self, SourceError> {
        let Returns::Nothing = returns else {
            self.channels.insert(0, INFERENCE_CHANNEL);
            return Ok(self);
        };
        let sends = self.video.is_some_and(VideoDirection::sends);
        match sends && self.channels.is_empty() {
            true => Ok(self.video(VideoDirection::SendOnly)),
            false => Err(SourceError::NotPublishable),
        }
    }
}

/// The connection as a running source sees it.
#[derive(Debug)]
pub struct SourceIo {
    pub(crate) channels: Vec<Channel>,
    pub(crate) video: Option<VideoOut>,
    pub(crate) queue: Arc<EventQueue>,
    pub(crate) tracker: Arc<SessionTracker>,
    pub(crate) every_frame: bool,
    pub(crate) cancel: CancellationToken,
}

impl SourceIo {
    /// Takes the open channel called `label`; `None` if [`StreamSource::requirements`] did not name it, or
    /// it was taken.
    pub fn take_channel(&mut self, label: &str) -> Option<Channel> {
        let place = self.channels.iter().position(|channel| channel.label() == label)?;
        Some(self.channels.swap_remove(place))
    }

    /// Takes the track to send video on; `None` if [`StreamSource::requirements`] asked for none, if the server
    /// refused it, or if it was taken.
    pub fn take_video(&mut self) -> Option<VideoOut> {
        self.video.take()
    }

    /// Whether the session promises every frame, so that a source should hold back what can wait instead of
    /// leaving it out.
    pub fn every_frame(&self) -> bool {
        self.every_frame
    }

    /// Tells the caller and the session's time limit how far an upload is.
    pub fn report_upload(&self, progress: UploadProgress) {
        if self.tracker.uploaded(progress) {
            self.queue.set_upload(progress);
        }
    }

    /// Resolves when the source should stop.
    pub async fn cancelled(&self) {
        self.cancel.cancelled().await;
    }
}
