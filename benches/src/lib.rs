//! What the measuring programs share. Each prints one JSON object about what it measured.

mod server_process;
mod setup;
mod usage;

pub use server_process::ServerProcess;
pub use setup::{conclude, read_json, runtime, workflow};
pub use usage::{Moment, Usage, resident_mb, thread_cpu_time};
