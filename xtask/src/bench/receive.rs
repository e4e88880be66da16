//! What a received frame costs the client: ours with either JPEG decoder and without decoding, and the
//! real Python SDK, which decodes every image.

use std::path::Path;
use std::time::Duration;

use anyhow::{Context, Result, ensure};
use serde_json::Value;

use super::client::ClientRun;
use super::lab::{Lab, every_frame, number, passthrough};
use super::programs::{CLIENT, CLIENT_TURBOJPEG};
use super::report::{Row, Target};
use super::stats::Samples;
use crate::clip::Clip;
use crate::peers::{PythonRun, Worker};

const FRAMES: u32 = 300;
const REPETITIONS: usize = 5;
const LIMIT: Duration = Duration::from_secs(120);

pub fn measure(lab: &Lab, size: &str, width: u32, height: u32) -> Result<Vec<Row>> {
    let clip = lab.directory.join(format!("{size}.mp4"));
    Clip { width, height, frames: FRAMES }.write(&clip)?;
    let worker = lab.worker()?;
    let ours = |program| our_client(lab, &worker, &clip, program);

    let [mut plain, mut turbo, mut data, mut peer]: [Samples; 4] = Default::default();
    for _ in 0..lab.times(REPETITIONS) {
        peer.push(python(lab, &worker, &clip)?);
        plain.push(cost(ours(CLIENT)?.decode())?);
        turbo.push(cost(ours(CLIENT_TURBOJPEG)?.decode())?);
        data.push(cost(ours(CLIENT)?.one_thread())?);
    }
    let row = |name: String, ours: &Samples, most: f64| {
        Row::compared(name, "ms/frame", ours, &peer, Target::RatioAtMost(most))
    };
    Ok(vec![
        row(format!("receive-{size}"), &plain, 0.6),
        row(format!("receive-{size}-turbojpeg"), &turbo, 0.5),
        row(format!("receive-data-{size}"), &data, 0.1),
    ])
}

fn our_client(lab: &Lab, worker: &Worker, clip: &Path, program: &str) -> Result<ClientRun> {
    let run = ClientRun::new(lab.programs.find(program)?, worker.url(), clip, &passthrough());
    Ok(run.stream_output("image"))
}

fn cost(run: ClientRun) -> Result<f64> {
    let report = run.run(LIMIT)?;
    every_frame(&report, FRAMES)?;
    number(&report, "/receiving/cpu_ms_per_frame")
}

fn python(lab: &Lab, worker: &Worker, clip: &Path) -> Result<f64> {
    let workflow = passthrough();
    // It is looked for among the peers' workflows, where a whole path stands for itself.
    let workflow = workflow.to_str().context("a path is not UTF-8")?;
    let run = PythonRun::new(&lab.peers, worker.url(), clip).workflow(workflow);
    let report = run.stream_output("image").run(LIMIT)?.report;
    let every = report["data_messages"] == FRAMES && report["exception"] == Value::Null;
    ensure!(every, "not every frame came to the Python SDK: {report}");
    number(&report, "/cpu/receiving_ms_per_frame")
}
