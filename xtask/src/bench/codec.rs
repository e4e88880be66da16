/// A codec, as the programs call it, and how much of the other's CPU time ours may take.
pub struct Codec {
    pub ours: &'static str,
    pub python: &'static str,
    pub most_cpu: f64,
}

pub const VP8: Codec = Codec { ours: "vp8", python: "VP8", most_cpu: 0.7 };
pub const H264: Codec = Codec { ours: "h264", python: "H264", most_cpu: 0.5 };
