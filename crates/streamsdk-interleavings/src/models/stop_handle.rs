//! The handle that ends a producer.

use loom::sync::Arc;
use loom::sync::atomic::{AtomicUsize, Ordering};
use loom::thread;
use real_std::time::Duration;

use super::model;
use crate::stop_handle::StopHandle;

pub fn a_wait_ends() {
    model(|| {
        let stop_handle = StopHandle::default();
        let other = stop_handle.clone();
        let stopper = thread::spawn(move || other.stop());
        assert!(stop_handle.wait(Duration::MAX));
        stopper.join().unwrap();
    });
}

pub fn all_waits_end() {
    model(|| {
        let stop_handle = StopHandle::default();
        let waiters = [stop_handle.clone(), stop_handle.clone()];
        let waiters = waiters.map(|handle| thread::spawn(move || handle.wait(Duration::MAX)));
        stop_handle.stop();
        assert!(waiters.into_iter().all(|waiter| waiter.join().unwrap()));
    });
}

/// Two threads stop while a third asks for something to be done then.
pub fn what_is_to_be_done_is_done_once() {
    model(|| {
        let stop_handle = StopHandle::default();
        let done = Arc::new(AtomicUsize::new(0));
        let stoppers = [stop_handle.clone(), stop_handle.clone()];
        let stoppers = stoppers.map(|handle| thread::spawn(move || handle.stop()));
        let counting = Arc::clone(&done);
        stop_handle.on_stop(move || {
            counting.fetch_add(1, Ordering::Relaxed);
        });
        stoppers.into_iter().for_each(|stopper| stopper.join().unwrap());
        assert_eq!(done.load(Ordering::Relaxed), 1);
    });
}
