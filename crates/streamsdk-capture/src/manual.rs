//! Frames that the program itself makes.

use std::fmt;
use std::sync::Arc;
use std::time::{Duration, Instant};

use streamsdk_media::{Frame, TimeBase, Timestamp};
use thiserror::Error;

use crate::queue::{PushError, Queue, WhenFull};
use crate::{CaptureError, CapturedFrame, FrameProducer, ProducerFormat, StopHandle};

/// A sender of frames and the producer that gives them, with a queue of 10 frames between them of
/// which the oldest makes room.
///
/// ```
/// use std::time::Duration;
/// use streamsdk_capture::{CaptureError, FrameProducer, manual};
/// use streamsdk_media::{Frame, PixelFormat};
///
/// let (sender, mut producer) = manual();
/// sender.send(Frame::packed(PixelFormat::Gray8, 2, 2, vec![0; 4])?)?;
/// drop(sender);
///
/// let limit = Duration::from_secs(1);
/// assert_eq!(producer.next_frame(limit)?.frame.width(), 2);
/// assert_eq!(producer.next_frame(limit).unwrap_err(), CaptureError::EndOfStream);
/// # Ok::<(), Box<dyn std::error::Error>>(())
/// ```
pub fn manual() -> (ManualSender, ManualProducer) {
    manual_with(10, WhenFull::DropOldest)
}

/// As [`manual`], with a queue of so many frames, at least one, and another answer to what happens
/// when it is full.
pub fn manual_with(capacity: usize, when_full: WhenFull) -> (ManualSender, ManualProducer) {
    let queue = Arc::new(Queue::new(capacity, when_full));
    let stop_handle = StopHandle::default();
    let stopped = Arc::clone(&queue);
    stop_handle.on_stop(move || stopped.stop());
    let entrance = Entrance { queue: Arc::clone(&queue), started: Instant::now() };
    let sender = ManualSender { entrance: Arc::new(entrance) };
    (sender, ManualProducer { queue, stop_handle, format: None, next_sequence: 0 })
}

/// Sends frames to a [`ManualProducer`]. Clones send to the same one; when the last is dropped, its
/// frames end.
#[derive(Clone)]
pub struct ManualSender {
    entrance: Arc<Entrance>,
}

struct Entrance {
    queue: Arc<Queue>,
    started: Instant,
}

impl ManualSender {
    /// Sends a frame of any format and size. One without a timestamp gets the time since the sender
    /// was made, in microseconds.
    ///
    /// # Errors
    ///
    /// If the frames have ended on either side, or if the queue is full and
    /// [`WhenFull::DropNewest`] was chosen. With [`WhenFull::Wait`] this waits, and gives an error if
    /// the frames end meanwhile.
    pub fn send(&self, frame: Frame) -> Result<(), ManualSendError> {
        let entrance = &self.entrance;
        let timestamp = frame.timestamp().unwrap_or_else(|| since(entrance.started));
        let captured = CapturedFrame::new(frame.at(timestamp), NUMBERED_WHEN_TAKEN);
        entrance.queue.push(captured).map_err(|rejection| match rejection {
            PushError::Full => ManualSendError::Full,
            PushError::Ended => ManualSendError::Ended,
        })
    }

    /// Ends the frames for all clones: the producer gives those that wait, and then
    /// [`EndOfStream`](CaptureError::EndOfStream).
    pub fn end(&self) {
        self.entrance.queue.end(CaptureError::EndOfStream);
    }
}

impl Drop for Entrance {
    fn drop(&mut self) {
        self.queue.end(CaptureError::EndOfStream);
    }
}

fn since(start: Instant) -> Timestamp {
    let micros = i64::try_from(start.elapsed().as_micros()).unwrap_or(i64::MAX);
    Timestamp::new(micros, TimeBase::MICROSECONDS)
}

/// Why a frame could not be sent.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Error)]
#[non_exhaustive]
pub enum ManualSendError {
    /// The frames were ended, or the producer was stopped or dropped.
    #[error("the frames have ended; no more can be sent")]
    Ended,
    /// Nobody takes the frames as fast as they are sent. The frame was left out.
    #[error("the queue of frames is full")]
    Full,
}

/// Gives the frames of a [`ManualSender`]; made by [`manual`].
///
/// Its format is known from the first frame on. Dropping it ends the frames.
pub struct ManualProducer {
    queue: Arc<Queue>,
    stop_handle: StopHandle,
    format: Option<ProducerFormat>,
    next_sequence: u64,
}

impl FrameProducer for ManualProducer {
    fn format(&self) -> Option<&ProducerFormat> {
        self.format.as_ref()
    }

    fn next_frame(&mut self, timeout: Duration) -> Result<CapturedFrame, CaptureError> {
        let mut captured = self.queue.pop(timeout)?;
        captured.sequence = self.next_sequence.saturating_add(captured.dropped);
        self.next_sequence = captured.sequence.saturating_add(1);
        ProducerFormat::follow(&mut self.format, &captured.frame);
        Ok(captured)
    }

    fn stop_handle(&self) -> StopHandle {
        self.stop_handle.clone()
    }
}

impl Drop for ManualProducer {
    fn drop(&mut self) {
        self.queue.stop();
    }
}

impl fmt::Debug for ManualSender {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("ManualSender").finish_non_exhaustive()
    }
}

impl fmt::Debug for ManualProducer {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("ManualProducer").field("format", &self.format).finish_non_exhaustive()
    }
}

/// Only the queue knows in which order the frames of several senders come.
const NUMBERED_WHEN_TAKEN: u64 = 0;
