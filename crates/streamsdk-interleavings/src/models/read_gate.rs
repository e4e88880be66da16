//! The gate in front of the sockets.

use loom::future::block_on;
use loom::sync::Arc;
use loom::sync::atomic::{AtomicUsize, Ordering};
use loom::thread;
use real_std::future::poll_fn;

use super::model;
use crate::read_gate::ReadGate;

fn closed() -> Arc<ReadGate> {
    let gate = Arc::new(ReadGate::default());
    gate.close();
    gate
}

fn wait(gate: &ReadGate) {
    block_on(poll_fn(|cx| gate.poll_open(cx)));
}

pub fn who_waits_is_woken() {
    model(|| {
        let gate = closed();
        let opening = Arc::clone(&gate);
        let opener = thread::spawn(move || opening.open());
        wait(&gate);
        opener.join().unwrap();
    });
}

pub fn all_who_wait_are_woken() {
    model(|| {
        let gate = closed();
        let waiters = [Arc::clone(&gate), Arc::clone(&gate)];
        let waiters = waiters.map(|gate| thread::spawn(move || wait(&gate)));
        gate.open();
        waiters.into_iter().for_each(|waiter| waiter.join().unwrap());
    });
}

pub fn a_gate_that_closes_once_more_opens_once_more() {
    model(|| {
        let gate = closed();
        let waiting = Arc::clone(&gate);
        let waiter = thread::spawn(move || wait(&waiting));
        gate.open();
        gate.close();
        gate.open();
        waiter.join().unwrap();
    });
}

/// Who goes through sees what was done before it was opened.
pub fn what_was_done_before_is_seen_behind_it() {
    model(|| {
        let (gate, done) = (closed(), Arc::new(AtomicUsize::new(0)));
        let opener = thread::spawn({
            let (gate, done) = (Arc::clone(&gate), Arc::clone(&done));
            move || {
                done.store(1, Ordering::Relaxed);
                gate.open();
            }
        });
        wait(&gate);
        assert_eq!(done.load(Ordering::Relaxed), 1);
        opener.join().unwrap();
    });
}
