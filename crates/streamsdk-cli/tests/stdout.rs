//! Standard output has results and nothing else, and may be closed or full.
#![cfg(all(feature = "worker", target_os = "linux"))]
#![allow(clippy::unwrap_used, reason = "a test stops where it fails")]

mod common;

use std::fs::OpenOptions;
use std::io::{BufRead, BufReader, Read};
use std::process::{Child, Command, Stdio};
use std::time::Duration;

use common::{clip, exit_code, streamsdk};
use serde_json::Value;

const MAX_WAIT: Duration = Duration::from_secs(60);
/// As shells have it for SIGPIPE.
const READER_GONE: i32 = 141;

fn run(options: &[&str]) -> Command {
    let mut command = streamsdk();
    command.arg("run").arg(clip("moving_300.mp4")).args(["--workflow-id", "motion"]).args(options);
    command
}

#[test]
fn a_dash_is_standard_output_and_the_summary_for_people_goes_elsewhere() {
    let output = run(&["--jsonl", "-"]).output().unwrap();
    let lines = String::from_utf8(output.stdout).unwrap();
    assert_eq!(
        lines.lines().filter(|line| serde_json::from_str::<Value>(line).is_ok()).count(),
        300
    );
    assert!(String::from_utf8(output.stderr).unwrap().contains("300 of 300 frames returned"));

    for name in ["-", "/dev/stdout"] {
        let output = run(&["--summary-json", name]).output().unwrap();
        let summary: Value = serde_json::from_slice(&output.stdout).unwrap();
        assert_eq!(summary["frames_returned"], 300, "{name}");
    }
}

/// Reads a line, goes away, and takes what is said about it.
fn leave_after_a_line(mut child: Child) -> (i32, String) {
    let mut line = String::new();
    BufReader::new(child.stdout.take().unwrap()).read_line(&mut line).unwrap();
    let code = exit_code(&mut child, MAX_WAIT);
    let mut errors = String::new();
    child.stderr.take().unwrap().read_to_string(&mut errors).unwrap();
    (code, errors)
}

#[test]
fn a_reader_that_goes_away_ends_the_run_quietly() {
    let mut command = run(&["--realtime", "--data-output", "predictions", "--jsonl", "-"]);
    let child = command.stdout(Stdio::piped()).stderr(Stdio::piped()).spawn().unwrap();
    let (code, errors) = leave_after_a_line(child);
    assert_eq!(code, READER_GONE, "{errors}");
    assert!(!errors.contains("panicked") && !errors.contains("error"), "{errors}");
}

#[test]
fn a_reader_that_never_was_ends_every_command_quietly() {
    let mut commands = vec![run(&[])];
    for arguments in [&["completions", "bash"][..], &["man", "run"], &["--help"]] {
        let mut command = streamsdk();
        command.args(arguments);
        commands.push(command);
    }
    for mut command in commands {
        let (reader, writer) = std::io::pipe().unwrap();
        drop(reader);
        let output = command.stdout(writer).stderr(Stdio::piped()).output().unwrap();
        let errors = String::from_utf8(output.stderr).unwrap();
        assert!(!errors.contains("panicked"), "{command:?}: {errors}");
        assert!(matches!(output.status.code(), Some(0 | READER_GONE)), "{command:?}: {errors}");
    }
}

#[test]
fn a_full_standard_output_is_an_error_that_says_so() {
    for options in [&[][..], &["--jsonl", "-"], &["--summary-json", "-"]] {
        let full = OpenOptions::new().write(true).open("/dev/full").unwrap();
        let output = run(options).stdout(full).stderr(Stdio::piped()).output().unwrap();
        let errors = String::from_utf8(output.stderr).unwrap();
        assert_eq!(output.status.code(), Some(1), "{options:?}: {errors}");
        assert!(errors.contains("standard output cannot be written: No space"), "{errors}");
    }
}

#[test]
fn a_closed_standard_error_changes_nothing() {
    let (reader, writer) = std::io::pipe().unwrap();
    drop(reader);
    let mut command = run(&["--log", "trace"]);
    let output = command.stdout(Stdio::piped()).stderr(writer).output().unwrap();
    assert!(output.status.success());
    assert!(String::from_utf8(output.stdout).unwrap().starts_with("300 of 300 frames"));
}

#[test]
fn a_quiet_run_says_nothing() {
    let output = run(&["--quiet"]).output().unwrap();
    assert!(output.status.success());
    assert!(output.stdout.is_empty() && output.stderr.is_empty(), "{output:?}");
}
