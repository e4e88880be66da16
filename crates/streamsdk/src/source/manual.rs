use std::sync::Arc;

use async_trait::async_trait;
use streamsdk_capture::{
    ManualProducer, ManualSender, SendError as QueueError, WhenFull, manual_with,
};
use streamsdk_media::Frame;
use streamsdk_protocol::init::InitRequest;
use streamsdk_transport::VideoDirection;
use thiserror::Error;
use tokio::sync::watch;

use super::{ConnectionShape, SourceError, SourceIo, StreamSource};
use crate::StreamConfig;

/// Frames that wait to be encoded, unless another number is asked for.
const QUEUE: usize = 10;

/// Frames that the program makes itself, sent on a video track.
///
/// ```no_run
/// # async fn example(client: streamsdk::Client, frame: streamsdk::media::Frame) -> Result<(), Box<dyn std::error::Error>> {
/// use streamsdk::{ManualSource, Workflow};
///
/// let (source, sender) = ManualSource::new();
/// let session = client.stream(source).workflow(Workflow::id("workspace", "workflow")).start().await?;
/// sender.send(frame)?;
/// sender.end();
/// # drop(session);
/// # Ok(())
/// # }
/// ```
#[derive(Debug)]
pub struct ManualSource {
    producer: Option<ManualProducer>,
    state: Arc<watch::Sender<State>>,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum State {
    NotStarted,
    Live,
    Ended,
}

impl ManualSource {
    /// A source and the sender of its frames. Ten frames wait to be encoded; when more come, the oldest
    /// is dropped and counted.
    #[allow(clippy::new_ret_no_self, reason = "one is of no use without the other")]
    pub fn new() -> (Self, FrameSender) {
        Self::with_queue(QUEUE, WhenFull::DropOldest)
    }

    /// A source with a queue of that many frames, at least one, and what happens when it is full.
    pub fn with_queue(frames: usize, when_full: WhenFull) -> (Self, FrameSender) {
        let (queue, producer) = manual_with(frames, when_full);
        let state = Arc::new(watch::Sender::new(State::NotStarted));
        let sender = FrameSender { queue, state: state.subscribe() };
        (Self { producer: Some(producer), state }, sender)
    }
}

#[async_trait]
impl StreamSource for ManualSource {
    fn shape(&self, _config: &StreamConfig) -> ConnectionShape {
        ConnectionShape {
            video: Some(VideoDirection::SendAndReceive),
            ..ConnectionShape::default()
        }
    }

    fn init_parameters(&self, _config: &StreamConfig, request: &mut InitRequest) {
        request.manual_mode = true;
    }

    async fn run(&mut self, mut io: SourceIo) -> Result<(), SourceError> {
        let (Some(video), Some(producer)) = (io.take_video(), self.producer.take()) else {
            return Err(SourceError::NoVideo);
        };
        self.state.send_replace(State::Live);
        video.send_frames(producer).await
    }

    async fn clean_up(&mut self) {
        self.state.send_replace(State::Ended);
    }
}

impl Drop for ManualSource {
    fn drop(&mut self) {
        self.state.send_replace(State::Ended);
    }
}

/// Sends frames to a [`ManualSource`]. Clones send to the same one; when the last is dropped, the frames
/// end.
#[derive(Debug, Clone)]
pub struct FrameSender {
    queue: ManualSender,
    state: watch::Receiver<State>,
}

impl FrameSender {
    /// Sends a frame of any format and size. One without a timestamp gets the time at which it was sent.
    ///
    /// `Ok` means queued. Waits for room only if the source was made with [`WhenFull::Wait`]: use it
    /// from a thread then, not from a task.
    ///
    /// # Errors
    ///
    /// Before the session is up, after it or the frames have ended, and when the queue is full and
    /// [`WhenFull::DropNewest`] was chosen.
    pub fn send(&self, frame: Frame) -> Result<(), FrameSendError> {
        match *self.state.borrow() {
            State::NotStarted => return Err(FrameSendError::NotStarted),
            State::Ended => return Err(FrameSendError::Ended),
            State::Live => {}
        }
        self.queue.send(frame).map_err(|error| match error {
            QueueError::Full => FrameSendError::Full,
            _ => FrameSendError::Ended,
        })
    }

    /// Waits until frames can be sent.
    ///
    /// # Errors
    ///
    /// [`FrameSendError::Ended`] if that will not be.
    pub async fn ready(&self) -> Result<(), FrameSendError> {
        let mut state = self.state.clone();
        match state.wait_for(|state| *state != State::NotStarted).await.as_deref() {
            Ok(State::Live) => Ok(()),
            _ => Err(FrameSendError::Ended),
        }
    }

    /// Ends the frames, for all clones. The session goes on until what was sent is answered.
    pub fn end(&self) {
        self.queue.end();
    }
}

/// A frame that was not sent.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Error)]
#[non_exhaustive]
pub enum FrameSendError {
    /// The session is not up yet: [`FrameSender::ready`] waits for it.
    #[error("the session is not up yet")]
    NotStarted,
    /// The frames or the session have ended.
    #[error("the frames or the session have ended")]
    Ended,
    /// Frames come faster than they are encoded. The frame was left out.
    #[error("the queue of frames is full")]
    Full,
}

#[cfg(test)]
mod tests {
    use streamsdk_media::PixelFormat;

    use super::*;

    fn frame() -> Frame {
        Frame::packed(PixelFormat::Gray8, 2, 2, vec![0; 4]).unwrap()
    }

    #[tokio::test]
    async fn sending_before_the_start_and_after_the_end_is_told_apart() {
        let (source, sender) = ManualSource::new();
        assert_eq!(sender.send(frame()), Err(FrameSendError::NotStarted));
        source.state.send_replace(State::Live);
        sender.ready().await.unwrap();
        sender.send(frame()).unwrap();
        drop(source);
        assert_eq!(sender.send(frame()), Err(FrameSendError::Ended));
        assert_eq!(sender.ready().await, Err(FrameSendError::Ended));
    }

    #[test]
    fn a_full_queue_is_an_error_only_where_the_newest_is_dropped() {
        let (source, sender) = ManualSource::with_queue(1, WhenFull::DropNewest);
        source.state.send_replace(State::Live);
        sender.send(frame()).unwrap();
        assert_eq!(sender.send(frame()), Err(FrameSendError::Full));
        let (source, sender) = ManualSource::new();
        source.state.send_replace(State::Live);
        (0..20).for_each(|_| sender.send(frame()).unwrap());
    }
}
