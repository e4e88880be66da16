//! Sessions with live video: a bare client sends drawn frames and looks at what comes back.

#![cfg(feature = "video")]
#![allow(
    clippy::unwrap_used,
    clippy::expect_used,
    clippy::panic,
    reason = "a test stops where it fails"
)]

mod client;
mod endings;
mod files;
mod live;
mod pulled;
mod troubles;
