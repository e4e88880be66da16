//! The checks with the real JavaScript SDK: web pages, which reach our worker through a backend of theirs, and our client
//! that does the same.

use std::path::Path;
use std::time::Duration;

use anyhow::{Context, Result, ensure};
use serde_json::{Value, json};

use super::bench::Bench;
use super::expect;
use crate::clip::SHAPES;
use crate::peers::{
    Backend, Browser, CliRun, InferenceServer, PageReport, PageRun, PageSource, RtspServer, Worker,
    pages_can_be_run,
};
use crate::tally::Tally;

/// A browser takes a few seconds to start, and many while the machine is busy.
const LIMIT: Duration = Duration::from_secs(90);
/// How often a page opens a session again.
const REOPENED: u32 = 2;
/// What our client sends on a track.
const PATTERN: &str = "pattern:320x240@30";
const TRACK: &[&str] = &["--duration", "2", "--every-frame"];

pub fn with_our_worker(tally: &mut Tally, bench: &Bench<'_>, worker: &Worker, cli: &Path) {
    if let Err(why) = pages_can_be_run() {
        tally.skip("the JavaScript SDK in browsers and our worker", &format!("{why:#}"));
        return;
    }
    our_client_through_their_backend(tally, bench, worker, cli);
    let file = PageSource::File(bench.clip);
    for (browser, source, way) in [
        (Browser::Chromium, file, "a file"),
        (Browser::Chromium, PageSource::Drawing, "a track"),
        // It does not use loopback, where the worker listens.
        (Browser::Firefox, file, "a file"),
        (Browser::Firefox, PageSource::Camera, "a camera"),
    ] {
        tally.check(&format!("the JavaScript SDK in {browser:?} and our worker: {way}"), || {
            seen_by(&PageRun::new(browser, worker.url(), source).run(LIMIT)?, source)
        });
    }
    tally.check("the JavaScript SDK and our worker: an RTSP camera", || {
        let camera = RtspServer::start(bench.marked_clip, bench.directory)?;
        let source = PageSource::Rtsp(camera.url());
        seen_by(&PageRun::new(Browser::Chromium, worker.url(), source).run(LIMIT)?, source)
    });
    tally.check(
        "the JavaScript SDK and our worker: a camera, reopened, its outputs changed",
        || {
            let source = PageSource::Camera;
            let page = PageRun::new(Browser::Chromium, worker.url(), source);
            let page =
                page.sessions(1 + REOPENED).then_outputs(&["predictions", "image"]).run(LIMIT)?;
            let outputs = page.report["last_outputs"].as_array().context("no outputs came")?;
            let has = |name: &str| outputs.iter().any(|output| output == name);
            ensure!(has("predictions") && has("image"), "{outputs:?} came last");
            seen_by(&page, source)
        },
    );
}

fn our_client_through_their_backend(
    tally: &mut Tally,
    bench: &Bench<'_>,
    worker: &Worker,
    cli: &Path,
) {
    tally.check("our client, a JavaScript backend and our worker: a file", || {
        let backend = Backend::in_javascript(worker.url(), bench.directory)?;
        let run = by_backend(bench, cli, bench.clip, &backend).data_output("predictions");
        expect::every_frame(&run.run(LIMIT)?, "predictions", |value| !value.is_null())
    });
    tally.check("our client, a JavaScript backend and our worker: a track", || {
        let backend = Backend::in_javascript(worker.url(), bench.directory)?;
        let run = by_backend(bench, cli, Path::new(PATTERN), &backend).data_output("predictions");
        expect::every_frame_of_a_track(&run.video_options(TRACK).run(LIMIT)?)
    });
}

/// Our client before the real server. It cannot be told of a file by the SDK, which never says that there is one.
pub fn with_the_real_server(
    tally: &mut Tally,
    bench: &Bench<'_>,
    server: &InferenceServer,
    cli: &Path,
) {
    if pages_can_be_run().is_err() {
        return;
    }
    tally.check("our client, a JavaScript backend and the real server: a track", || {
        let backend = Backend::in_javascript(&server.url(), bench.directory)?;
        let run = by_backend(bench, cli, Path::new(PATTERN), &backend).workflow("blur");
        let run = run.data_output("image_size").video_options(TRACK);
        expect::every_frame_of_a_track(&run.run(LIMIT)?)
    });
}

fn by_backend(bench: &Bench<'_>, cli: &Path, source: &Path, backend: &Backend) -> CliRun {
    let outputs = bench.directory.join("by-backend");
    CliRun::new(cli, backend.url(), source, outputs).backend(backend.url())
}

/// A page whose backend is the one of our examples.
pub fn through_our_backend(tally: &mut Tally, bench: &Bench<'_>, worker: &Worker, program: &Path) {
    if pages_can_be_run().is_err() {
        return;
    }
    for (source, way) in
        [(PageSource::File(bench.clip), "a file"), (PageSource::Drawing, "a track")]
    {
        tally.check(&format!("the JavaScript SDK, our backend and our worker: {way}"), || {
            let backend = Backend::ours(program, worker.url(), bench.directory)?;
            let page = PageRun::new(Browser::Chromium, worker.url(), source);
            seen_by(&page.backend(backend.url()).run(LIMIT)?, source)
        });
    }
}

/// What is to be said of a page that is as it should be.
fn seen_by(page: &PageReport, source: PageSource<'_>) -> Result<String> {
    for report in page.report["earlier"].as_array().into_iter().flatten() {
        session_went_well(report).context("an earlier session")?;
    }
    let seen = match source {
        PageSource::File(_) => got_every_frame(&page.report),
        _ => got_data_and_pictures(&page.report),
    }?;
    Ok(format!("{seen}, {}", page.cost()))
}

/// The page saw each frame of a file once and in order, and was told the end.
fn got_every_frame(report: &Value) -> Result<String> {
    went_well(report)?;
    let frames = &report["frame_ids"];
    ensure!(*frames == json!([[1, SHAPES.frames]]), "frames {frames} came: {report}");
    Ok(format!("{} messages", report["data_messages"]))
}

/// The page got data about the frames that it sent, and pictures, until the time limit of the session.
fn got_data_and_pictures(report: &Value) -> Result<String> {
    went_well(report)?;
    ensure!(report["termination_reason"] == "timeout_reached", "it ended otherwise: {report}");
    ensure!(report["seconds"]["picture"].is_number(), "no picture came: {report}");
    Ok(format!("{} messages and pictures", report["data_messages"]))
}

/// There were results, and an end that nobody takes for an error.
fn went_well(report: &Value) -> Result<()> {
    ensure!(report["console_errors"] == json!([]), "on the console: {}", report["console_errors"]);
    session_went_well(report)
}

fn session_went_well(report: &Value) -> Result<()> {
    ensure!(report["exception"].is_null(), "it failed: {}", report["exception"]);
    ensure!(report["error_frames"] == 0, "frames had errors: {}", report["first_errors"]);
    ensure!(report["predictions"].as_u64() > Some(0), "there was not one prediction in it");
    let ended = (&report["processing_complete"], &report["closed_because"]);
    ensure!(ended == (&json!(true), &json!("server")), "it ended as {ended:?}");
    Ok(())
}

#[cfg(test)]
mod tests {
    use super::*;

    fn good_report() -> Value {
        json!({
            "exception": null, "console_errors": [], "error_frames": 0, "predictions": 9,
            "processing_complete": true, "closed_because": "server", "frame_ids": [[1, 300]],
            "data_messages": 300, "seconds": { "picture": 0.8 }, "termination_reason": "timeout_reached",
        })
    }

    #[test]
    fn anything_missing_from_a_page_is_a_failure() {
        got_every_frame(&good_report()).unwrap();
        got_data_and_pictures(&good_report()).unwrap();
        for (pointer, value) in [
            ("/exception", json!("no")),
            ("/console_errors", json!(["Data channel error"])),
            ("/error_frames", json!(1)),
            ("/predictions", json!(0)),
            ("/predictions", json!(null)),
            ("/processing_complete", json!(false)),
            ("/closed_because", json!("time limit")),
        ] {
            let mut report = good_report();
            *report.pointer_mut(pointer).unwrap() = value;
            assert!(got_every_frame(&report).is_err(), "{pointer}");
            assert!(got_data_and_pictures(&report).is_err(), "{pointer}");
        }
        let lost = json!({ "frame_ids": [[1, 299]] });
        assert!(got_every_frame(&merged(lost)).is_err());
        let dark = json!({ "seconds": {} });
        assert!(got_data_and_pictures(&merged(dark)).is_err());
    }

    fn merged(changes: Value) -> Value {
        let mut report = good_report();
        let changes = changes.as_object().unwrap().clone();
        report.as_object_mut().unwrap().extend(changes);
        report
    }
}
