//! How fast a file goes to a server that is not the bottleneck, and whether it ever stands still.

use std::time::Duration;

use anyhow::Result;
use serde_json::Value;

use super::client::ClientRun;
use super::lab::{Lab, every_frame, last_line, number, passthrough};
use super::programs::{BOUND, CLIENT, SINK};
use super::report::{Row, Target};
use super::stats::Samples;
use crate::process::{Job, Output};

const MEGABYTES: u64 = 300;
const REPETITIONS: usize = 5;
const LIMIT: Duration = Duration::from_secs(120);

/// To our worker, against bare encrypted packets.
pub fn speed(lab: &Lab) -> Result<Vec<Row>> {
    let worker = lab.worker()?;
    let (file, frames) = lab.file(MEGABYTES)?;
    let (mut ours, mut bound) = (Samples::default(), Samples::default());
    for _ in 0..lab.times(REPETITIONS) {
        let client = lab.programs.find(CLIENT)?;
        let run = ClientRun::new(client, worker.url(), file.path(), &passthrough());
        let report = run.stream_output("image").run(LIMIT)?;
        every_frame(&report, frames)?;
        ours.push(number(&report, "/upload/mb_per_s")?);
        bound.push(measure_bound(lab)?);
    }
    let target = Target::RatioAtLeast(0.6);
    Ok(vec![Row::compared("upload-loopback", "MB/s", &ours, &bound, target)])
}

fn measure_bound(lab: &Lab) -> Result<f64> {
    let job = Job::new(lab.programs.find(BOUND)?)
        .args(["--megabytes", &MEGABYTES.to_string()])
        .output(Output::Capture)
        .limit(LIMIT);
    number(&last_line(&job.run_successfully()?.stdout)?, "/mb_per_s")
}

/// To a server that throws it away and watches the time between messages. The worst of all counts.
pub fn gap(lab: &Lab) -> Result<Vec<Row>> {
    let (file, _) = lab.file(MEGABYTES)?;
    let (mut gaps, mut speeds) = (Samples::default(), Samples::default());
    for _ in 0..lab.times(REPETITIONS) {
        let mut sink = Job::new(lab.programs.find(SINK)?).start(lab.directory.join("sink.log"))?;
        let url = sink.wait_for_line("listening on ", LIMIT)?;
        let client = lab.programs.find(CLIENT)?;
        ClientRun::new(client, &url, file.path(), &passthrough()).upload_only().run(LIMIT)?;
        let report: Value = serde_json::from_str(&sink.wait_for_line("upload ", LIMIT)?)?;
        gaps.push(number(&report, "/longest_gap_ms")?);
        speeds.push(number(&report, "/mb_per_s")?);
    }
    println!("   longest gaps in ms: {gaps}; received at MB/s: {speeds}");
    Ok(vec![Row::alone("upload-gap", "ms", gaps.largest(), Target::AtMost(100.0))])
}
