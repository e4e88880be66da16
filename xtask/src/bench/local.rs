//! A camera of the network that our client sends on, 720p in H264: as it is, and encoded anew.

use std::path::{Path, PathBuf};
use std::time::Duration;

use anyhow::{Result, ensure};
use serde_json::Value;

use super::lab::{Lab, last_line, number};
use super::programs::LOCAL;
use super::report::{Row, Target};
use super::stats::Samples;
use crate::clip::Clip;
use crate::peers::{RtspServer, Worker};
use crate::process::{Job, Output};

/// Ten seconds, of which eight are measured.
const VIDEO: Clip = Clip { width: 1280, height: 720, frames: 300 };
const REPETITIONS: usize = 5;
const LIMIT: Duration = Duration::from_secs(60);

pub fn measure(lab: &Lab) -> Result<Vec<Row>> {
    let worker = lab.worker()?;
    let camera = RtspServer::start(&live_clip(lab)?, &lab.directory)?;
    let [mut forwarded, mut encoded]: [Samples; 2] = Default::default();
    for _ in 0..lab.times(REPETITIONS) {
        encoded.push(cost(&session(lab, &worker, &camera, &["--transcode"])?, "/forwarded")?);
        forwarded.push(cost(&session(lab, &worker, &camera, &[])?, "/encoded")?);
    }
    let target = Target::RatioAtMost(0.1);
    Ok(vec![Row::compared("local-passed-on", "ms/frame", &forwarded, &encoded, target)])
}

/// As a camera has it: what is to be shown later comes later, and no frame is much larger than the others.
fn live_clip(lab: &Lab) -> Result<PathBuf> {
    let (clip, live) = (lab.directory.join("720p.mp4"), lab.directory.join("720p-live.mp4"));
    VIDEO.write(&clip)?;
    reencode(&clip, &live)?;
    Ok(live)
}

fn reencode(clip: &Path, live: &Path) -> Result<()> {
    Job::new("ffmpeg")
        .args(["-nostdin", "-loglevel", "error", "-y", "-i"])
        .arg(clip)
        .args(["-c:v", "h264", "-profile:v", "baseline", "-bf", "0", "-g", "30"])
        .args(["-b:v", "3M", "-maxrate", "3M", "-bufsize", "600k"])
        .arg(live)
        .output(Output::Capture)
        .run_successfully()
        .map(drop)
}

fn session(lab: &Lab, worker: &Worker, camera: &RtspServer, options: &[&str]) -> Result<Value> {
    let finished = Job::new(lab.programs.find(LOCAL)?)
        // Of the runtime: reading from the camera and encoding have their own.
        .args([worker.url(), "--camera", camera.url(), "--threads", "1"])
        .args(options)
        .output(Output::Capture)
        .limit(LIMIT)
        .run_successfully()?;
    last_line(&finished.stdout)
}

/// No frame may have gone the `other` way.
fn cost(report: &Value, other: &str) -> Result<f64> {
    ensure!(number(report, other)? == 0.0, "frames went the other way: {report}");
    number(report, "/cpu_ms_per_frame")
}
