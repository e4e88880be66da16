use std::sync::{Arc, OnceLock};
use std::time::Duration;

use streamsdk_capture::{
    CaptureError, CapturedFrame, FrameProducer, ManualProducer, ManualSender, ProducerFormat,
    Stopper, WhenFull, manual_with,
};
use tokio_util::task::TaskTracker;

/// Frames that a thread brings while the pipeline is busy. Dropping them ends the thread.
pub(super) struct Brought {
    frames: ManualProducer,
    stopper: Stopper,
    end: Arc<OnceLock<CaptureError>>,
}

impl Brought {
    /// Runs `bring` on a thread until it returns why there are no more frames. It has to return soon
    /// after `stopper` was stopped; sending then fails.
    pub(super) fn start(
        threads: &TaskTracker,
        (capacity, when_full): (usize, WhenFull),
        stopper: Stopper,
        bring: impl FnOnce(&ManualSender) -> CaptureError + Send + 'static,
    ) -> Self {
        let (sender, frames) = manual_with(capacity, when_full);
        let queue = frames.stopper();
        stopper.on_stop(move || queue.stop());
        let end = Arc::new(OnceLock::new());
        let ended = Arc::clone(&end);
        threads.spawn_blocking(move || {
            // Set before the sender is dropped, which ends the queue.
            let _ = ended.set(bring(&sender));
        });
        Self { frames, stopper, end }
    }
}

impl FrameProducer for Brought {
    fn format(&self) -> Option<&ProducerFormat> {
        self.frames.format()
    }

    fn next_frame(&mut self, timeout: Duration) -> Result<CapturedFrame, CaptureError> {
        self.frames.next_frame(timeout).map_err(|error| match error {
            CaptureError::EndOfStream => self.end.get().cloned().unwrap_or(error),
            error => error,
        })
    }

    fn stopper(&self) -> Stopper {
        self.stopper.clone()
    }
}

impl Drop for Brought {
    fn drop(&mut self) {
        self.stopper.stop();
    }
}
