//! Waiting for a camera, with a stop handle that ends the wait.

use std::os::fd::{AsFd, OwnedFd};
use std::sync::Arc;
use std::time::Duration;

use rustix::event::{EventfdFlags, PollFd, PollFlags, Timespec, eventfd, poll};
use rustix::io::{Errno, write};

use crate::StopHandle;

/// Becomes readable when the stop handle is called.
pub(super) struct Wakeup {
    fd: Arc<OwnedFd>,
}

/// What was seen of the device.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum PollOutcome {
    /// It has a picture, or nothing yet.
    Ready,
    /// It gives no more.
    Failed,
}

impl Wakeup {
    pub(super) fn new(stop_handle: &StopHandle) -> Result<Self, Errno> {
        let fd = Arc::new(eventfd(0, EventfdFlags::CLOEXEC | EventfdFlags::NONBLOCK)?);
        // A stop handle may be kept for longer than the camera, whose descriptors should not be.
        let woken = Arc::downgrade(&fd);
        stop_handle.on_stop(move || {
            if let Some(fd) = woken.upgrade() {
                // It fails only if it was readable already.
                let _ = write(&*fd, &1_u64.to_ne_bytes());
            }
        });
        Ok(Self { fd })
    }

    /// Waits until the device has something, the stop handle is called, or the time is over.
    pub(super) fn wait(&self, device: impl AsFd, timeout: Duration) -> Result<PollOutcome, Errno> {
        let mut fds = [
            PollFd::new(&device, PollFlags::IN),
            PollFd::from_borrowed_fd(self.fd.as_fd(), PollFlags::IN),
        ];
        // A time too long to be told has no end.
        let timeout = Timespec::try_from(timeout).ok();
        match poll(&mut fds, timeout.as_ref()) {
            Ok(_) => Ok(seen(fds[0].revents())),
            // The caller looks at the time and comes back.
            Err(Errno::INTR) => Ok(PollOutcome::Ready),
            Err(errno) => Err(errno),
        }
    }
}

fn seen(events: PollFlags) -> PollOutcome {
    let trouble = PollFlags::ERR | PollFlags::HUP | PollFlags::NVAL;
    let is_trouble = events.intersects(trouble) && !events.contains(PollFlags::IN);
    if is_trouble { PollOutcome::Failed } else { PollOutcome::Ready }
}

#[cfg(test)]
mod tests {
    use std::time::Instant;

    use super::*;

    #[test]
    fn a_stop_handle_ends_the_wait_and_all_later_ones() {
        let stop_handle = StopHandle::default();
        let wakeup = Wakeup::new(&stop_handle).unwrap();
        // Never becomes readable.
        let device = eventfd(0, EventfdFlags::CLOEXEC).unwrap();
        assert_eq!(wakeup.wait(&device, Duration::from_millis(1)), Ok(PollOutcome::Ready));
        let thread = std::thread::spawn(move || stop_handle.stop());
        let started = Instant::now();
        for _ in 0..2 {
            assert_eq!(wakeup.wait(&device, Duration::MAX), Ok(PollOutcome::Ready));
        }
        assert!(started.elapsed() < Duration::from_secs(10));
        thread.join().unwrap();
    }

    #[test]
    fn a_stop_handle_that_is_kept_keeps_no_descriptor() {
        let stop_handle = StopHandle::default();
        let fd = Arc::downgrade(&Wakeup::new(&stop_handle).unwrap().fd);
        assert!(fd.upgrade().is_none());
        stop_handle.stop();
    }

    #[test]
    fn a_device_with_a_last_picture_is_asked_for_it() {
        assert_eq!(seen(PollFlags::empty()), PollOutcome::Ready);
        assert_eq!(seen(PollFlags::IN | PollFlags::HUP), PollOutcome::Ready);
        assert_eq!(seen(PollFlags::ERR), PollOutcome::Failed);
        assert_eq!(seen(PollFlags::HUP | PollFlags::PRI), PollOutcome::Failed);
    }
}
