//! What is wrong between this machine and an inference server, and what to try.
//!
//! A [`Checkup`] goes the way that a session goes, step by step, as far as it gets without starting one:
//!
//! ```no_run
//! # async fn run() {
//! use streamsdk_diagnose::{Checkup, Severity};
//!
//! let diagnosis = Checkup::new()
//!     .server("https://inference.example.org")
//!     .stun("stun:stun.example.org:3478")
//!     .run()
//!     .await;
//! for finding in diagnosis.wrong() {
//!     println!("{}: {}", finding.code, finding.what);
//! }
//! # }
//! ```
//!
//! * **The server**: its name, a TCP connection, TLS and the certificate, and what the endpoint answers to a
//!   request for nothing, the key and the clock included. Proxies of the environment are taken into account.
//! * **STUN and TURN servers** that are given: whether they answer over UDP, TCP and TLS, and whether TURN servers
//!   take the password. TURN servers are asked for a place, which is given back.
//! * **The path** to the first STUN server that answers: what is lost of a hundred small packets, and whether full
//!   ones get there.
//! * **This machine**: WebRTC with itself, codecs, cameras.
//!
//! Nothing that is found out needs a session, so that nothing is said of the path to the server's own UDP ports:
//! only servers that answer to STUN tell of UDP.
//!
//! It ends within 5 s ([`Checkup::time_limit`]). What could not be found out in time is said, too. No secret is
//! in any finding.
//!
//! # Features
//!
//! - `video`: which codecs there are. Needs FFmpeg and libvpx.
//! - `webcam`: whether this machine's cameras can be used (Linux). Each is opened for a moment. Needs libclang and
//!   the kernel's headers to be built.
#![forbid(unsafe_code)]
#![cfg_attr(docsrs, feature(doc_cfg))]

mod checks;
mod checkup;
mod code;
mod deadline;
mod finding;
mod ice_url;
mod stun;
mod trust;

#[cfg(test)]
mod tests;

pub use checkup::Checkup;
pub use code::{Code, Severity};
pub use finding::{Diagnosis, Finding};
