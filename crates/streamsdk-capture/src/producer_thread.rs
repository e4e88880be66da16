//! A thread that takes a producer's frames for somebody else.

use std::sync::Arc;
use std::thread::{Builder, JoinHandle};
use std::time::Duration;

use crate::queue::Queue;
use crate::{CaptureError, FrameProducer, StopHandle};

/// Ends the producer and waits for its thread when dropped.
pub(crate) struct ProducerThread {
    queue: Arc<Queue>,
    stop_handle: StopHandle,
    thread: Option<JoinHandle<()>>,
}

impl ProducerThread {
    pub(crate) fn start(producer: impl FrameProducer + 'static, queue: Queue) -> Self {
        let stop_handle = producer.stop_handle();
        Self::run(stop_handle, queue, move |queue| take_all(producer, queue))
    }

    /// Runs `work`, which fills the queue until it ends or the stop_handle says so.
    pub(crate) fn run(
        stop_handle: StopHandle,
        queue: Queue,
        work: impl FnOnce(&Queue) + Send + 'static,
    ) -> Self {
        let queue = Arc::new(queue);
        let stopped = Arc::clone(&queue);
        stop_handle.on_stop(move || stopped.stop());
        let ending = EndWithThread(Arc::clone(&queue));
        // If there is no thread to be had, the closure is dropped, and that ends the queue.
        let thread = Builder::new().name("capture".to_owned()).spawn(move || work(&ending.0)).ok();
        Self { queue, stop_handle, thread }
    }

    pub(crate) fn queue(&self) -> &Queue {
        &self.queue
    }

    pub(crate) fn stop_handle(&self) -> StopHandle {
        self.stop_handle.clone()
    }
}

impl Drop for ProducerThread {
    fn drop(&mut self) {
        self.stop_handle.stop();
        if let Some(thread) = self.thread.take() {
            // A panic of the producer was told to the consumer already.
            let _ = thread.join();
        }
    }
}

fn take_all(mut producer: impl FrameProducer, queue: &Queue) {
    loop {
        match producer.next_frame(LOOK_UP_INTERVAL) {
            // A frame for which there was no room is counted.
            Ok(frame) => {
                queue.note(producer.damage());
                drop(queue.push(frame));
            }
            Err(error) if error.is_timeout() => {}
            Err(error) => {
                queue.note(producer.damage());
                return queue.end(error);
            }
        }
    }
}

/// Nobody waits for a thread that is gone.
struct EndWithThread(Arc<Queue>);

impl Drop for EndWithThread {
    fn drop(&mut self) {
        self.0.end(CaptureError::Failed {
            origin: "the producer's thread".to_owned(),
            reason: "it could not be started, or ended without a reason".to_owned(),
        });
    }
}

/// How often those who wait for ever look up. A stop handle ends the wait at once all the same.
pub(crate) const LOOK_UP_INTERVAL: Duration = Duration::from_secs(10);
