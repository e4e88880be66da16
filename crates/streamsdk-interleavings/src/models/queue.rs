//! The queue of frames between two threads, or a thread and a task.

use loom::future::block_on;
use loom::sync::Arc;
use loom::thread;
use real_std::future::poll_fn;
use real_std::time::Duration;
use streamsdk_capture::media::{Frame, PixelFormat};
use streamsdk_capture::{CaptureError, CapturedFrame};

use super::model;
use crate::queue::{Queue, WhenFull};

const FRAMES: u64 = 2;

fn frame(sequence: u64) -> CapturedFrame {
    let pixel = Frame::packed(PixelFormat::Gray8, 1, 1, vec![0]).unwrap();
    CapturedFrame::new(pixel, sequence)
}

/// A queue with room for one frame.
fn queue(when_full: WhenFull) -> Arc<Queue> {
    Arc::new(Queue::new(1, when_full))
}

/// Brings frames from a thread of its own, and the end.
fn bring(queue: &Arc<Queue>) -> thread::JoinHandle<()> {
    let queue = Arc::clone(queue);
    thread::spawn(move || {
        (0..FRAMES).for_each(|number| assert!(queue.push(frame(number)).is_ok()));
        queue.end(CaptureError::EndOfStream);
    })
}

/// What a thread takes, up to the end.
fn take(mut next: impl FnMut() -> Result<CapturedFrame, CaptureError>) -> Vec<CapturedFrame> {
    real_std::iter::from_fn(|| next().ok()).collect()
}

fn numbers(taken: &[CapturedFrame]) -> Vec<u64> {
    taken.iter().map(|frame| frame.sequence).collect()
}

pub fn a_thread_takes_each_frame_in_order() {
    model(|| {
        let queue = queue(WhenFull::Wait);
        let bringer = bring(&queue);
        let taken = take(|| queue.pop(Duration::MAX));
        assert_eq!(numbers(&taken), Vec::from_iter(0..FRAMES));
        bringer.join().unwrap();
    });
}

pub fn a_task_takes_each_frame_in_order() {
    model(|| {
        let queue = queue(WhenFull::Wait);
        let bringer = bring(&queue);
        let taken = take(|| block_on(poll_fn(|cx| queue.poll(cx))));
        assert_eq!(numbers(&taken), Vec::from_iter(0..FRAMES));
        bringer.join().unwrap();
    });
}

/// Where the oldest makes room, each frame is taken or counted as left out.
pub fn what_makes_room_is_counted() {
    model(|| {
        let queue = queue(WhenFull::DropOldest);
        let bringer = bring(&queue);
        let taken = take(|| block_on(poll_fn(|cx| queue.poll(cx))));
        assert_eq!(taken.iter().map(|frame| 1 + frame.dropped).sum::<u64>(), FRAMES);
        bringer.join().unwrap();
    });
}

/// Neither who brings frames nor who takes them is left waiting.
pub fn stopping_ends_both_sides() {
    model(|| {
        let queue = queue(WhenFull::Wait);
        let bringing = Arc::clone(&queue);
        let bringer = thread::spawn(move || {
            (0..FRAMES).all(|number| bringing.push(frame(number)).is_ok());
        });
        let stopping = Arc::clone(&queue);
        let stopper = thread::spawn(move || stopping.stop());
        take(|| queue.pop(Duration::MAX));
        bringer.join().unwrap();
        stopper.join().unwrap();
    });
}
