//! What the measuring programs share. Each prints one JSON object about what it measured.

mod setup;
mod usage;

pub use setup::{conclude, read_json, runtime, workflow};
pub use usage::{Moment, Usage, resident_mb, thread_cpu_time};
