//! Streams from servers of the tests' own.
#![cfg(feature = "ffmpeg")]
#![allow(clippy::unwrap_used)]

mod addresses;
mod clocks;
mod encoded;
mod frames;
mod keeping;
mod passed_on;
mod rtsp;
mod rtsp_camera;
mod support;
