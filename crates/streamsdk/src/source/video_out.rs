use std::sync::Arc;

use streamsdk_capture::{CaptureError, EncodedProducer, FrameProducer, Stopper};
use streamsdk_transport::{VideoCodec, VideoSender};
use streamsdk_video::{Forwarded, SendFramesError, SendOptions, SentFrame, TrackSender};

use super::SourceError;
use crate::session::VideoTracker;

/// The track that a source sends video on.
#[derive(Debug)]
pub struct VideoOut {
    pub(crate) sender: VideoSender,
    pub(crate) options: SendOptions,
    pub(crate) live: Arc<VideoTracker>,
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
        let (stopper, live) = (producer.stopper(), Arc::clone(&self.live));
        let send = move |feed: &mut TrackSender, on_sent: &mut dyn FnMut(SentFrame)| {
            let sent = feed.send_frames(&mut producer, on_sent);
            live.damaged(&producer.damage());
            sent
        };
        self.on_thread(stopper, send).await
    }

    /// Sends frames that are encoded in [`VideoOut::codec`] as they are, until they end, on a thread of
    /// its own. Where that cannot go on, because one is too large or they are in no order that can be
    /// sent, what `otherwise` opens is encoded and sent instead.
    ///
    /// `stopper` has to stop both: dropping the future uses it.
    ///
    /// # Errors
    ///
    /// As of [`VideoOut::send_frames`].
    pub async fn forward<P: FrameProducer>(
        self,
        mut encoded: impl EncodedProducer + 'static,
        stopper: Stopper,
        otherwise: impl FnOnce() -> Result<P, CaptureError> + Send + 'static,
    ) -> Result<(), SourceError> {
        let live = Arc::clone(&self.live);
        let send = move |feed: &mut TrackSender, on_sent: &mut dyn FnMut(SentFrame)| {
            let forwarded = feed.forward(&mut encoded, &mut *on_sent);
            live.damaged(&encoded.damage());
            match forwarded {
                Ok(Forwarded::UpToOneTooLarge) => {}
                Err(SendFramesError::Producer(CaptureError::Unsupported { .. })) => {}
                done => return done.map(drop),
            }
            // Many cameras serve few at a time.
            drop(encoded);
            tracing::info!("the video cannot be passed on as it is: it is encoded anew");
            let mut producer = otherwise()?;
            let sent = feed.send_frames(&mut producer, on_sent);
            live.damaged(&producer.damage());
            sent
        };
        self.on_thread(stopper, send).await
    }

    async fn on_thread(
        self,
        stopper: Stopper,
        send: impl FnOnce(&mut TrackSender, &mut dyn FnMut(SentFrame)) -> Result<(), SendFramesError>
        + Send
        + 'static,
    ) -> Result<(), SourceError> {
        let _stop = OnDrop(move || stopper.stop());
        let Self { sender, options, live } = self;
        let sending = tokio::task::spawn_blocking(move || {
            let mut feed = TrackSender::new(sender, options, live.encode_stats().clone());
            send(&mut feed, &mut |frame| live.sent(frame))
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
