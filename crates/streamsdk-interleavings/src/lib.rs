//! What threads share in other crates, run through every order in which the threads may come.
//!
//! The files are those of the crates, as they are. What they take from `std` is this crate, whose `sync` is that of loom.
//! Loom runs a model once for each order that can make a difference, weak memory included, and fails it when all its
//! threads wait.
// The tests in these files are run where the files are.
#![cfg(not(test))]

extern crate self as std;
extern crate std as real_std;

pub mod models;
pub mod sync;

use real_std::{collections, fmt, mem, task, time};
use streamsdk_capture::{CaptureError, CapturedFrame, Damage};

#[allow(dead_code, reason = "the models use what threads share of it")]
#[path = "../../streamsdk-capture/src/queue.rs"]
mod queue;
#[allow(dead_code, reason = "the models use what threads share of it")]
#[path = "../../streamsdk-transport/src/runtime/read_gate.rs"]
mod read_gate;
#[allow(dead_code, reason = "the models use what threads share of it")]
#[path = "../../streamsdk-capture/src/stop_handle.rs"]
mod stop_handle;
