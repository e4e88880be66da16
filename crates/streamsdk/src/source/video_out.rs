use std::sync::Arc;

use streamsdk_capture::FrameProducer;
use streamsdk_transport::{VideoCodec, VideoSender};
use streamsdk_video::{SendOptions, send_frames};

use super::SourceError;
use crate::session::Live;

/// The track that a source sends video on.
#[derive(Debug)]
pub struct VideoOut {
    pub(crate) sender: VideoSender,
    pub(crate) options: SendOptions,
    pub(crate) live: Arc<Live>,
}

impl VideoOut {
    /// How frames are encoded.
    pub fn codec(&self) -> VideoCodec {
        self.sender.codec()
    }

    /// Encodes and sends the frames of a producer until they end, on a thread of its own. Dropping the
    /// future stops the producer.
    ///
    /// # Errors
    ///
    /// When the producer or the connection fails, or when there is no encoder.
    pub async fn send_frames(
        self,
        mut producer: impl FrameProducer + 'static,
    ) -> Result<(), SourceError> {
        let stopper = producer.stopper();
        let _stop = OnDrop(move || stopper.stop());
        let Self { sender, options, live } = self;
        let sending = tokio::task::spawn_blocking(move || {
            send_frames(&mut producer, &sender, &options, live.encode_stats(), |frame| {
                live.sent(frame);
            })
        });
        match sending.await {
            Ok(sent) => Ok(sent?),
            Err(panicked) => Err(SourceError::Other(panicked.into())),
        }
    }
}

struct OnDrop<F: FnMut()>(F);

impl<F: FnMut()> Drop for OnDrop<F> {
    fn drop(&mut self) {
        (self.0)();
    }
}
