//! The server side of WebRTC inference streaming, to be embedded.
//!
//! A [`Worker`] answers the same endpoint as the Roboflow inference server, so that this project's
//! client and the Python and JavaScript SDKs can use it unchanged. What it runs on each frame is a
//! [`Processor`]: one of its own, or one that the embedding program registers.
//!
//! ```no_run
//! # async fn example() -> Result<(), Box<dyn std::error::Error>> {
//! use streamsdk_worker::{Worker, WorkerConfig};
//!
//! let worker = Worker::start("127.0.0.1:9001", WorkerConfig::default()).await?;
//! println!("listening on {}", worker.url());
//! worker.shutdown().await;
//! # Ok(())
//! # }
//! ```
//!
//! # A session
//!
//! The request names a processor, as `workflow_id` or as the `type` of the single step of a
//! specification, and the outputs that the client wants. The client uploads a video file, the
//! worker decodes it with FFmpeg, runs the processor on every frame, and sends the outputs back. It
//! paces itself by the client's acks, or, in a realtime session, by the clock, dropping what is late.

mod config;
mod init;
pub mod processor;
mod refusal;
mod server;
mod session;
mod workflow;

pub use config::{Gzip, WorkerConfig};
pub use processor::{
    OutputDeclaration, OutputKind, OutputValue, Outputs, Processor, ProcessorError, Processors,
};
pub use server::{StartError, Worker};
