//! Other ways to take a producer's frames: one after another, through a queue, the newest, asynchronously.

use std::fmt;
use std::iter::FusedIterator;
use std::pin::Pin;
use std::task::{Context, Poll, ready};
use std::time::Duration;

use futures_core::Stream;
use futures_core::stream::FusedStream;

use crate::producer_thread::{LOOK_UP_INTERVAL, ProducerThread};
use crate::queue::{Queue, WhenFull};
use crate::{CaptureError, CapturedFrame, Damage, FrameProducer, ProducerFormat, StopHandle};

/// The frames of a producer, one after another; made by [`FrameProducer::frames`].
///
/// Ends without an error where the frames end or the producer is stopped, and after any error.
#[derive(Debug)]
pub struct Frames<P> {
    producer: P,
    has_ended: bool,
}

impl<P: FrameProducer> Frames<P> {
    pub(crate) fn new(producer: P) -> Self {
        Self { producer, has_ended: false }
    }

    /// As [`FrameProducer::damage`].
    pub fn damage(&self) -> Damage {
        self.producer.damage()
    }
}

impl<P: FrameProducer> Iterator for Frames<P> {
    type Item = Result<CapturedFrame, CaptureError>;

    fn next(&mut self) -> Option<Self::Item> {
        while !self.has_ended {
            match self.producer.next_frame(LOOK_UP_INTERVAL) {
                Err(error) if error.is_timeout() => {}
                next => {
                    self.has_ended = next.is_err();
                    return unless_end(next);
                }
            }
        }
        None
    }
}

impl<P: FrameProducer> FusedIterator for Frames<P> {}

/// The frames of a producer that a thread takes and puts into a queue; made by
/// [`FrameProducer::buffered`].
///
/// Gives the frames that wait before it ends, with the error that the producer ended with. Dropping this
/// ends the producer and waits for its thread.
pub struct Buffered {
    thread: ProducerThread,
    format: Option<ProducerFormat>,
}

/// The newest frame of a producer; made by [`FrameProducer::latest`].
///
/// Frames that nobody took in time are counted as dropped. Dropping this ends the producer and waits
/// for its thread.
pub struct Latest(Buffered);

impl Buffered {
    pub(crate) fn new(
        producer: impl FrameProducer + 'static,
        capacity: usize,
        when_full: WhenFull,
    ) -> Self {
        let format = producer.format().copied();
        Self::of(ProducerThread::start(producer, Queue::new(capacity, when_full)), format)
    }

    /// The frames that a thread puts into a queue.
    pub(crate) fn of(thread: ProducerThread, format: Option<ProducerFormat>) -> Self {
        Self { thread, format }
    }
}

impl Latest {
    pub(crate) fn new(producer: impl FrameProducer + 'static) -> Self {
        Self(Buffered::new(producer, 1, WhenFull::DropOldest))
    }
}

impl FrameProducer for Buffered {
    fn format(&self) -> Option<&ProducerFormat> {
        self.format.as_ref()
    }

    fn next_frame(&mut self, timeout: Duration) -> Result<CapturedFrame, CaptureError> {
        let captured = self.thread.queue().pop(timeout)?;
        ProducerFormat::follow(&mut self.format, &captured.frame);
        Ok(captured)
    }

    fn stop_handle(&self) -> StopHandle {
        self.thread.stop_handle()
    }

    fn damage(&self) -> Damage {
        self.thread.queue().damage()
    }
}

impl FrameProducer for Latest {
    fn format(&self) -> Option<&ProducerFormat> {
        self.0.format()
    }

    fn next_frame(&mut self, timeout: Duration) -> Result<CapturedFrame, CaptureError> {
        self.0.next_frame(timeout)
    }

    fn stop_handle(&self) -> StopHandle {
        self.0.stop_handle()
    }

    fn damage(&self) -> Damage {
        self.0.damage()
    }
}

impl fmt::Debug for Buffered {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Buffered").field("format", &self.format).finish_non_exhaustive()
    }
}

impl fmt::Debug for Latest {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Latest").field("format", &self.0.format).finish_non_exhaustive()
    }
}

/// The frames of a producer for asynchronous programs; made by [`FrameProducer::into_stream`].
///
/// Ends like [`Frames`]. Dropping this ends the producer and waits for its thread, which takes as long
/// as the producer takes to stop.
pub struct FrameStream {
    thread: ProducerThread,
    has_ended: bool,
}

impl FrameStream {
    pub(crate) fn new(
        producer: impl FrameProducer + 'static,
        capacity: usize,
        when_full: WhenFull,
    ) -> Self {
        let thread = ProducerThread::start(producer, Queue::new(capacity, when_full));
        Self { thread, has_ended: false }
    }

    /// Ends the stream from elsewhere.
    pub fn stop_handle(&self) -> StopHandle {
        self.thread.stop_handle()
    }

    /// As [`FrameProducer::damage`].
    pub fn damage(&self) -> Damage {
        self.thread.queue().damage()
    }
}

impl Stream for FrameStream {
    type Item = Result<CapturedFrame, CaptureError>;

    fn poll_next(mut self: Pin<&mut Self>, context: &mut Context<'_>) -> Poll<Option<Self::Item>> {
        if self.has_ended {
            return Poll::Ready(None);
        }
        let next = ready!(self.thread.queue().poll(context));
        self.has_ended = next.is_err();
        Poll::Ready(unless_end(next))
    }
}

impl FusedStream for FrameStream {
    fn is_terminated(&self) -> bool {
        self.has_ended
    }
}

impl fmt::Debug for FrameStream {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("FrameStream").field("has_ended", &self.has_ended).finish_non_exhaustive()
    }
}

fn unless_end(
    next: Result<CapturedFrame, CaptureError>,
) -> Option<Result<CapturedFrame, CaptureError>> {
    match next {
        Err(error) if error.is_end() => None,
        next => Some(next),
    }
}
