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
//! specification, and the outputs that the client wants. The frames come from an uploaded video
//! file, from a video track that the client sends, or from a camera that the worker pulls by RTSP or
//! as MJPEG. The processor runs on every frame, and its outputs go back as data messages; one image
//! can go back on a video track as well. A lossless session is paced by the client's acks; a realtime
//! one leaves out what it has no time for.
//!
//! [`Worker::shutdown`] tells every client that the worker is shutting down before it ends the sessions, and
//! [`Worker::drain`] lets them go on for a while before that.
//! An uploaded file has no name in the file system (on Linux), so that a worker that is killed leaves none.
//!
//! # Features
//!
//! - `video` (default): video tracks, in VP8 and H264. Needs the development packages of libvpx and
//!   FFmpeg. Without it, requests that need a track are refused.
//! - `turbojpeg`: JPEG by libjpeg-turbo, built from source with cmake and nasm.
//!
//! FFmpeg, with libclang to build against it, is always needed.
#![cfg_attr(docsrs, feature(doc_cfg))]

mod access;
mod config;
mod error_response;
mod init;
mod json_size;
mod places;
mod private_sources;
pub mod processor;
mod server;
mod session;
mod source_plan;
mod workflow;

pub use config::{Gzip, UnknownGzip, WorkerConfig};
pub use processor::{
    FrameContext, OutputDeclaration, OutputKind, OutputValue, Processor, ProcessorError,
    ProcessorOutputs, Processors, SessionEnd, SessionRequest,
};
pub use server::{EmbeddedWorker, StartError, Worker};
