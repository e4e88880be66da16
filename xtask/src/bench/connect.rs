//! From the server's answer to open channels.

use std::path::Path;
use std::time::Duration;

use anyhow::{Context, Result};

use super::lab::{Lab, last_line, passthrough};
use super::programs::CONNECT;
use super::report::{Row, Target};
use super::stats::Samples;
use crate::peers::{API_KEY, workflow};
use crate::process::{Job, Output};

const TIMES: usize = 30;
const MEDIAN_LIMIT_MS: f64 = 80.0;
const WORST_LIMIT_MS: f64 = 200.0;
const LIMIT: Duration = Duration::from_secs(90);

/// To the real server, one session at a time: it starts a program for each, which takes its time to
/// start and to end.
pub fn real(lab: &Lab) -> Result<Vec<Row>> {
    let server = lab.real_server()?;
    let mut samples = Samples::default();
    for _ in 0..lab.times(TIMES) {
        for milliseconds in connect(lab, &server.url(), &workflow("blur"), 1)? {
            samples.push(milliseconds);
        }
        server.wait_until_idle()?;
    }
    Ok(rows("connect-real", &samples))
}

pub fn worker(lab: &Lab) -> Result<Vec<Row>> {
    let worker = lab.worker()?;
    let samples = connect(lab, worker.url(), &passthrough(), lab.times(TIMES))?;
    Ok(rows("connect-worker", &samples.into_iter().collect()))
}

fn connect(lab: &Lab, url: &str, workflow: &Path, times: usize) -> Result<Vec<f64>> {
    let finished = Job::new(lab.programs.find(CONNECT)?)
        .args([url, "--times", &times.to_string()])
        .arg("--workflow")
        .arg(workflow)
        .env("ROBOFLOW_API_KEY", API_KEY)
        .output(Output::Capture)
        .limit(LIMIT)
        .run_successfully()?;
    let report = last_line(&finished.stdout)?;
    let samples = report["ms"].as_array().context("there are no times in the report")?;
    Ok(samples.iter().filter_map(serde_json::Value::as_f64).collect())
}

fn rows(name: &str, samples: &Samples) -> Vec<Row> {
    println!("   ms: {samples}");
    vec![
        Row::alone(name, "ms", samples.median(), Target::Below(MEDIAN_LIMIT_MS)),
        Row::alone(format!("{name}-worst"), "ms", samples.largest(), Target::Below(WORST_LIMIT_MS)),
    ]
}
