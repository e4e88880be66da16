//! What a live session costs the client and how late its results are: 720p drawn, encoded and sent 30 times a
//! second to our worker, and the frames that come back decoded. Ours, and the real Python SDK.
//!
//! Both send BGR pictures that were drawn before, and decode each frame that comes back to pixels. The CPU time
//! is from the first frame to the last.

use std::time::Duration;

use anyhow::{Result, ensure};
use serde_json::Value;

use super::lab::{Lab, last_line, number};
use super::programs::TRACK;
use super::report::{Row, Target};
use super::stats::Samples;
use crate::peers::{PythonTracks, TrackSource, Worker};
use crate::process::{Job, Output};

const FRAMES: u64 = 300;
const REPETITIONS: usize = 5;
const LIMIT: Duration = Duration::from_secs(90);

/// The codec, as both programs call it, and how much of the other's CPU time ours may take.
pub struct Codec {
    pub ours: &'static str,
    pub python: &'static str,
    pub most_cpu: f64,
}

pub const VP8: Codec = Codec { ours: "vp8", python: "VP8", most_cpu: 0.7 };
pub const H264: Codec = Codec { ours: "h264", python: "H264", most_cpu: 0.5 };

pub fn measure(lab: &Lab, codec: &Codec) -> Result<Vec<Row>> {
    let worker = lab.worker()?;
    let (mut ours, mut peer) = (Sessions::default(), Sessions::default());
    for _ in 0..lab.times(REPETITIONS) {
        peer.add(&python(lab, &worker, codec)?, &PYTHON_FIGURES)?;
        ours.add(&our_client(lab, &worker, codec)?, &OUR_FIGURES)?;
    }
    let name = |figure: &str| format!("track-{}{figure}", codec.ours);
    let rows = FIGURES.iter().zip(ours.0.iter().zip(&peer.0));
    Ok(rows
        .map(|(figure, (ours, peer))| {
            let most = figure.most.unwrap_or(codec.most_cpu);
            Row::compared(name(figure.name), figure.unit, ours, peer, Target::RatioAtMost(most))
        })
        .collect())
}

struct Figure {
    /// What follows the codec in its name.
    name: &'static str,
    unit: &'static str,
    /// Of the other's; `None` where it depends on the codec.
    most: Option<f64>,
}

const COUNT: usize = 6;

const FIGURES: [Figure; COUNT] = [
    Figure { name: "", unit: "ms/frame", most: None },
    Figure { name: "-data", unit: "ms", most: Some(0.6) },
    Figure { name: "-data-p95", unit: "ms", most: Some(0.6) },
    Figure { name: "-frame", unit: "ms", most: Some(0.6) },
    Figure { name: "-frame-p95", unit: "ms", most: Some(0.6) },
    Figure { name: "-memory", unit: "MB", most: Some(0.25) },
];

/// Where they are in what the programs report.
const PYTHON_FIGURES: [&str; COUNT] = [
    "/cpu/ms_per_frame",
    "/latency_ms/data/p50",
    "/latency_ms/data/p95",
    "/latency_ms/frame/p50",
    "/latency_ms/frame/p95",
    "/peak_rss_mb",
];
const OUR_FIGURES: [&str; COUNT] = [
    "/cpu_ms_per_frame",
    "/to_data/p50",
    "/to_data/p95",
    "/to_frame/p50",
    "/to_frame/p95",
    "/peak_rss_mb",
];

/// The figures of several sessions.
#[derive(Default)]
struct Sessions([Samples; COUNT]);

impl Sessions {
    fn add(&mut self, report: &Value, places: &[&str; COUNT]) -> Result<()> {
        for (samples, place) in self.0.iter_mut().zip(places) {
            samples.push(number(report, place)?);
        }
        Ok(())
    }
}

fn python(lab: &Lab, worker: &Worker, codec: &Codec) -> Result<Value> {
    let source = TrackSource::Manual { frames: FRAMES, size: "1280x720" };
    let run = PythonTracks::new(&lab.peers, worker.url(), source).codec(codec.python);
    // No data is asked for: there is a message for each frame all the same, which says which one it is.
    let report = run.run(LIMIT)?.report;
    let used = &report["codec"];
    ensure!(used == codec.python, "the Python SDK used {used} instead of {}", codec.python);
    nearly_all(&report["frames"], &report)?;
    Ok(report)
}

fn our_client(lab: &Lab, worker: &Worker, codec: &Codec) -> Result<Value> {
    let frames = FRAMES.to_string();
    let finished = Job::new(lab.programs.find(TRACK)?)
        .args([worker.url(), "--workflow-id", "passthrough", "--codec", codec.ours])
        .args(["--frames", &frames])
        .output(Output::Capture)
        .limit(LIMIT)
        .run_successfully()?;
    let report = last_line(&finished.stdout)?;
    nearly_all(&report["returned"], &report)?;
    Ok(report)
}

/// Costs and times of a session that lost much are not to be compared.
fn nearly_all(frames: &Value, report: &Value) -> Result<()> {
    let enough = frames.as_u64().is_some_and(|frames| frames * 10 >= FRAMES * 9);
    ensure!(enough, "too many frames were lost: {report}");
    Ok(())
}
