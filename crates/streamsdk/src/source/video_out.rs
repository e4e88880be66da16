use std::sync::Arc;

use streamsdk_transport::{VideoCodec, VideoSender};
use streamsdk_video::SendOptions;

use super::feed::FeedTrack;
use super::{FrameFeed, SourceError};
use crate::stats::VideoTracker;

/// The track that a source sends video on.
#[derive(Debug)]
pub struct VideoOut {
    pub(crate) sender: VideoSender,
    pub(crate) options: SendOptions,
    pub(crate) tracker: Arc<VideoTracker>,
    pub(crate) every_frame: bool,
}

impl VideoOut {
    /// How frames are encoded.
    pub fn codec(&self) -> VideoCodec {
        self.sender.codec()
    }

    /// Sends the frames of `feed` until they end. When the future is dropped, because the connection is lost,
    /// the feed waits for the track of another one.
    ///
    /// # Errors
    ///
    /// When the producer fails, or when there is no encoder. That the connection is lost is none: the session
    /// knows.
    pub async fn send(self, feed: &mut FrameFeed) -> Result<(), SourceError> {
        let Self { sender, options, tracker, every_frame } = self;
        feed.send_on(FeedTrack { sender, options, tracker, every_frame }).await
    }
}
