//! `streamsdk worker`: its options, and how it ends.
#![cfg(all(feature = "worker", unix))]
#![allow(clippy::unwrap_used, reason = "a test stops where it fails")]

mod common;

use std::fs;
use std::process::{Command, Stdio};
use std::time::Duration;
#[cfg(feature = "video")]
use std::time::Instant;

use common::{WorkerProcess, clip, errors_of, exit_code, signal, streamsdk, wait_for_bytes};
use nix::sys::signal::Signal::{SIGINT, SIGTERM};

const MAX_WAIT: Duration = Duration::from_secs(60);

fn run(worker: &WorkerProcess, source: &str, options: &[&str]) -> Command {
    let mut command = streamsdk();
    command.args(["run", source, "--server", &worker.url]);
    command.args(["--workspace", "local", "--workflow-id", "motion"]).args(options);
    command
}

fn film() -> String {
    clip("moving_300.mp4").to_str().unwrap().to_owned()
}

#[test]
fn a_worker_that_is_told_to_end_tells_its_clients_why() {
    for (told, options) in [(SIGINT, &[][..]), (SIGTERM, &["--drain-limit", "0.5"])] {
        let folder = tempfile::tempdir().unwrap();
        let lines = folder.path().join("out.jsonl");
        let mut worker = WorkerProcess::start_with(options);
        let mut command = run(&worker, &film(), &["--realtime", "--data-output", "predictions"]);
        let mut client = command.arg("--jsonl").arg(&lines).stderr(Stdio::piped()).spawn().unwrap();
        wait_for_bytes(&lines, MAX_WAIT);
        signal(worker.process(), told);
        assert_eq!(exit_code(worker.process(), MAX_WAIT), 0, "{told}");
        assert_eq!(exit_code(&mut client, MAX_WAIT), 9, "{told}");
        let errors = std::io::read_to_string(client.stderr.take().unwrap()).unwrap();
        assert!(errors.contains("the worker is shutting down"), "{errors}");
    }
}

#[cfg(feature = "video")]
#[test]
fn a_worker_that_drains_has_sessions_go_on_and_takes_no_more() {
    let folder = tempfile::tempdir().unwrap();
    let lines = folder.path().join("out.jsonl");
    let mut worker = WorkerProcess::start_with(&["--drain-limit", "600"]);
    let mut command = run(&worker, "pattern:64x48@20", &["--data-output", "predictions"]);
    let mut client = command.arg("--jsonl").arg(&lines).stderr(Stdio::null()).spawn().unwrap();
    wait_for_bytes(&lines, MAX_WAIT);

    signal(worker.process(), SIGTERM);
    let start = Instant::now();
    // It may not have heard it yet.
    let refused = loop {
        let (code, errors) = errors_of(&mut run(&worker, &film(), &[]));
        if code != 0 {
            break errors;
        }
        assert!(start.elapsed() < MAX_WAIT, "it goes on taking sessions");
    };
    assert!(refused.contains("takes no more sessions"), "{refused}");

    fs::write(&lines, "").unwrap();
    wait_for_bytes(&lines, MAX_WAIT);
    signal(&client, SIGINT);
    assert_eq!(exit_code(&mut client, MAX_WAIT), 130);
    assert_eq!(exit_code(worker.process(), MAX_WAIT), 0);
}

#[test]
fn a_killed_worker_leaves_no_upload() {
    let folder = tempfile::tempdir().unwrap();
    let (temporary, lines) = (folder.path().join("tmp"), folder.path().join("out.jsonl"));
    fs::create_dir(&temporary).unwrap();
    let mut worker = WorkerProcess::start_in(&temporary, &[]);
    let mut command = run(&worker, &film(), &["--realtime", "--data-output", "predictions"]);
    let mut client = command.arg("--jsonl").arg(&lines).stderr(Stdio::null()).spawn().unwrap();
    wait_for_bytes(&lines, MAX_WAIT);
    worker.kill();
    client.kill().unwrap();
    client.wait().unwrap();
    // A system without files that have no names leaves one to the next worker.
    let _next = WorkerProcess::start_in(&temporary, &[]);
    assert_eq!(common::names_in(&temporary), [""; 0]);
}

#[test]
fn a_token_is_asked_for_and_taken_from_a_header_only() {
    let folder = tempfile::tempdir().unwrap();
    let token = folder.path().join("token");
    fs::write(&token, "s3cret\n").unwrap();
    let worker = WorkerProcess::start_with(&["--token-file", token.to_str().unwrap()]);
    for (options, code) in [
        (&[][..], 6),
        (&["--api-key", "wrong", "--api-key-transport", "header"], 6),
        (&["--api-key", "s3cret"], 6),
        (&["--api-key", "s3cret", "--api-key-transport", "header"], 0),
        (&["--api-key", "s3cret", "--api-key-transport", "both"], 0),
    ] {
        let (exited, errors) = errors_of(&mut run(&worker, &film(), options));
        assert_eq!(exited, code, "{options:?}: {errors}");
        assert!(!errors.contains("s3cret"), "{errors}");
    }
    fs::write(&token, "\n").unwrap();
    let (code, errors) = errors_of(streamsdk().args(["worker", "--token-file"]).arg(&token));
    assert!(code == 2 && errors.contains("its first line is empty"), "{errors}");
}

#[test]
fn limits_are_obeyed() {
    let worker = WorkerProcess::start_with(&["--max-upload", "1k"]);
    let (code, errors) = errors_of(&mut run(&worker, &film(), &[]));
    assert!(code == 9 || code == 8, "{code}: {errors}");

    let folder = tempfile::tempdir().unwrap();
    let lines = folder.path().join("out.jsonl");
    let worker = WorkerProcess::start_with(&["--max-sessions", "1"]);
    let mut command = run(&worker, &film(), &["--realtime", "--data-output", "predictions"]);
    let mut first = command.arg("--jsonl").arg(&lines).spawn().unwrap();
    wait_for_bytes(&lines, MAX_WAIT);
    let (code, errors) = errors_of(&mut run(&worker, &film(), &[]));
    assert_eq!(code, 6, "{errors}");
    first.kill().unwrap();
    first.wait().unwrap();
}

#[test]
fn a_camera_of_the_private_network_is_pulled_only_where_that_is_allowed() {
    let camera = "rtsp://u:s3cret@127.0.0.1:9/1";
    let closed = WorkerProcess::start_with(&["--allow-private-sources", "false"]);
    let (code, errors) = errors_of(&mut run(&closed, camera, &[]));
    assert_eq!(code, 5, "{errors}");
    assert!(errors.contains("private networks") && !errors.contains("s3cret"), "{errors}");
    let open = WorkerProcess::start();
    let (_, errors) = errors_of(&mut run(&open, camera, &[]));
    assert!(errors.contains("camera cannot be used"), "{errors}");
}
