//! How much memory a large upload takes, and that its results come.

use std::time::Duration;

use anyhow::Result;

use super::client::ClientRun;
use super::lab::{Lab, every_frame, number, passthrough};
use super::programs::CLIENT;
use super::report::{Row, Target};

const LIMIT: Duration = Duration::from_secs(240);

pub fn measure(lab: &Lab) -> Result<Vec<Row>> {
    let worker = lab.worker()?;
    let row = |name, megabytes| -> Result<Row> {
        let (file, frames) = lab.file(megabytes)?;
        let client = lab.programs.find(CLIENT)?;
        let run = ClientRun::new(client, worker.url(), file.path(), &passthrough());
        let report = run.stream_output("image").run(LIMIT)?;
        every_frame(&report, frames)?;
        let peak = number(&report, "/peak_rss_mb")?;
        Ok(Row::alone(name, "MB", Some(peak), Target::AtMost(64.0)))
    };
    Ok(vec![row("memory-1gb", 1000)?, row("memory-2gb", 2000)?])
}
