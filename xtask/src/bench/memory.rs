//! How much memory a large upload takes.

use std::time::Duration;

use anyhow::Result;

use super::client::ClientRun;
use super::lab::{Lab, number, passthrough};
use super::programs::CLIENT;
use super::report::{Row, Target};

const MEGABYTES: u64 = 1000;
const LIMIT: Duration = Duration::from_secs(240);

pub fn measure(lab: &Lab) -> Result<Vec<Row>> {
    let worker = lab.worker()?;
    let file = lab.file(MEGABYTES)?;
    let client = lab.programs.find(CLIENT)?;
    let run = ClientRun::new(client, worker.url(), file.path(), &passthrough()).upload_only();
    let peak = number(&run.run(LIMIT)?, "/peak_rss_mb")?;
    Ok(vec![Row::alone("memory-1gb", "MB", Some(peak), Target::AtMost(64.0))])
}
