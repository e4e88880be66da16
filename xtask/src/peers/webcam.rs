use std::path::Path;
use std::time::Duration;

use anyhow::{Context, Result};
use serde_json::Value;

use super::Peers;
use crate::process::{Job, Output};
use crate::project;

/// Has `pictures` encoded as those of a webcam of the real Python SDK's; returns what
/// `tests/peers/webcam_encode.py` reported.
pub fn encode_as_a_webcam(
    peers: &Peers,
    pictures: &Path,
    options: &[&str],
    limit: Duration,
) -> Result<Value> {
    let finished = Job::new(peers.python("client"))
        .arg(project::peers_directory().join("webcam_encode.py"))
        .arg(pictures)
        .args(options)
        .output(Output::Capture)
        .limit(limit)
        .run_successfully()?;
    serde_json::from_str(&finished.stdout).context("the script printed no report")
}
