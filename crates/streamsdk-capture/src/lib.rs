//! Producers of frames. Knows nothing of servers or sessions, and can be used on its own.
//!
//! Every producer is a [`FrameProducer`]:
//!
//! - [`TestPattern`] draws moving pictures whose number a machine can read ([`marker`]);
//! - [`manual`] gives the frames that the program itself makes;
//! - `VideoFile` decodes a file (feature `ffmpeg`);
//! - `NetworkStream` decodes RTSP, RTMP and HTTP streams (feature `ffmpeg`);
//! - `Webcam` gives the pictures of a camera of this machine (feature `webcam`, Linux).
//!
//! ```
//! use streamsdk_capture::{FrameProducer, TestPattern};
//!
//! for captured in TestPattern::new(640, 360, 30.0).limit(3).frames() {
//!     let captured = captured?;
//!     println!("{} {:?}", captured.sequence, captured.frame.timestamp());
//! }
//! # Ok::<(), streamsdk_capture::CaptureError>(())
//! ```
//!
//! # Features
//!
//! None is on by default.
//!
//! - `ffmpeg`: video files and network streams. Needs FFmpeg's development packages.
//! - `webcam`: the cameras of this machine, through Video4Linux. Needs libclang and the kernel's headers to be
//!   built, and no library to run. Adds nothing on other systems than Linux.
#![cfg_attr(docsrs, feature(doc_cfg))]

mod adapters;
mod damage;
mod error;
#[cfg(feature = "ffmpeg")]
mod ffmpeg;
#[cfg(feature = "ffmpeg")]
mod file;
#[cfg(feature = "fuzzing")]
#[doc(hidden)]
pub mod fuzzing;
mod manual;
pub mod marker;
#[cfg(feature = "ffmpeg")]
mod network;
mod pattern;
mod producer;
mod producer_thread;
mod queue;
#[cfg(any(feature = "ffmpeg", feature = "fuzzing"))]
#[cfg_attr(
    not(feature = "ffmpeg"),
    allow(dead_code, unused_imports, reason = "fuzz targets need a part of it")
)]
mod read_watchdog;
#[cfg(feature = "ffmpeg")]
mod rhythm;
#[cfg(any(feature = "ffmpeg", feature = "fuzzing"))]
#[cfg_attr(
    not(feature = "ffmpeg"),
    allow(dead_code, unused_imports, reason = "fuzz targets need a part of it")
)]
mod rtsp;
mod stop_handle;
#[cfg(feature = "ffmpeg")]
mod text;
#[cfg(all(feature = "webcam", target_os = "linux"))]
mod webcam;

pub use streamsdk_media as media;

pub use adapters::{Buffered, FrameStream, Frames, Latest};
pub use damage::Damage;
pub use error::CaptureError;
#[cfg(feature = "ffmpeg")]
pub use file::{VideoFile, VideoFileError, VideoFileOptions, VideoInfo};
pub use manual::{ManualProducer, ManualSendError, ManualSender, manual, manual_with};
#[cfg(feature = "ffmpeg")]
pub use network::{
    EncodedStream, H264Profile, NetworkStream, NetworkStreamOptions, ParseTransportError,
    Reconnect, Transport,
};
pub use pattern::TestPattern;
pub use producer::{CapturedFrame, EncodedProducer, FrameProducer, ProducerFormat};
pub use queue::WhenFull;
pub use stop_handle::StopHandle;
#[cfg(all(feature = "webcam", target_os = "linux"))]
pub use webcam::{
    Webcam, WebcamControl, WebcamControlError, WebcamControlKind, WebcamFormat, WebcamFormatInfo,
    WebcamId, WebcamInfo, WebcamMenuItem, WebcamMode, WebcamOptions, WebcamRates, WebcamSize,
    WebcamSteps, webcams,
};

/// The README's example compiles.
#[cfg(doctest)]
#[doc = include_str!("../README.md")]
struct Readme;
