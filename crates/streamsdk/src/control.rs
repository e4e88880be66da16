use std::sync::Arc;

use streamsdk_protocol::control::ControlMessage;
use streamsdk_transport::{ChannelSender, Peer, SendError, TransportStats};
use thiserror::Error;
use tokio_util::sync::CancellationToken;

use crate::Summary;
use crate::outputs::FramesAsData;
use crate::session::{SessionTracker, VideoStatistics};

/// Steers a session from anywhere. Clones steer the same one.
#[derive(Debug, Clone)]
pub struct Control {
    inner: Arc<Inner>,
}

#[derive(Debug)]
struct Inner {
    inference: ChannelSender,
    frames_as_data: FramesAsData,
    peer: Peer,
    progress: Arc<SessionTracker>,
    close: CancellationToken,
    upload: CancellationToken,
}

impl Control {
    pub(crate) fn new(
        inference: ChannelSender,
        frames_as_data: FramesAsData,
        peer: Peer,
        progress: Arc<SessionTracker>,
        close: CancellationToken,
        upload: CancellationToken,
    ) -> Self {
        let inner = Inner { inference, frames_as_data, peer, progress, close, upload };
        Self { inner: Arc::new(inner) }
    }

    /// Selects the outputs that come as data, from one of the next frames on: names, `*` for all but
    /// images, or none for metadata only. The frames of a file that travel as data go on coming.
    ///
    /// # Errors
    ///
    /// When the session is over.
    pub async fn set_data_output(
        &self,
        names: impl IntoIterator<Item: Into<String>>,
    ) -> Result<(), ControlError> {
        let names = names.into_iter().map(Into::into).collect();
        let names = self.inner.frames_as_data.beside(names);
        self.send(ControlMessage::data_output(names)).await
    }

    /// Selects the outputs for the video track. Servers obey only if the session began with one.
    ///
    /// # Errors
    ///
    /// When the session is over.
    pub async fn set_stream_output(
        &self,
        names: impl IntoIterator<Item: Into<String>>,
    ) -> Result<(), ControlError> {
        let names = names.into_iter().map(Into::into).collect();
        self.send(ControlMessage::stream_output(names)).await
    }

    /// What the session and its connection have done so far.
    pub fn statistics(&self) -> Statistics {
        Statistics {
            session: self.inner.progress.summary(),
            transport: self.inner.peer.stats(),
            video: self.inner.progress.video(),
        }
    }

    /// Asks the server for a frame of the returned video that a decoder can begin with. Does nothing in a
    /// session without such video. Needed by none that takes its pictures from this crate.
    pub fn request_key_frame(&self) {
        self.inner.progress.request_key_frame();
    }

    /// Stops an upload. The session ends with
    /// [`Ended::UploadCancelled`](crate::Ended::UploadCancelled), as no server goes on with half a
    /// file. After the upload it does nothing.
    pub fn cancel_upload(&self) {
        self.inner.upload.cancel();
    }

    /// Asks the session to end. Returns at once; can be called any number of times. What has
    /// arrived can still be taken.
    pub fn close(&self) {
        self.inner.close.cancel();
    }

    async fn send(&self, message: ControlMessage) -> Result<(), ControlError> {
        self.inner.inference.send_text(&message.to_text()).await.map_err(ControlError)
    }
}

/// What a session and its connection have done so far.
#[derive(Debug, Clone, PartialEq)]
#[non_exhaustive]
pub struct Statistics {
    /// Frames and upload.
    pub session: Summary,
    /// Bytes on the data channels.
    pub transport: TransportStats,
    /// The video track; `None` for a session without one.
    pub video: Option<VideoStatistics>,
}

/// A wish that did not reach the server.
#[derive(Debug, Error)]
#[error("the session takes no more requests: {0}")]
pub struct ControlError(SendError);
