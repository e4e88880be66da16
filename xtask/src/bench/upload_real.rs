//! An upload to the real server, by our client and by the real Python SDK.

use std::path::Path;
use std::time::Duration;

use anyhow::Result;

use super::client::ClientRun;
use super::lab::{Lab, every_frame, number};
use super::programs::CLIENT;
use super::python;
use super::report::{Row, Target};
use super::stats::Samples;
use crate::peers::{InferenceServer, workflow};

const MEGABYTES: u64 = 100;
const REPETITIONS: usize = 5;
const LIMIT: Duration = Duration::from_secs(180);

/// What an upload took.
#[derive(Default)]
struct Uploads {
    mb_per_s: Samples,
    cpu_s: Samples,
    peak_mb: Samples,
}

pub fn measure(lab: &Lab) -> Result<Vec<Row>> {
    let server = lab.real_server()?;
    let (file, frames) = lab.file(MEGABYTES)?;
    let (mut ours, mut peer) = (Uploads::default(), Uploads::default());
    for _ in 0..lab.times(REPETITIONS) {
        upload_ours(lab, &server, (file.path(), frames), &mut ours)?;
        server.wait_until_idle()?;
        upload_python(lab, &server, file.path(), &mut peer)?;
        server.wait_until_idle()?;
    }
    let (o, p) = (&ours, &peer);
    Ok(vec![
        Row::compared("upload-real", "MB/s", &o.mb_per_s, &p.mb_per_s, Target::RatioAtLeast(1.0)),
        Row::compared("upload-real-cpu", "s", &o.cpu_s, &p.cpu_s, Target::RatioAtMost(0.1)),
        Row::compared(
            "upload-real-memory",
            "MB",
            &o.peak_mb,
            &p.peak_mb,
            Target::RatioAtMost(0.125),
        ),
    ])
}

fn upload_ours(
    lab: &Lab,
    server: &InferenceServer,
    (file, frames): (&Path, u32),
    uploads: &mut Uploads,
) -> Result<()> {
    let client = lab.programs.find(CLIENT)?;
    let run = ClientRun::new(client, &server.url(), file, &workflow("blur"))
        .stream_output("output_image");
    let report = run.one_thread().run(LIMIT)?;
    every_frame(&report, frames)?;
    uploads.mb_per_s.push(number(&report, "/upload/mb_per_s")?);
    uploads.cpu_s.push(number(&report, "/upload/cpu_s")?);
    uploads.peak_mb.push(number(&report, "/peak_rss_mb")?);
    Ok(())
}

fn upload_python(
    lab: &Lab,
    server: &InferenceServer,
    file: &Path,
    uploads: &mut Uploads,
) -> Result<()> {
    let report = python::upload(&lab.peers, &server.url(), file, LIMIT)?;
    uploads.mb_per_s.push(number(&report, "/upload/mb_per_s")?);
    uploads.cpu_s.push(number(&report, "/upload/cpu_seconds")?);
    uploads.peak_mb.push(number(&report, "/peak_rss_mb")?);
    Ok(())
}
