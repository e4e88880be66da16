//! A server that is killed sends nothing at its end: the client has to notice by itself, and say so.
#![cfg(feature = "worker")]
#![allow(clippy::unwrap_used, reason = "a test stops where it fails")]

mod common;

use std::io::Read;
use std::process::Stdio;
use std::time::Duration;

use common::{WorkerProcess, clip, exit_code, json, streamsdk, wait_for_bytes};

/// The server's host says at once that it is gone; a busy machine takes longer.
const NOTICED: Duration = Duration::from_secs(30);
const LOST: i32 = 8;

#[test]
fn a_server_killed_during_the_upload_is_noticed() {
    let folder = tempfile::tempdir().unwrap();
    let (file, summary) = (folder.path().join("large.mp4"), folder.path().join("summary.json"));
    std::fs::File::create(&file).unwrap().set_len(4 << 30).unwrap();
    let mut worker = WorkerProcess::start();
    let mut child = streamsdk()
        .arg("run")
        .arg(&file)
        .args(["--server", &worker.url, "--workflow-id", "motion", "--workspace", "local"])
        .arg("--summary-json")
        .arg(&summary)
        .stderr(Stdio::piped())
        .spawn()
        .unwrap();
    // The first line of progress comes with the upload under way.
    let mut errors = child.stderr.take().unwrap();
    let mut first = [0];
    errors.read_exact(&mut first).unwrap();
    worker.kill();

    assert_eq!(exit_code(&mut child, NOTICED), LOST);
    let printed = std::io::read_to_string(errors).unwrap();
    assert!(printed.contains("uploading: the peer is gone without a word"), "{printed}");
    let summary = json(&summary);
    assert_eq!(summary["ended"], "failed");
    assert!(summary["upload_bytes"].as_u64().unwrap() < 4 << 30);
}

#[test]
fn a_server_killed_while_processing_is_noticed() {
    let folder = tempfile::tempdir().unwrap();
    let lines = folder.path().join("out.jsonl");
    let mut worker = WorkerProcess::start();
    let mut child = streamsdk()
        .arg("run")
        .arg(clip("moving_300.mp4"))
        .args(["--server", &worker.url, "--workflow-id", "motion", "--workspace", "local"])
        .args(["--realtime", "--data-output", "predictions"])
        .arg("--jsonl")
        .arg(&lines)
        .stderr(Stdio::piped())
        .spawn()
        .unwrap();
    wait_for_bytes(&lines, Duration::from_secs(20));
    worker.kill();

    assert_eq!(exit_code(&mut child, NOTICED), LOST);
    let printed = std::io::read_to_string(child.stderr.take().unwrap()).unwrap();
    assert!(printed.contains("receiving results: the peer is gone without a word"), "{printed}");
}
