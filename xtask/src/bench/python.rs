//! The upload of the real Python SDK, whose result is not that of a session but of its first part.

use std::path::Path;
use std::time::Duration;

use anyhow::{Result, ensure};
use serde_json::Value;

use super::lab::last_line;
use crate::peers::{API_KEY, Peers, workflow};
use crate::process::{Job, Output};
use crate::project;

/// Uploads `video` and closes; returns what `tests/peers/python_client.py` reported.
pub fn upload(peers: &Peers, server: &str, video: &Path, limit: Duration) -> Result<Value> {
    let finished = Job::new(peers.prefix().join("client/bin/python"))
        .arg(project::peers_directory().join("python_client.py"))
        .args(["upload", "--server", server, "--api-key", API_KEY])
        .arg("--video")
        .arg(video)
        .arg("--workflow")
        .arg(workflow("blur"))
        .args(["--stream-output", "output_image", "--data-output", "image_size"])
        .output(Output::Capture)
        .limit(limit)
        .run()?;
    let report = last_line(&finished.stdout);
    let complete = finished.succeeded()
        || report.as_ref().is_ok_and(|report| !report["upload"]["mb_per_s"].is_null());
    ensure!(complete, "the Python SDK did not upload it: {}", finished.last_words());
    report
}
