//! What `streamsdk doctor` says, and how it ends.
#![allow(clippy::unwrap_used, reason = "a test stops where it fails")]

mod common;

use std::process::Output;

use common::streamsdk;
use serde_json::Value;

fn doctor(arguments: &[&str]) -> Output {
    let mut command = streamsdk();
    // Whose camera is in use is no matter of a test.
    if cfg!(all(feature = "webcam", target_os = "linux")) {
        command.args(["doctor", "--no-cameras"]);
    } else {
        command.arg("doctor");
    }
    command.args(arguments).output().unwrap()
}

fn text(output: &Output) -> String {
    String::from_utf8(output.stdout.clone()).unwrap()
}

fn codes(output: &Output) -> Vec<String> {
    let diagnosis: Value = serde_json::from_slice(&output.stdout).unwrap();
    let findings = diagnosis["findings"].as_array().unwrap().iter();
    findings.map(|finding| finding["code"].as_str().unwrap().to_owned()).collect()
}

#[test]
fn a_machine_that_is_well_ends_with_0_and_says_so() {
    let output = doctor(&[]);
    let said = text(&output);
    assert_eq!(output.status.code(), Some(0), "{said}");
    assert!(said.contains("[webrtc-works]") && said.contains("Nothing is wrong"), "{said}");
    assert_eq!(text(&doctor(&["--quiet"])), "");
}

#[test]
fn what_is_wrong_ends_with_11_and_says_what_to_try() {
    let options = ["--server", "http://127.0.0.1:1", "--api-key", "s3cret"];
    let output = doctor(&options);
    let said = text(&output);
    assert_eq!(output.status.code(), Some(11), "{said}");
    assert!(said.contains("problem: The server refuses connections"), "{said}");
    assert!(said.contains("\n  Check that the server runs"), "{said}");
    assert!(said.contains("One thing is wrong"), "{said}");

    let output = doctor(&[&options[..], &["--json"]].concat());
    assert_eq!(output.status.code(), Some(11));
    assert!(codes(&output).contains(&"connection-refused".to_owned()), "{}", text(&output));
}

#[test]
fn a_turn_server_without_its_password_is_wrong_usage() {
    let output = doctor(&["--turn", "turn:127.0.0.1:1"]);
    assert_eq!(output.status.code(), Some(2));
}

#[test]
fn what_is_no_url_is_not_repeated() {
    let output = doctor(&["--server", "gopher://u:s3cret@host", "--stun", "stun://u:s3cret@host"]);
    let said = text(&output);
    assert_eq!(said.matches("[url-not-understood]").count(), 2, "{said}");
    assert!(!said.contains("s3cret"), "{said}");
}

#[cfg(feature = "worker")]
#[test]
fn a_worker_that_is_well_is_found_well() {
    let worker = common::WorkerProcess::start();
    let output = doctor(&["--server", &worker.url, "--json"]);
    assert_eq!(output.status.code(), Some(0), "{}", text(&output));
    for code in ["name-found", "connection-made", "server-answers", "clock-right"] {
        assert!(codes(&output).contains(&code.to_owned()), "no {code} in {}", text(&output));
    }
}
