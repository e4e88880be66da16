//! Producers behind the adapters, and frames that the program sends itself.
#![allow(clippy::unwrap_used)]

use std::pin::Pin;
use std::sync::mpsc::{Receiver, Sender, channel};
use std::task::{Context, Poll, Wake, Waker};
use std::time::Duration;

use futures_core::Stream;
use streamsdk_capture::{
    CaptureError, CapturedFrame, Damage, FrameProducer, FrameStream, ManualSendError,
    ProducerFormat, StopHandle, TestPattern, WhenFull, manual, manual_with,
};
use streamsdk_media::{Frame, PixelFormat, TimeBase, Timestamp};

const SECOND: Duration = Duration::from_secs(1);
const LONG: Duration = Duration::from_secs(30);

/// Gives a frame for every permission, and says when it was asked for one.
struct Gated {
    permissions: Receiver<()>,
    asked: Sender<()>,
    stop_handle: StopHandle,
    next: u64,
}

fn gated() -> (Gated, Sender<()>, Receiver<()>) {
    let (allow, permissions) = channel();
    let (asked, questions) = channel();
    (Gated { permissions, asked, stop_handle: StopHandle::default(), next: 0 }, allow, questions)
}

impl FrameProducer for Gated {
    fn format(&self) -> Option<&ProducerFormat> {
        None
    }

    fn next_frame(&mut self, timeout: Duration) -> Result<CapturedFrame, CaptureError> {
        let _ = self.asked.send(());
        self.permissions.recv_timeout(LONG.min(timeout)).map_err(|_| CaptureError::EndOfStream)?;
        let number = self.next;
        self.next += 1;
        Ok(CapturedFrame::new(gray(number as u32 + 1), number))
    }

    fn stop_handle(&self) -> StopHandle {
        self.stop_handle.clone()
    }
}

fn gray(width: u32) -> Frame {
    Frame::packed(PixelFormat::Gray8, width, 1, vec![0; width as usize]).unwrap()
}

fn pattern(frames: u64) -> TestPattern {
    TestPattern::new(16, 16, 30.0).paced(false).limit(frames)
}

fn numbers(captured: &CapturedFrame) -> (u64, u64) {
    (captured.sequence, captured.dropped)
}

#[test]
fn an_iterator_gives_every_frame_and_ends_without_an_error() {
    let mut frames = pattern(3).frames();
    let taken: Vec<_> = frames.by_ref().map(|frame| numbers(&frame.unwrap())).collect();
    assert_eq!(taken, [(0, 0), (1, 0), (2, 0)]);
    assert!(frames.next().is_none());
    let boxed: Box<dyn FrameProducer> = Box::new(pattern(2));
    assert_eq!(boxed.frames().count(), 2);
    let mut kept = pattern(2);
    assert_eq!((&mut kept).frames().take(1).count(), 1);
    assert_eq!(kept.frames().count(), 1);
}

#[test]
fn the_newest_frame_is_kept_and_the_others_are_counted() {
    let (producer, allow, questions) = gated();
    let mut latest = producer.latest();
    assert_eq!(latest.format(), None);
    assert!(latest.next_frame(Duration::ZERO).unwrap_err().is_timeout());
    (0..5).for_each(|_| allow.send(()).unwrap());
    // The sixth question comes when five frames were given.
    (0..6).for_each(|_| questions.recv_timeout(LONG).unwrap());
    assert_eq!(numbers(&latest.next_frame(LONG).unwrap()), (4, 4));
    assert_eq!(latest.format().map(|format| format.width), Some(5));
    allow.send(()).unwrap();
    assert_eq!(numbers(&latest.next_frame(LONG).unwrap()), (5, 0));
    drop(allow);
    assert_eq!(latest.next_frame(LONG).unwrap_err(), CaptureError::EndOfStream);
    assert_eq!(latest.next_frame(LONG).unwrap_err(), CaptureError::EndOfStream);
}

/// Gives two frames and breaks off, each with more damage than before.
struct Damaged {
    frames: u32,
    stop_handle: StopHandle,
}

fn damaged() -> Damaged {
    Damaged { frames: 0, stop_handle: StopHandle::default() }
}

fn broken() -> CaptureError {
    CaptureError::Disconnected { origin: "a camera".to_owned(), reason: "it is gone".to_owned() }
}

impl FrameProducer for Damaged {
    fn format(&self) -> Option<&ProducerFormat> {
        None
    }

    fn next_frame(&mut self, _: Duration) -> Result<CapturedFrame, CaptureError> {
        self.frames += 1;
        let frame = || CapturedFrame::new(gray(self.frames), u64::from(self.frames));
        (self.frames < 3).then(frame).ok_or_else(broken)
    }

    fn stop_handle(&self) -> StopHandle {
        self.stop_handle.clone()
    }

    fn damage(&self) -> Damage {
        let mut damage = Damage::default();
        damage.concealed_frames = self.frames.into();
        damage
    }
}

#[test]
fn a_queue_gives_every_frame_and_then_what_the_producer_ended_with() {
    let mut buffered = pattern(100).buffered(2, WhenFull::Wait);
    for number in 0..100 {
        assert_eq!(numbers(&buffered.next_frame(LONG).unwrap()), (number, 0));
    }
    assert_eq!(buffered.next_frame(LONG).unwrap_err(), CaptureError::EndOfStream);
    assert_eq!(buffered.format().map(|format| format.width), Some(16));

    let mut buffered = damaged().buffered(5, WhenFull::DropNewest);
    (0..2).for_each(|_| drop(buffered.next_frame(LONG).unwrap()));
    for _ in 0..2 {
        assert_eq!(buffered.next_frame(LONG).unwrap_err(), broken());
    }
}

#[test]
fn damage_is_known_behind_every_adapter() {
    let ended: [Box<dyn FrameProducer>; 4] = [
        Box::new(damaged()),
        Box::new(damaged().latest()),
        Box::new(damaged().buffered(1, WhenFull::Wait)),
        Box::new(damaged().latest().buffered(3, WhenFull::Wait)),
    ];
    for mut producer in ended {
        while producer.next_frame(LONG).is_ok() {}
        assert_eq!(producer.damage().concealed_frames, 3);
        let borrowed = &mut producer;
        assert_eq!(borrowed.frames().damage().concealed_frames, 3);
    }
    let mut frames = damaged().frames();
    while frames.next().is_some_and(|frame| frame.is_ok()) {}
    assert_eq!(frames.damage().concealed_frames, 3);
    let mut stream = damaged().into_stream(1, WhenFull::Wait);
    while next(&mut stream).is_some_and(|frame| frame.is_ok()) {}
    assert_eq!(stream.damage().concealed_frames, 3);
}

#[test]
fn stopping_and_dropping_the_newest_frame_end_its_producer() {
    let mut latest = TestPattern::new(16, 16, 0.01).latest();
    latest.next_frame(LONG).unwrap();
    let stop_handle = latest.stop_handle();
    let waiting = std::thread::spawn(move || latest.next_frame(LONG).map(drop));
    stop_handle.stop();
    assert_eq!(waiting.join().unwrap(), Err(CaptureError::Stopped));

    let latest = TestPattern::new(16, 16, 0.01).latest();
    let stop_handle = latest.stop_handle();
    drop(latest);
    assert!(stop_handle.is_stopped());
}

#[test]
fn a_producer_that_panics_is_an_error_and_not_a_wait_for_ever() {
    struct Panics(StopHandle);
    impl FrameProducer for Panics {
        fn format(&self) -> Option<&ProducerFormat> {
            None
        }
        fn next_frame(&mut self, _: Duration) -> Result<CapturedFrame, CaptureError> {
            panic!("as this test wants it")
        }
        fn stop_handle(&self) -> StopHandle {
            self.0.clone()
        }
    }
    let error = Panics(StopHandle::default()).latest().next_frame(LONG).unwrap_err();
    assert!(matches!(error, CaptureError::Failed { .. }), "{error}");
}

/// Tells when it was woken.
struct ChannelWaker(Sender<()>);

impl Wake for ChannelWaker {
    fn wake(self: std::sync::Arc<Self>) {
        let _ = self.0.send(());
    }
}

/// The next item, waiting only when the stream says so.
fn next(stream: &mut FrameStream) -> Option<Result<CapturedFrame, CaptureError>> {
    let (sender, woken) = channel();
    let waker = Waker::from(std::sync::Arc::new(ChannelWaker(sender)));
    let mut context = Context::from_waker(&waker);
    loop {
        match Pin::new(&mut *stream).poll_next(&mut context) {
            Poll::Ready(item) => return item,
            Poll::Pending => woken.recv_timeout(LONG).unwrap(),
        }
    }
}

#[test]
fn a_stream_that_waits_gives_every_frame_and_wakes_its_task() {
    let mut stream = pattern(100).into_stream(2, WhenFull::Wait);
    for number in 0..100 {
        assert_eq!(numbers(&next(&mut stream).unwrap().unwrap()), (number, 0));
    }
    assert!(next(&mut stream).is_none());
    assert!(next(&mut stream).is_none());
}

#[test]
fn a_stream_that_is_full_leaves_out_the_newest_or_the_oldest() {
    for (when_full, expected) in [
        (WhenFull::DropOldest, [(3, 3), (4, 0), (5, 0)]),
        (WhenFull::DropNewest, [(0, 0), (1, 0), (5, 3)]),
    ] {
        let (producer, allow, questions) = gated();
        let mut stream = producer.into_stream(2, when_full);
        (0..5).for_each(|_| allow.send(()).unwrap());
        (0..6).for_each(|_| questions.recv_timeout(LONG).unwrap());
        let mut taken: Vec<_> =
            (0..2).map(|_| numbers(&next(&mut stream).unwrap().unwrap())).collect();
        allow.send(()).unwrap();
        taken.push(numbers(&next(&mut stream).unwrap().unwrap()));
        assert_eq!(taken, expected, "{when_full:?}");
        // Lets the producer end, which knows no stop handle while it waits for a permission.
        drop(allow);
    }
}

#[test]
fn dropping_a_full_stream_does_not_wait_for_room() {
    let stream = pattern(u64::MAX).into_stream(1, WhenFull::Wait);
    let stop_handle = stream.stop_handle();
    drop(stream);
    assert!(stop_handle.is_stopped());
}

#[test]
fn sent_frames_come_out_in_order_with_their_timestamps() {
    let (sender, mut producer) = manual();
    assert_eq!(producer.format(), None);
    let stamp = Timestamp::new(7, TimeBase::MILLISECONDS);
    sender.send(gray(3).at(stamp)).unwrap();
    sender.clone().send(gray(4)).unwrap();
    let first = producer.next_frame(SECOND).unwrap();
    let second = producer.next_frame(SECOND).unwrap();
    assert_eq!((numbers(&first), first.frame.timestamp()), ((0, 0), Some(stamp)));
    assert_eq!(numbers(&second), (1, 0));
    assert_eq!(second.frame.timestamp().unwrap().time_base, TimeBase::MICROSECONDS);
    assert_eq!(producer.format().map(|format| format.width), Some(4));
    assert!(producer.next_frame(Duration::ZERO).unwrap_err().is_timeout());
}

#[test]
fn a_full_queue_drops_the_oldest_or_refuses_or_waits() {
    let (sender, mut producer) = manual();
    (1..=12).for_each(|width| sender.send(gray(width)).unwrap());
    let oldest = producer.next_frame(SECOND).unwrap();
    assert_eq!((numbers(&oldest), oldest.frame.width()), ((2, 2), 3));

    let (sender, mut producer) = manual_with(1, WhenFull::DropNewest);
    sender.send(gray(1)).unwrap();
    assert_eq!(sender.send(gray(2)), Err(ManualSendError::Full));
    assert_eq!(producer.next_frame(SECOND).unwrap().frame.width(), 1);
    sender.send(gray(3)).unwrap();
    assert_eq!(numbers(&producer.next_frame(SECOND).unwrap()), (2, 1));

    let (sender, mut producer) = manual_with(1, WhenFull::Wait);
    let sending = std::thread::spawn(move || {
        (1..=3).map(|width| sender.send(gray(width))).collect::<Vec<_>>()
    });
    let taken = (0..3).map(|_| numbers(&producer.next_frame(LONG).unwrap()));
    assert_eq!(taken.collect::<Vec<_>>(), [(0, 0), (1, 0), (2, 0)]);
    assert_eq!(sending.join().unwrap(), [Ok(()); 3]);
}

#[test]
fn after_the_end_nothing_can_be_sent() {
    let (sender, mut producer) = manual();
    sender.send(gray(1)).unwrap();
    sender.end();
    assert_eq!(sender.send(gray(2)), Err(ManualSendError::Ended));
    assert!(producer.next_frame(SECOND).is_ok());
    assert_eq!(producer.next_frame(SECOND).unwrap_err(), CaptureError::EndOfStream);

    let (sender, mut producer) = manual();
    sender.send(gray(1)).unwrap();
    producer.stop_handle().stop();
    assert_eq!(producer.next_frame(SECOND).unwrap_err(), CaptureError::Stopped);
    assert_eq!(sender.send(gray(2)), Err(ManualSendError::Ended));

    let (sender, producer) = manual_with(1, WhenFull::Wait);
    sender.send(gray(1)).unwrap();
    let waiting = std::thread::spawn(move || sender.send(gray(2)));
    drop(producer);
    assert_eq!(waiting.join().unwrap(), Err(ManualSendError::Ended));
}
