//! `streamsdk run --config` and `streamsdk check`: many streams from a file.
#![cfg(all(feature = "fleet", feature = "worker", feature = "video", unix))]
#![allow(clippy::unwrap_used, reason = "a test stops where it fails")]

mod common;

#[cfg(feature = "view")]
use std::io::{BufRead, BufReader, Write};
#[cfg(feature = "view")]
use std::net::TcpStream;
use std::path::{Path, PathBuf};
use std::process::{Child, Stdio};
use std::time::{Duration, Instant};

use common::{WorkerProcess, clip, errors_of, exit_code, signal, streamsdk};
use nix::sys::signal::Signal;
use serde_json::Value;

const LIMIT: Duration = Duration::from_secs(60);
const WRONG_USAGE: i32 = 2;
const INCOMPLETE: i32 = 10;
const INTERRUPTED: i32 = 130;

/// Writes a file of streams whose results go to `results.jsonl` beside it.
fn write(folder: &Path, server: &str, streams: &str) -> PathBuf {
    let path = folder.join("streams.toml");
    let text = format!(
        "[defaults]\nserver = \"{server}\"\nworkspace = \"local\"\nworkflow_id = \"motion\"\n\
         sinks = [\"log\"]\nmax_restart_wait = 0.2\n\
         [sinks.log]\ntype = \"jsonl\"\npath = \"results.jsonl\"\nspool = \"spool\"\n{streams}"
    );
    std::fs::write(&path, text).unwrap();
    path
}

fn start(config: &Path) -> Child {
    streamsdk().args(["run", "--config"]).arg(config).stderr(Stdio::piped()).spawn().unwrap()
}

/// The streams of the results so far, with how many each has.
fn results(folder: &Path) -> Vec<(String, usize)> {
    let text = std::fs::read_to_string(folder.join("results.jsonl")).unwrap_or_default();
    let mut counts = std::collections::BTreeMap::new();
    // The last line may be written just now.
    for record in text.lines().filter_map(|line| serde_json::from_str::<Value>(line).ok()) {
        *counts.entry(record["stream"].as_str().unwrap().to_owned()).or_default() += 1;
    }
    counts.into_iter().collect()
}

fn wait_for_results(folder: &Path, stream: &str) {
    let started = Instant::now();
    while !results(folder).iter().any(|(name, _)| name == stream) {
        assert!(started.elapsed() < LIMIT, "{stream} gives nothing");
        std::thread::sleep(Duration::from_millis(20));
    }
}

fn errors(child: &mut Child) -> String {
    std::io::read_to_string(child.stderr.take().unwrap()).unwrap()
}

#[test]
fn files_are_streamed_to_their_last_frame_and_then_the_program_ends() {
    let (worker, folder) = (WorkerProcess::start(), tempfile::tempdir().unwrap());
    let file = clip("plain_160x120.mp4");
    let streams = format!("[streams.a]\nsource = {file:?}\n[streams.b]\nsource = {file:?}\n");
    let mut child = start(&write(folder.path(), &worker.url, &streams));
    assert_eq!(exit_code(&mut child, LIMIT), 0);
    assert_eq!(results(folder.path()), [("a".to_owned(), 30), ("b".to_owned(), 30)]);
    let said = errors(&mut child);
    assert!(said.contains("streams: 2 complete; 60 frames returned, 0 dropped"), "{said}");
    assert!(said.contains("sink log: 60 delivered, 0 waiting"), "{said}");
}

#[test]
fn a_file_that_cannot_be_processed_is_told_by_the_exit_status() {
    let (worker, folder) = (WorkerProcess::start(), tempfile::tempdir().unwrap());
    let (good, bad) = (clip("plain_160x120.mp4"), clip("text.mp4"));
    let streams = format!("[streams.bad]\nsource = {bad:?}\n[streams.good]\nsource = {good:?}\n");
    let mut child = start(&write(folder.path(), &worker.url, &streams));
    assert_eq!(exit_code(&mut child, LIMIT), INCOMPLETE);
    assert_eq!(results(folder.path()), [("good".to_owned(), 30)]);
    let said = errors(&mut child);
    assert!(said.contains("bad: ") && said.contains("1 complete"), "{said}");
}

#[test]
fn results_that_are_not_delivered_are_told_by_the_exit_status() {
    let (worker, folder) = (WorkerProcess::start(), tempfile::tempdir().unwrap());
    let streams = format!("[streams.a]\nsource = {:?}\n", clip("plain_160x120.mp4"));
    let path = write(folder.path(), &worker.url, &streams);
    let text = std::fs::read_to_string(&path).unwrap();
    // No file can be there.
    let text = text.replace("\"results.jsonl\"", "\"streams.toml/results.jsonl\"");
    std::fs::write(&path, format!("drain_limit = 0.5\n{text}")).unwrap();
    let mut child = start(&path);
    assert_eq!(exit_code(&mut child, LIMIT), INCOMPLETE);
    let said = errors(&mut child);
    assert!(said.contains("streams: 1 complete; 30 frames returned"), "{said}");
    assert!(said.contains("sink log: 0 delivered, 30 waiting"), "{said}");
}

#[test]
fn live_streams_go_on_until_the_program_is_told_to_end_and_all_is_delivered() {
    let (worker, folder) = (WorkerProcess::start(), tempfile::tempdir().unwrap());
    let config =
        write(folder.path(), &worker.url, "[streams.live]\nsource = \"pattern:64x48@20\"\n");
    let mut child = start(&config);
    wait_for_results(folder.path(), "live");
    signal(&child, Signal::SIGTERM);
    assert_eq!(exit_code(&mut child, LIMIT), INTERRUPTED);
    let said = errors(&mut child);
    let (_, count) = &results(folder.path())[0];
    assert!(said.contains(&format!("sink log: {count} delivered, 0 waiting")), "{said}");
}

#[test]
fn a_file_that_changes_and_a_hangup_change_the_streams() {
    let (worker, folder) = (WorkerProcess::start(), tempfile::tempdir().unwrap());
    let stream = |name: &str| format!("[streams.{name}]\nsource = \"pattern:64x48@20\"\n");
    let config = write(folder.path(), &worker.url, &stream("first"));
    let mut child = start(&config);
    wait_for_results(folder.path(), "first");
    // What cannot be used changes nothing.
    write(folder.path(), &worker.url, &(stream("first") + "sauce = 1\n"));
    signal(&child, Signal::SIGHUP);
    write(folder.path(), &worker.url, &stream("second"));
    signal(&child, Signal::SIGHUP);
    wait_for_results(folder.path(), "second");
    // Without a signal, too.
    write(folder.path(), &worker.url, &stream("third"));
    wait_for_results(folder.path(), "third");
    signal(&child, Signal::SIGINT);
    assert_eq!(exit_code(&mut child, LIMIT), INTERRUPTED);
    let said = errors(&mut child);
    assert!(said.contains("added third; removed second"), "{said}");
}

#[test]
fn a_server_that_is_not_there_is_waited_for() {
    let folder = tempfile::tempdir().unwrap();
    let mut worker = WorkerProcess::start();
    let url = worker.url.clone();
    worker.kill();
    let streams = "[streams.live]\nsource = \"pattern:64x48@20\"\n";
    let mut child = start(&write(folder.path(), &url, streams));
    // The stream has failed at least once when a line has come.
    let mut first = [0; 1];
    std::io::Read::read_exact(child.stderr.as_mut().unwrap(), &mut first).unwrap();
    let _worker = WorkerProcess::start_at(url.trim_start_matches("http://"));
    wait_for_results(folder.path(), "live");
    signal(&child, Signal::SIGTERM);
    assert_eq!(exit_code(&mut child, LIMIT), INTERRUPTED);
}

#[test]
fn several_files_are_streamed_with_the_same_options() {
    let (worker, folder) = (WorkerProcess::start(), tempfile::tempdir().unwrap());
    for name in ["b.mp4", "a.mp4", "notes.txt"] {
        std::fs::copy(clip("plain_160x120.mp4"), folder.path().join(name)).unwrap();
    }
    let lines = folder.path().join("results.jsonl");
    std::fs::write(&lines, "of an earlier run\n").unwrap();
    let run = |sources: &[&Path]| {
        let mut command = streamsdk();
        command.arg("run").args(sources).arg("--jsonl").arg(&lines);
        command.args(["--server", &worker.url, "--workspace", "local", "--workflow-id", "motion"]);
        command
    };
    let expected = [("a".to_owned(), 30), ("b".to_owned(), 30)];
    let (a, b) = (folder.path().join("a.mp4"), folder.path().join("b.mp4"));
    for sources in [&[folder.path()][..], &[&folder.path().join("*.mp4")], &[&a, &b]] {
        let (code, said) = errors_of(&mut run(sources));
        assert_eq!(code, 0, "{sources:?}: {said}");
        assert_eq!(results(folder.path()), expected, "{said}");
    }
    let (code, said) = errors_of(run(&[&a, &b]).arg("--save").arg(folder.path().join("o.mp4")));
    assert_eq!(code, WRONG_USAGE, "{said}");
    let (code, said) = errors_of(streamsdk().arg("run").args([&a, &b]).arg("--jsonl").arg(&b));
    assert_eq!(code, WRONG_USAGE, "{said}");
    assert!(said.contains("would overwrite the source"), "{said}");
}

#[test]
fn check_says_what_is_there_or_what_is_wrong_and_starts_nothing() {
    let folder = tempfile::tempdir().unwrap();
    // Nobody is there, and nobody is asked.
    let good =
        write(folder.path(), "http://127.0.0.1:9", "[streams.a]\nsource = \"pattern:64x48\"\n");
    let output = streamsdk().arg("check").arg(&good).output().unwrap();
    assert!(output.status.success());
    let said = String::from_utf8(output.stdout).unwrap();
    assert!(said.contains("streams: 1, sinks: 1"), "{said}");
    assert!(!folder.path().join("spool").exists());

    let bad = write(folder.path(), "http://127.0.0.1:9", "[streams.a]\nsauce = 1\n[streams.b]\n");
    for command in [&["check"][..], &["run", "--config"]] {
        let (code, said) = errors_of(streamsdk().args(command).arg(&bad));
        assert_eq!(code, WRONG_USAGE, "{said}");
        assert!(
            said.contains("streams.toml:12:1: unknown field `sauce`: is `source` meant?"),
            "{said}"
        );
        assert!(said.contains("streams.toml:13:10: the stream b cannot be"), "{said}");
    }
}

#[test]
fn what_a_file_of_streams_says_is_not_said_on_the_command_line() {
    for (arguments, said) in [
        (&["run", "--config", "s.toml", "a.mp4"][..], "cannot be used with"),
        (&["run", "--config", "s.toml", "--model", "m"], "--model has no use with --config"),
        (&["run"], "required"),
    ] {
        let (code, text) = errors_of(streamsdk().args(arguments));
        assert_eq!(code, WRONG_USAGE, "{text}");
        assert!(text.contains(said), "{arguments:?}: {text}");
    }
}

/// What the page at that URL says to somebody who has it.
#[cfg(feature = "view")]
fn state_of_page(url: &str) -> Value {
    let (origin, token) = url.split_once("/#token=").unwrap();
    let host = origin.strip_prefix("http://").unwrap();
    let mut page = TcpStream::connect(host).unwrap();
    let request = format!(
        "GET /state HTTP/1.1\r\nhost: {host}\r\nauthorization: Bearer {token}\r\n\
         connection: close\r\n\r\n"
    );
    page.write_all(request.as_bytes()).unwrap();
    let answer = std::io::read_to_string(page).unwrap();
    let (_, body) = answer.split_once("\r\n\r\n").unwrap();
    serde_json::from_str(body).unwrap()
}

#[cfg(feature = "view")]
#[test]
fn one_page_shows_all_streams_of_a_file_as_they_come_and_go() {
    let (worker, folder) = (WorkerProcess::start(), tempfile::tempdir().unwrap());
    let stream = |name: &str| format!("[streams.{name}]\nsource = \"pattern:64x48@20\"\n");
    let config = write(folder.path(), &worker.url, &(stream("first") + &stream("second")));
    let mut command = streamsdk();
    command.args(["run", "--view", "--config"]).arg(&config);
    let mut child = command.stderr(Stdio::piped()).spawn().unwrap();
    let mut said = BufReader::new(child.stderr.take().unwrap()).lines().map(Result::unwrap);
    let url = said.find_map(|line| line.strip_prefix("live page: ").map(str::to_owned)).unwrap();
    let wait_for = |expected: &[&str]| {
        let started = Instant::now();
        loop {
            let state = state_of_page(&url);
            let streams = state["streams"].as_array().unwrap();
            let mut names: Vec<_> = streams.iter().map(|s| s["name"].as_str().unwrap()).collect();
            names.sort_unstable();
            if names == expected {
                return;
            }
            assert!(started.elapsed() < LIMIT, "{names:?} are shown, and not {expected:?}");
            std::thread::sleep(Duration::from_millis(20));
        }
    };
    wait_for(&["first", "second"]);
    write(folder.path(), &worker.url, &(stream("second") + &stream("third")));
    signal(&child, Signal::SIGHUP);
    wait_for(&["second", "third"]);
    signal(&child, Signal::SIGTERM);
    assert_eq!(exit_code(&mut child, LIMIT), INTERRUPTED);
}

#[test]
fn an_admin_address_that_others_reach_takes_a_token() {
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("streams.toml");
    std::fs::write(&path, "admin = \"0.0.0.0:0\"\n").unwrap();
    let (code, said) = errors_of(streamsdk().args(["run", "--config"]).arg(&path));
    assert_ne!(code, 0);
    assert!(said.contains("admin_token"), "{said}");
}
