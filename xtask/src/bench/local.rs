//! Cameras of the network that our client sends on, 720p in H264: one as it is and encoded anew, and many as they are.

use std::path::{Path, PathBuf};
use std::time::Duration;

use anyhow::{Result, ensure};
use serde_json::Value;

use super::lab::{Lab, last_line, number};
use super::programs::{LOCAL, PASS_ON};
use super::report::{Row, Target};
use super::stats::Samples;
use crate::clip::Clip;
use crate::peers::{RtspServer, Worker};
use crate::process::{Job, Output};

/// Ten seconds, of which eight are measured.
const VIDEO: Clip = Clip { width: 1280, height: 720, frames: 300 };
const BITRATE: &str = "3M";
const REPETITIONS: usize = 5;
/// As many cameras as two cores have room for beside the programs at both ends.
const CAMERAS: usize = 50;
/// For all of them to be there, and for what is measured then.
const CAMERA_TIMES: u32 = 6;
const CAMERA_BITRATE: &str = "2M";
const MANY_REPETITIONS: usize = 3;
/// 250 cameras with 2 Mbit/s on a core.
const MEGABYTES_A_CORE: f64 = 66.0;
const LIMIT: Duration = Duration::from_secs(120);

pub fn measure(lab: &Lab) -> Result<Vec<Row>> {
    let worker = lab.worker()?;
    let camera = RtspServer::start(&live_clip(lab, BITRATE)?, &lab.directory)?;
    let [mut forwarded, mut encoded]: [Samples; 2] = Default::default();
    for _ in 0..lab.times(REPETITIONS) {
        encoded.push(cost(&session(lab, &worker, &camera, &["--transcode"])?, "/forwarded")?);
        forwarded.push(cost(&session(lab, &worker, &camera, &[])?, "/encoded")?);
    }
    let target = Target::RatioAtMost(0.1);
    Ok(vec![Row::compared("local-passed-on", "ms/frame", &forwarded, &encoded, target)])
}

/// Many at once in one process, whose server looks at none of it.
pub fn many(lab: &Lab) -> Result<Vec<Row>> {
    let clip = live_clip(lab, CAMERA_BITRATE)?;
    let camera = RtspServer::start_many_times(CAMERA_TIMES, &clip, &lab.directory)?;
    let [mut speed, mut memory]: [Samples; 2] = Default::default();
    for _ in 0..lab.times(MANY_REPETITIONS) {
        let finished = Job::new(lab.programs.find(PASS_ON)?)
            .args(["--camera", camera.url(), "--cameras", &CAMERAS.to_string()])
            .output(Output::Capture)
            .limit(LIMIT)
            .run_successfully()?;
        let report = last_line(&finished.stdout)?;
        println!("   {report}");
        ensure!(number(&report, "/encoded")? == 0.0, "frames were encoded: {report}");
        speed.push(number(&report, "/mb_per_cpu_s")?);
        memory.push(number(&report, "/resident_mb")?);
    }
    let at_least = Target::AtLeast(MEGABYTES_A_CORE);
    Ok(vec![
        Row::alone("pass-on", "MB/s of a core", speed.median(), at_least),
        Row::part("pass-on-memory", "MB", memory.median()),
    ])
}

/// As a camera has it: what is to be shown later comes later, and no frame is much larger than the others.
fn live_clip(lab: &Lab, bitrate: &str) -> Result<PathBuf> {
    let live = lab.directory.join(format!("720p-live-{bitrate}.mp4"));
    let clip = lab.directory.join("720p.mp4");
    VIDEO.write(&clip)?;
    reencode(&clip, bitrate, &live)?;
    Ok(live)
}

fn reencode(clip: &Path, bitrate: &str, live: &Path) -> Result<()> {
    Job::new("ffmpeg")
        .args(["-nostdin", "-loglevel", "error", "-y", "-i"])
        .arg(clip)
        .args(["-c:v", "h264", "-profile:v", "baseline", "-bf", "0", "-g", "30"])
        .args(["-b:v", bitrate, "-maxrate", bitrate, "-bufsize", "600k"])
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
