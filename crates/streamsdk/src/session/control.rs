use std::sync::Arc;

use serde::Serialize;
use streamsdk_signaling::Returns;
use streamsdk_transport::TransportStats;
use tokio_util::sync::CancellationToken;

use crate::link::LinkContext;
use crate::outputs::FramesAsData;
use crate::stats::{SessionTracker, Summary, VideoStatistics};
use crate::steering::{ControlError, Steering};

/// Steers a session from anywhere, over all its connections. Clones steer the same one.
#[derive(Debug, Clone)]
pub struct Control {
    inner: Arc<ControlInner>,
}

#[derive(Debug)]
struct ControlInner {
    steering: Arc<Steering>,
    frames_as_data: FramesAsData,
    has_returned_track: bool,
    tracker: Arc<SessionTracker>,
    close: CancellationToken,
    upload: CancellationToken,
}

impl Control {
    pub(super) fn new(context: &LinkContext, frames_as_data: FramesAsData) -> Self {
        let LinkContext { steering, tracker, close, upload, config, .. } = context.clone();
        let has_returned_track = tracker.video().is_some() && !config.frame_outputs().is_empty();
        let inner =
            ControlInner { steering, frames_as_data, has_returned_track, tracker, close, upload };
        Self { inner: Arc::new(inner) }
    }

    /// Selects the outputs that come as data, from one of the next frames on: names, `*` for all but
    /// images, or none for metadata only. The frames of a file that travel as data go on coming. While there is
    /// no connection it holds for the next one.
    ///
    /// A name that the workflow does not have is no error here: the server says so with each frame
    /// ([`FrameData::errors`](crate::FrameData::errors)). Empty names are left out.
    ///
    /// # Errors
    ///
    /// When the session is over, or the server returns nothing.
    pub async fn set_data_output(
        &self,
        names: impl IntoIterator<Item: Into<String>>,
    ) -> Result<(), ControlError> {
        self.inner.takes_wishes()?;
        let names = self.inner.frames_as_data.beside(named(names));
        self.inner.steering.set_data_output(names).await
    }

    /// Selects the output for the video track: servers take the first name, or with none the first output that is an
    /// image. Empty names are left out. While there is no connection it holds for the next one.
    ///
    /// # Errors
    ///
    /// When the session is over, began without a video track that comes back, or the server returns nothing.
    pub async fn set_stream_output(
        &self,
        names: impl IntoIterator<Item: Into<String>>,
    ) -> Result<(), ControlError> {
        self.inner.takes_wishes()?;
        if !self.inner.has_returned_track {
            return Err(ControlError::NoReturnedTrack);
        }
        self.inner.steering.set_stream_output(named(names)).await
    }

    /// What the session and its connections have done so far.
    pub fn statistics(&self) -> Statistics {
        Statistics {
            session: self.inner.tracker.summary(),
            transport: self.inner.steering.traffic(),
            video: self.inner.tracker.video_statistics(),
        }
    }

    /// Asks the server for a frame of the returned video that a decoder can begin with. Does nothing in a
    /// session without such video. Needed by none that takes its pictures from this crate.
    pub fn request_key_frame(&self) {
        self.inner.tracker.video().into_iter().for_each(|video| video.request_key_frame());
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
}

impl ControlInner {
    fn takes_wishes(&self) -> Result<(), ControlError> {
        match self.tracker.returns() {
            Returns::Nothing => Err(ControlError::NothingReturned),
            _ => Ok(()),
        }
    }
}

/// Without empty names, which servers take for outputs here and leave out there.
fn named(names: impl IntoIterator<Item: Into<String>>) -> Vec<String> {
    names.into_iter().map(Into::into).filter(|name: &String| !name.is_empty()).collect()
}

/// What a session and its connections have done so far, altogether.
#[derive(Debug, Clone, PartialEq, Serialize)]
#[non_exhaustive]
pub struct Statistics {
    /// Frames and upload.
    pub session: Summary,
    /// Bytes on the data channels.
    pub transport: TransportStats,
    /// The video track; `None` for a session without one.
    pub video: Option<VideoStatistics>,
}
