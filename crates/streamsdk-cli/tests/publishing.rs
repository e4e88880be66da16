//! `streamsdk run --whip`: what people are told while video is published.
#![cfg(all(feature = "video", unix))]
#![allow(clippy::unwrap_used, reason = "a test stops where it fails")]

mod common;

use std::io::{BufRead, BufReader};
use std::process::Stdio;
use std::time::Duration;

use common::{exit_code, signal, streamsdk};
use nix::sys::signal::Signal;
use streamsdk_testkit::WhipServer;

const INTERRUPTED: i32 = 130;

#[tokio::test(flavor = "multi_thread")]
async fn how_much_was_published_is_told_now_and_then() {
    let server = WhipServer::start("127.0.0.1:0").await;
    let mut run = streamsdk();
    run.args(["run", "pattern:64x48@20", "--whip", &server.url()]).stderr(Stdio::piped());
    let mut run = run.spawn().unwrap();
    let mut told = BufReader::new(run.stderr.take().unwrap()).lines().map(Result::unwrap);
    let line = told.find(|line| line.contains("frames published")).unwrap();
    assert!(!line.starts_with("0 ") && line.contains("Mbit/s"), "{line}");
    signal(&run, Signal::SIGTERM);
    assert_eq!(exit_code(&mut run, Duration::from_secs(60)), INTERRUPTED);
}
