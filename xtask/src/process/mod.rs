//! Starting programs: with a time limit, with what they wrote and what they cost, and none left behind.
//!
//! Every program runs in a process group of its own, so that what it starts in turn ends with it.

mod background;
mod groups;
mod job;
mod output;
mod text;
mod usage;

pub use background::Background;
pub use groups::{NESTED, end_all, end_started_processes_on_signals};
pub use job::{Finished, Job};
pub use output::Output;
pub use usage::Usage;
