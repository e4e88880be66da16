//! Ending a producer from another thread.

use std::fmt;
use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::{Arc, Condvar, Mutex};
use std::time::Duration;

use crate::queue::lock;

/// Ends a producer's frames, from any thread, once and for all. Clones end the same producer.
///
/// Whoever writes a producer makes one with [`StopHandle::default`], looks at it where it waits, and
/// gives out clones:
///
/// ```
/// use std::time::Duration;
/// use streamsdk_capture::StopHandle;
///
/// let stop_handle = StopHandle::default();
/// let other = stop_handle.clone();
/// std::thread::spawn(move || other.stop());
/// assert!(stop_handle.wait(Duration::from_secs(60)));
/// ```
#[derive(Clone, Default)]
pub struct StopHandle {
    shared: Arc<StopState>,
}

#[derive(Default)]
struct StopState {
    is_stopped: AtomicBool,
    hooks: Mutex<Vec<Hook>>,
    changed: Condvar,
}

type Hook = Box<dyn FnOnce() + Send>;

impl StopHandle {
    /// Ends the producer. A running [`next_frame`](crate::FrameProducer::next_frame) returns
    /// [`Stopped`](crate::CaptureError::Stopped), and so does every later one.
    pub fn stop(&self) {
        let hooks = {
            let mut hooks = lock(&self.shared.hooks);
            self.shared.is_stopped.store(true, Ordering::SeqCst);
            std::mem::take(&mut *hooks)
        };
        self.shared.changed.notify_all();
        hooks.into_iter().for_each(|hook| hook());
    }

    /// Whether [`StopHandle::stop`] was called.
    pub fn is_stopped(&self) -> bool {
        self.shared.is_stopped.load(Ordering::SeqCst)
    }

    /// Waits for so long, or until [`StopHandle::stop`]; says whether it was called.
    pub fn wait(&self, timeout: Duration) -> bool {
        let hooks = lock(&self.shared.hooks);
        let waited = self.shared.changed.wait_timeout_while(hooks, timeout, |_| !self.is_stopped());
        drop(waited);
        self.is_stopped()
    }

    /// Has something done by [`StopHandle::stop`], on its thread: for producers that wait elsewhere than
    /// in [`StopHandle::wait`]. It is done right away if that was called already.
    pub fn on_stop(&self, hook: impl FnOnce() + Send + 'static) {
        let mut hooks = lock(&self.shared.hooks);
        if self.is_stopped() {
            drop(hooks);
            hook();
        } else {
            hooks.push(Box::new(hook));
        }
    }
}

impl fmt::Debug for StopHandle {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("StopHandle").field("is_stopped", &self.is_stopped()).finish_non_exhaustive()
    }
}

#[cfg(test)]
mod tests {
    use std::sync::mpsc::channel;

    use super::*;

    #[test]
    fn stopping_ends_a_wait_and_all_later_ones() {
        let stop_handle = StopHandle::default();
        assert!(!stop_handle.wait(Duration::from_millis(1)));
        let waiting = stop_handle.clone();
        let thread = std::thread::spawn(move || waiting.wait(Duration::MAX));
        stop_handle.stop();
        assert!(thread.join().unwrap());
        assert!(stop_handle.wait(Duration::MAX));
    }

    #[test]
    fn what_is_to_be_done_is_done_once_before_or_after() {
        let (sender, done) = channel();
        let stop_handle = StopHandle::default();
        let first = sender.clone();
        stop_handle.on_stop(move || first.send("before").unwrap());
        assert!(done.try_recv().is_err());
        stop_handle.stop();
        stop_handle.stop();
        stop_handle.on_stop(move || sender.send("after").unwrap());
        assert_eq!(done.iter().collect::<Vec<_>>(), ["before", "after"]);
    }
}
