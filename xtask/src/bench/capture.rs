//! From a webcam's picture to an encoded frame: 720p in YUYV, in memory beforehand. Ours, and the steps of the
//! real Python SDK, which makes BGR of it first. Both encode at the same bitrate.

use std::path::Path;
use std::time::Duration;

use anyhow::{Result, ensure};
use serde_json::Value;

use super::codec::Codec;
use super::lab::{Lab, last_line, number};
use super::programs::CAPTURE;
use super::report::{Row, Target};
use super::stats::Samples;
use crate::clip::Clip;
use crate::peers::encode_as_a_webcam;
use crate::process::{Job, Output};

/// Few, because they are kept in memory, and played to and fro.
const PICTURES: Clip = Clip { width: 1280, height: 720, frames: 30 };
const FRAMES: &str = "300";
/// The most that the SDK's encoder for VP8 takes.
const BITRATE: &str = "1500000";
const REPETITIONS: usize = 5;
const LIMIT: Duration = Duration::from_secs(60);

pub fn measure(lab: &Lab, codec: &Codec) -> Result<Vec<Row>> {
    let pictures = lab.directory.join("webcam.yuyv");
    PICTURES.write_as_a_webcam(&pictures)?;
    let [mut ours, mut convert, mut encode, mut peer]: [Samples; 4] = Default::default();
    for _ in 0..lab.times(REPETITIONS) {
        peer.push(number(&python(lab, &pictures, codec)?, TOTAL)?);
        let report = our_program(lab, &pictures, codec)?;
        ours.push(number(&report, TOTAL)?);
        convert.push(number(&report, "/convert_ms")?);
        encode.push(number(&report, "/encode_ms")?);
    }
    let name = format!("capture-{}", codec.ours);
    let part = |what: &str, samples: &Samples| {
        Row::part(format!("{name}-{what}"), "ms/frame", samples.median())
    };
    let target = Target::RatioAtMost(codec.most_cpu);
    Ok(vec![
        Row::compared(&name, "ms/frame", &ours, &peer, target),
        part("convert", &convert),
        part("encode", &encode),
    ])
}

/// Where both programs report it.
const TOTAL: &str = "/cpu_ms_per_frame";

fn our_program(lab: &Lab, pictures: &Path, codec: &Codec) -> Result<Value> {
    let finished = Job::new(lab.programs.find(CAPTURE)?)
        .arg(pictures)
        .args(options(codec.ours))
        .output(Output::Capture)
        .limit(LIMIT)
        .run_successfully()?;
    every_frame(last_line(&finished.stdout)?)
}

fn python(lab: &Lab, pictures: &Path, codec: &Codec) -> Result<Value> {
    every_frame(encode_as_a_webcam(&lab.peers, pictures, &options(codec.python), LIMIT)?)
}

fn options(codec: &str) -> [&str; 6] {
    ["--codec", codec, "--bitrate", BITRATE, "--frames", FRAMES]
}

/// A frame that was left out would make the others look cheap.
fn every_frame(report: Value) -> Result<Value> {
    let complete = report["encoded"] == report["frames"];
    ensure!(complete, "not every frame was encoded: {report}");
    Ok(report)
}
