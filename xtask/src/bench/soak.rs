//! Whether a live session stays as it began: half an hour of 720p at 30 frames a second through our worker.

use std::time::Duration;

use anyhow::{Context, Result};
use serde_json::Value;

use super::lab::{Lab, last_line, number};
use super::programs::TRACK_VP8;
use super::report::{Row, Target};
use crate::process::{Job, Output};

const MINUTES: u64 = 30;
const QUICK_MINUTES: u64 = 3;
/// What was set up at first has been set up by then.
const WARM: usize = 1;

pub fn measure(lab: &Lab) -> Result<Vec<Row>> {
    let minutes = if lab.quick { QUICK_MINUTES } else { MINUTES };
    // A few seconds more, so that the last minute is over before the session is.
    let frames = (minutes * 60 + 5) * 30;
    let worker = lab.worker()?;
    let finished = Job::new(lab.programs.find(TRACK_VP8)?)
        .args([worker.url(), "--workflow-id", "passthrough", "--frames", &frames.to_string()])
        .output(Output::Capture)
        .limit(Duration::from_secs(minutes * 60 + 120))
        .run_successfully()?;
    let report = last_line(&finished.stdout)?;
    let minutes = report["minutes"].as_array().context("no minutes were reported")?;
    let p95 = |minute: Option<&Value>| number(minute.context("too short")?, "/to_frame/p95");
    let memory = |minute: Option<&Value>| number(minute.context("too short")?, "/peak_rss_mb");
    let latency = p95(minutes.last())? / p95(minutes.first())?;
    let growth = memory(minutes.last())? / memory(minutes.get(WARM))?;
    println!("   returned {} of {frames} frames", report["returned"]);
    Ok(vec![
        Row::alone("soak-latency", "of first", Some(latency), Target::AtMost(1.2)),
        Row::alone("soak-memory", "of second", Some(growth), Target::AtMost(1.05)),
    ])
}
