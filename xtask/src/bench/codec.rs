use super::programs::{TRACK_H264, TRACK_VP8};

/// A codec, as the programs call it, and how much of the other's CPU time ours may take.
pub struct Codec {
    pub ours: &'static str,
    /// The program for tracks that has this codec alone.
    pub track_program: &'static str,
    pub python: &'static str,
    pub most_cpu: f64,
}

pub const VP8: Codec =
    Codec { ours: "vp8", track_program: TRACK_VP8, python: "VP8", most_cpu: 0.7 };
pub const H264: Codec =
    Codec { ours: "h264", track_program: TRACK_H264, python: "H264", most_cpu: 0.5 };
