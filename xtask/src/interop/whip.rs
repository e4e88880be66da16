//! The checks of our client as a publisher to a WHIP server that is not ours.

use std::path::Path;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::thread;
use std::time::Duration;

use anyhow::{Context, Result, ensure};
use serde_json::{Value, json};

use super::bench::Bench;
use crate::peers::{CliReport, MARKED_FRAMES, PublishRun, WHIP_TOKEN, WhipServer};
use crate::tally::Tally;

const LIMIT: Duration = Duration::from_secs(90);
/// How many of all frames must arrive, in percent. What leaves before the server's side of the handshake is done is lost.
const ENOUGH: u64 = 95;
/// The exit status with which our program says that the server wants another key.
const UNAUTHORIZED: i32 = 6;
/// The same when it was interrupted.
const INTERRUPTED: i32 = 130;
const PATTERN: &str = "pattern:640x480@30";

pub fn with_a_whip_server(tally: &mut Tally, bench: &Bench<'_>, cli: &Path) {
    for codec in ["vp8", "h264"] {
        tally.check(&format!("our client and a WHIP server: a file sent as {codec}"), || {
            let outputs = bench.directory.join(format!("whip-{codec}"));
            let options = ["--redirect", "--ice-server", "stun:10.77.0.1:9"];
            let log = outputs.with_extension("log");
            let mut server = WhipServer::start(bench.peers, log, &options)?;
            let run = PublishRun::new(cli, server.url(), WHIP_TOKEN, bench.marked_clip, &outputs)?;
            let report = run.options(&["--codec", codec]).run(LIMIT)?;
            published_to_the_end(&report)?;
            got_nearly_every_frame(&server.report()?)
        });
    }
    tally.check("our client and a WHIP server: a wrong token", || {
        let outputs = bench.directory.join("whip-token");
        let server = WhipServer::start(bench.peers, outputs.with_extension("log"), &[])?;
        let run = PublishRun::new(cli, server.url(), "another", PATTERN, &outputs)?;
        was_not_let_in(&run.run(LIMIT)?)
    });
    tally.check("our client and a WHIP server that is killed and comes back", || {
        let outputs = bench.directory.join("whip-killed");
        let start = |name: &str, port: Option<u16>| {
            let log = bench.directory.join(name);
            match port {
                Some(port) => WhipServer::start_at(bench.peers, log, &[], port),
                None => WhipServer::start(bench.peers, log, &[]),
            }
        };
        let mut first = start("whip-killed-1.log", None)?;
        let run = PublishRun::new(cli, first.url(), WHIP_TOKEN, PATTERN, &outputs)?;
        let is_enough = Arc::new(AtomicBool::new(false));
        let seen = Arc::clone(&is_enough);
        let run = run.interrupt_when(move || seen.load(Ordering::Relaxed));
        let running = thread::spawn(move || run.run(LIMIT));
        first.wait_for_a_frame()?;
        let port = first.port();
        first.kill()?;
        let mut second = start("whip-killed-2.log", Some(port))?;
        second.wait_for_a_frame()?;
        is_enough.store(true, Ordering::Relaxed);
        let report = running.join().ok().context("the check itself failed")??;
        went_on(&report, &second.report()?)
    });
}

/// Our program says that everything was published, and how it comes to that adds up.
fn published_to_the_end(report: &CliReport) -> Result<()> {
    report.finished.check()?;
    told_no_token(report)?;
    let summary = &report.summary;
    ensure!(summary["ended"] == "complete", "it ended as {}", summary["ended"]);
    ensure!(summary["frames_published"] == summary["frames_sent"], "not all: {summary}");
    ensure!(adds_up(summary), "it does not add up: {summary}");
    Ok(())
}

/// The server decoded nearly all frames of the clip, in order, and was told the end.
fn got_nearly_every_frame(seen: &Value) -> Result<String> {
    ensure!(seen["ended_by"] == "DELETE", "it was not told the end: {seen}");
    ensure!(seen["path"] == "/elsewhere", "the redirection was not followed: {seen}");
    ensure!(seen["sizes"] == json!(["640x480"]), "other pictures came: {seen}");
    ensure!(seen["in_order"] == true && seen["unreadable"] == 0, "other frames came: {seen}");
    let media = seen["media"].as_array().map(Vec::as_slice).unwrap_or_default();
    let is_video = |line: &Value| line.as_str().is_some_and(|line| line.starts_with("m=video "));
    ensure!(media.len() == 1 && is_video(&media[0]), "more was offered: {seen}");
    let frames = seen["frames"].as_u64().unwrap_or_default();
    ensure!(frames * 100 >= MARKED_FRAMES * ENOUGH, "only {frames} frames came: {seen}");
    Ok(format!("{frames} frames decoded in order, from {} to {}", seen["first"], seen["last"]))
}

fn was_not_let_in(report: &CliReport) -> Result<String> {
    let finished = &report.finished;
    let code = finished.status.and_then(|status| status.code());
    ensure!(code == Some(UNAUTHORIZED), "it ended with {}", finished.ending());
    told_no_token(report)?;
    ensure!(finished.stderr.contains("status 401"), "it says: {}", finished.stderr);
    Ok(finished.last_words().to_owned())
}

fn went_on(report: &CliReport, seen: &Value) -> Result<String> {
    let (finished, summary) = (&report.finished, &report.summary);
    let code = finished.status.and_then(|status| status.code());
    ensure!(code == Some(INTERRUPTED), "it ended with {}", finished.ending());
    ensure!(summary["links"] == 2 && summary["ended"] == "by_caller", "{summary}");
    ensure!(adds_up(summary), "it does not add up: {summary}");
    let lost = summary["dropped"]["not_returned"].as_u64().unwrap_or_default();
    ensure!(lost > 0, "nothing was lost with the server: {summary}");
    let frames = seen["frames"].as_u64().unwrap_or_default();
    ensure!(frames > 0 && seen["in_order"] == true, "the second server saw: {seen}");
    Ok(format!("{frames} frames at the second server, {lost} lost with the first"))
}

/// Each frame that was sent is under one cause.
fn adds_up(summary: &Value) -> bool {
    let published = summary["frames_published"].as_u64();
    let lost = summary["dropped"]["not_returned"].as_u64();
    let sent = summary["frames_sent"].as_u64();
    sent > Some(0) && published.zip(lost).map(|(published, lost)| published + lost) == sent
}

fn told_no_token(report: &CliReport) -> Result<()> {
    let said = [&report.finished.stdout, &report.finished.stderr];
    let tells = said.iter().any(|text| text.contains(WHIP_TOKEN));
    ensure!(!tells && !report.summary.to_string().contains(WHIP_TOKEN), "it shows the token");
    Ok(())
}

#[cfg(test)]
mod tests {
    use super::*;

    fn good() -> Value {
        json!({
            "ended_by": "DELETE", "path": "/elsewhere", "sizes": ["640x480"], "in_order": true,
            "unreadable": 0, "media": ["m=video 9 UDP/TLS/RTP/SAVPF 96"], "frames": MARKED_FRAMES,
            "first": 0, "last": 299,
        })
    }

    #[test]
    fn anything_missing_at_the_server_is_a_failure() {
        got_nearly_every_frame(&good()).unwrap();
        for (field, value) in [
            ("ended_by", json!("the connection is closed")),
            ("path", json!("/whip")),
            ("sizes", json!(["640x480", "320x240"])),
            ("in_order", json!(false)),
            ("unreadable", json!(1)),
            ("media", json!(["m=video 9 X", "m=application 9 X"])),
            ("frames", json!(MARKED_FRAMES / 2)),
        ] {
            let mut seen = good();
            seen[field] = value.clone();
            assert!(got_nearly_every_frame(&seen).is_err(), "{field} {value}");
        }
    }

    #[test]
    fn a_frame_under_no_cause_is_a_failure() {
        let summary = |published: u64| {
            let dropped = json!({ "not_returned": 3 });
            json!({ "frames_sent": 10, "frames_published": published, "dropped": dropped })
        };
        assert!(adds_up(&summary(7)) && !adds_up(&summary(6)));
        assert!(!adds_up(&json!({ "frames_sent": 10, "dropped": {} })));
    }
}
