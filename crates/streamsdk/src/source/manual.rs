use std::sync::{Arc, Condvar, Mutex, MutexGuard, PoisonError};
use std::time::Duration;

use async_trait::async_trait;
use streamsdk_capture::{ManualSendError as QueueError, ManualSender, WhenFull, manual_with};
use streamsdk_media::{Frame, InvalidFrame};
use streamsdk_protocol::init::InitRequest;
use streamsdk_transport::VideoDirection;
use tokio::sync::Notify;

use super::{
    AfterBreak, ConnectionRequirements, FrameFeed, FrameSendError, SourceError, SourceIo,
    StreamSource,
};
use crate::config::StreamConfig;

/// Frames that wait to be encoded, unless another number is asked for.
const QUEUE: usize = 10;

/// Frames that the program makes itself, sent on a video track.
///
/// ```no_run
/// # async fn example(client: streamsdk::Client, frame: streamsdk::Frame) -> Result<(), Box<dyn std::error::Error>> {
/// use streamsdk::{ManualSource, Workflow};
///
/// let (source, sender) = ManualSource::new();
/// let session = client.stream(source).workflow(Workflow::id("workspace", "workflow")).start().await?;
/// sender.send(frame)?; // could come before, and would wait for the session
/// sender.end();
/// # drop(session);
/// # Ok(())
/// # }
/// ```
#[derive(Debug)]
pub struct ManualSource {
    feed: FrameFeed,
    stage: Arc<SharedStage>,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
enum Stage {
    #[default]
    NotStarted,
    Live,
    Ended,
}

/// Where a source is, for threads and for tasks that wait for it.
#[derive(Debug, Default)]
struct SharedStage {
    stage: Mutex<Stage>,
    for_threads: Condvar,
    for_tasks: Notify,
}

impl SharedStage {
    fn enter(&self, stage: Stage) {
        *self.lock() = stage;
        self.for_threads.notify_all();
        self.for_tasks.notify_waiters();
    }

    async fn started(&self) -> Stage {
        loop {
            let changed = self.for_tasks.notified();
            match *self.lock() {
                Stage::NotStarted => {}
                stage => return stage,
            }
            changed.await;
        }
    }

    fn started_within(&self, limit: Duration) -> Stage {
        let not_started = |stage: &mut Stage| *stage == Stage::NotStarted;
        let waited = self.for_threads.wait_timeout_while(self.lock(), limit, not_started);
        *waited.unwrap_or_else(PoisonError::into_inner).0
    }

    fn lock(&self) -> MutexGuard<'_, Stage> {
        self.stage.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl ManualSource {
    /// A source and the sender of its frames. Ten frames wait for the session, and later to be encoded; when
    /// more come, the oldest is dropped and counted.
    #[allow(clippy::new_ret_no_self, reason = "one is of no use without the other")]
    pub fn new() -> (Self, FrameSender) {
        Self::with_queue(QUEUE, WhenFull::DropOldest)
    }

    /// A source with a queue of that many frames, at least one, and what happens when it is full.
    pub fn with_queue(frames: usize, when_full: WhenFull) -> (Self, FrameSender) {
        let (queue, producer) = manual_with(frames, when_full);
        let stage = Arc::<SharedStage>::default();
        let sender = FrameSender { queue, stage: Arc::clone(&stage) };
        (Self { feed: FrameFeed::new(producer), stage }, sender)
    }
}

#[async_trait]
impl StreamSource for ManualSource {
    fn requirements(&self, _config: &StreamConfig) -> ConnectionRequirements {
        ConnectionRequirements::default().video(VideoDirection::SendAndReceive)
    }

    fn init_parameters(&self, _config: &StreamConfig, request: &mut InitRequest) {
        request.manual_mode = true;
    }

    async fn run(&mut self, mut io: SourceIo) -> Result<(), SourceError> {
        let video = io.take_video().ok_or(SourceError::NoVideo)?;
        self.stage.enter(Stage::Live);
        video.send(&mut self.feed).await
    }

    fn after_break(&self) -> AfterBreak {
        self.feed.after_break()
    }

    async fn clean_up(&mut self) {
        self.stage.enter(Stage::Ended);
        self.feed.stop();
    }
}

impl Drop for ManualSource {
    fn drop(&mut self) {
        self.stage.enter(Stage::Ended);
    }
}

/// Sends frames to a [`ManualSource`]. Clones send to the same one; when the last is dropped, the frames
/// end.
#[derive(Debug, Clone)]
pub struct FrameSender {
    queue: ManualSender,
    stage: Arc<SharedStage>,
}

impl FrameSender {
    /// Sends a frame of any format and size, or what one can be made of: with the feature `image` the images of
    /// that crate, with `ndarray` arrays of height by width by channels. One without a timestamp gets the time
    /// at which it was sent.
    ///
    /// `Ok` means queued: before the session is up, for the session. Waits for room only if the source was
    /// made with [`WhenFull::Wait`]: use it from a thread then, not from a task.
    ///
    /// # Errors
    ///
    /// After the session or the frames have ended, and when the queue is full and
    /// [`WhenFull::DropNewest`] was chosen. [`FrameSendError::NoFrame`] if no frame can be made of it.
    pub fn send<F>(&self, frame: F) -> Result<(), FrameSendError>
    where
        F: TryInto<Frame, Error: Into<InvalidFrame>>,
    {
        if *self.stage.lock() == Stage::Ended {
            return Err(FrameSendError::Ended);
        }
        let frame = frame.try_into().map_err(|error| FrameSendError::NoFrame(error.into()))?;
        self.queue.send(frame).map_err(|error| match error {
            QueueError::Full => FrameSendError::Full,
            _ => FrameSendError::Ended,
        })
    }

    /// Waits until the session is up, and takes frames as they are sent.
    ///
    /// # Errors
    ///
    /// [`FrameSendError::Ended`] if that will not be.
    pub async fn ready(&self) -> Result<(), FrameSendError> {
        match self.stage.started().await {
            Stage::Live => Ok(()),
            _ => Err(FrameSendError::Ended),
        }
    }

    /// As [`FrameSender::ready`], for threads: blocks for at most `limit`.
    ///
    /// # Errors
    ///
    /// [`FrameSendError::Ended`] if the session will not come, [`FrameSendError::NotReady`] if it did not
    /// come in time.
    pub fn blocking_ready(&self, limit: Duration) -> Result<(), FrameSendError> {
        match self.stage.started_within(limit) {
            Stage::Live => Ok(()),
            Stage::NotStarted => Err(FrameSendError::NotReady),
            Stage::Ended => Err(FrameSendError::Ended),
        }
    }

    /// Ends the frames, for all clones. The session goes on until what was sent is answered.
    pub fn end(&self) {
        self.queue.end();
    }
}

#[cfg(test)]
mod tests {
    use streamsdk_media::PixelFormat;

    use super::*;

    fn frame() -> Frame {
        Frame::packed(PixelFormat::Gray8, 2, 2, vec![0; 4]).unwrap()
    }

    #[tokio::test]
    async fn frames_wait_for_the_session_and_are_refused_after_it() {
        let (source, sender) = ManualSource::new();
        sender.send(frame()).unwrap();
        let moment = Duration::from_millis(1);
        assert_eq!(sender.blocking_ready(moment), Err(FrameSendError::NotReady));
        source.stage.enter(Stage::Live);
        sender.ready().await.unwrap();
        sender.blocking_ready(moment).unwrap();
        sender.send(frame()).unwrap();
        drop(source);
        assert_eq!(sender.send(frame()), Err(FrameSendError::Ended));
        assert_eq!(sender.ready().await, Err(FrameSendError::Ended));
        assert_eq!(sender.blocking_ready(moment), Err(FrameSendError::Ended));
    }

    #[tokio::test]
    async fn threads_and_tasks_that_wait_for_the_session_learn_that_it_is_up() {
        let (source, sender) = ManualSource::new();
        let thread = std::thread::spawn({
            let sender = sender.clone();
            move || sender.blocking_ready(Duration::from_secs(60))
        });
        let task = tokio::spawn(async move { sender.ready().await });
        tokio::task::yield_now().await;
        source.stage.enter(Stage::Live);
        task.await.unwrap().unwrap();
        thread.join().unwrap().unwrap();
    }

    #[test]
    fn what_a_frame_can_be_made_of_is_sent_and_what_is_none_is_a_typed_error() {
        struct Pixels(Vec<u8>);
        impl TryFrom<Pixels> for Frame {
            type Error = InvalidFrame;
            fn try_from(Pixels(data): Pixels) -> Result<Self, InvalidFrame> {
                Self::packed(PixelFormat::Gray8, 2, 2, data)
            }
        }
        let (_source, sender) = ManualSource::new();
        sender.send(Pixels(vec![0; 4])).unwrap();
        let error = InvalidFrame::Length { plane: 0, expected: 4, actual: 3 };
        assert_eq!(sender.send(Pixels(vec![0; 3])), Err(FrameSendError::NoFrame(error)));
    }

    #[test]
    fn a_full_queue_is_an_error_only_where_the_newest_is_dropped() {
        let (_source, sender) = ManualSource::with_queue(1, WhenFull::DropNewest);
        sender.send(frame()).unwrap();
        assert_eq!(sender.send(frame()), Err(FrameSendError::Full));
        let (_source, sender) = ManualSource::new();
        (0..20).for_each(|_| sender.send(frame()).unwrap());
    }
}
