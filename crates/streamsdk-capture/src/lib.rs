//! Producers of frames. Knows nothing of networks or servers, and can be used on its own.
//!
//! With the feature `ffmpeg` there is [`VideoFile`], which decodes a file:
//!
#![cfg_attr(feature = "ffmpeg", doc = "```no_run")]
#![cfg_attr(not(feature = "ffmpeg"), doc = "```ignore")]
//! use streamsdk_capture::VideoFile;
//!
//! let mut video = VideoFile::open("traffic.mp4")?;
//! println!("{}x{}", video.info().width, video.info().height);
//! while let Some(frame) = video.next_frame()? {
//!     println!("{:?}", frame.timestamp());
//! }
//! # Ok::<(), Box<dyn std::error::Error>>(())
//! ```
//!
//! # Features
//!
//! None is on by default.
//!
//! - `ffmpeg`: video files. Needs FFmpeg's development packages.

#[cfg(feature = "ffmpeg")]
mod file;

#[cfg(feature = "ffmpeg")]
pub use file::{VideoFile, VideoFileError, VideoFileOptions, VideoInfo};
