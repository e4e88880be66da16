//! What reads the bytes of peers, files and cameras, as functions that a fuzzer or a test calls.
//!
//! Each takes any bytes, and panics if something is wrong with what reads them. `fuzz/` hands them to libFuzzer;
//! the tests of this crate hand them what fuzzing and recordings have left.

mod addresses;
mod bitstream;
mod candidates;
mod control;
mod description;
mod gunzip;
mod init_request;
mod jpeg;
mod output_message;
mod predictions;
mod reassembler;
mod rejection;
mod rtp_video;
mod rtsp_camera;
mod sdp;
mod turn_configuration;
mod turn_framing;
mod upload;

use arbitrary::{Arbitrary, Unstructured};

/// A function, and what it is called.
pub type Target = (&'static str, fn(&[u8]));

/// All there are.
pub const TARGETS: &[Target] = &[
    ("addresses", addresses::run),
    ("bitstream", bitstream::run),
    ("candidates", candidates::run),
    ("control", control::run),
    ("description", description::run),
    ("gunzip", gunzip::run),
    ("init_request", init_request::run),
    ("jpeg", jpeg::run),
    ("output_message", output_message::run),
    ("predictions", predictions::run),
    ("reassembler", reassembler::run),
    ("rejection", rejection::run),
    ("rtp_video", rtp_video::run),
    ("rtsp_camera", rtsp_camera::run),
    ("sdp", sdp::run),
    ("turn_configuration", turn_configuration::run),
    ("turn_framing", turn_framing::run),
    ("upload", upload::run),
];

/// Runs the target of that name.
///
/// # Panics
///
/// If there is none, and if the target finds a fault.
pub fn run(name: &str, input: &[u8]) {
    let target = TARGETS.iter().find(|(known, _)| *known == name);
    let (_, run) = target.unwrap_or_else(|| panic!("there is no target {name}"));
    run(input);
}

/// Bytes as a value that is made up of them, as libFuzzer's own macro does it.
fn structured<'a, T: Arbitrary<'a>>(input: &'a [u8]) -> Option<T> {
    T::arbitrary_take_rest(Unstructured::new(input)).ok()
}
