//! The wire format between a streaming client and an inference server, as data and arithmetic.
//!
//! A session has three conversations, and each has a module here:
//!
//! 1. One HTTP exchange sets it up: [`init`] has the request and the answer, [`rejection`] what a
//!    server says when it refuses, [`sdp`] the check that an answer can be used at all.
//! 2. The data channel [`INFERENCE_CHANNEL`] carries results to the client as chunked messages
//!    ([`chunk`]) that hold JSON, often compressed ([`output`]), and takes [`control`] messages back;
//!    [`ack`] keeps the window between the two, and [`pairing`] finds the frame of the video track
//!    that a result is about;
//!    [`predictions`] has the shapes of what models say.
//! 3. The data channel [`UPLOAD_CHANNEL`] carries a video file to the server ([`upload`]).
//!
//! [`model`] makes the workflow that runs a model by itself; [`proxy`] is how a device asks a backend of its own.
//! [`address`] says where an address leads that somebody else named.
//!
//! Nothing in this crate does I/O, waits, reads a clock, or trusts a peer: every size that a peer
//! names is checked against [`Limits`] or against what has really arrived before memory is given.
//!
//! # Features
//!
//! There are none but `fuzzing`, for the fuzz targets of this project: it adds nothing to the API.
#![forbid(unsafe_code)]

pub mod ack;
pub mod address;
pub mod chunk;
pub mod control;
#[cfg(feature = "fuzzing")]
#[doc(hidden)]
pub mod fuzzing;
mod gzip;
mod ice_configuration;
pub mod init;
mod limits;
mod memory;
pub mod model;
pub mod output;
pub mod pairing;
mod pool;
pub mod predictions;
pub mod proxy;
mod redact;
pub mod rejection;
pub mod sdp;
pub mod seconds;
mod secret;
mod text;
pub mod upload;

pub use limits::Limits;
pub use memory::{HeldMemory, MemoryBudget};
pub use redact::Redactor;
pub use secret::{ApiKey, REDACTED, redact_url};
pub use text::MAX_TEXT_CHARS;

/// Label of the channel that carries results and control messages.
///
/// The client creates it before the offer: ordered and reliable.
pub const INFERENCE_CHANNEL: &str = "inference";

/// Label of the channel that carries a video file to the server.
pub const UPLOAD_CHANNEL: &str = "video_upload";

/// Path of the init exchange below the server's URL.
pub const INIT_PATH: &str = "initialise_webrtc_worker";

/// Largest payload in one data-channel message, in bytes, in either direction.
pub const MAX_CHUNK_PAYLOAD: usize = 49_152;
