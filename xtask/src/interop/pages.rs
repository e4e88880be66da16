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
    ANOTHER_HOST, Backend, Browser, CliRun, InferenceServer, LiveEnd, Origin, PageReport, PageRun,
    PageSource, RtspServer, Worker, free_port, pages_can_be_run,
};
use crate::tally::Tally;

/// A browser takes a few seconds to start, and many while the machine is busy.
const LIMIT: Duration = Duration::from_secs(90);
/// What a page has the server process at most.
const TIME_LIMIT: Duration = Duration::from_secs(2);
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
    let run = |browser, source| PageRun::new(browser, worker.url(), source);
    for browser in [Browser::Chromium, Browser::Firefox] {
        tally.check(&format!("the JavaScript SDK in {browser:?} and our worker: a file"), || {
            seen_by(&run(browser, file).run(LIMIT)?, file)
        });
    }
    tally.check(
        "the JavaScript SDK in Chromium and our worker: a track, without a backend",
        || {
            let page = run(Browser::Chromium, PageSource::Drawing).directly_from(Origin::Loopback);
            seen_by(&page.run(LIMIT)?, PageSource::Drawing)
        },
    );
    // A drawing of Firefox's does not get to the worker: it does not use loopback, where that listens.
    tally.check("the JavaScript SDK in Firefox and our worker: a camera, reopened", || {
        let page = run(Browser::Firefox, PageSource::Camera).directly_from(Origin::Loopback);
        seen_by(&page.sessions(1 + REOPENED).run(LIMIT * (1 + REOPENED))?, PageSource::Camera)
    });
    pages_of_another_host(tally, bench, worker, cli);
    tally.check("the JavaScript SDK and our worker: a track, until its time limit", || {
        let page = PageRun::new(Browser::Chromium, worker.url(), PageSource::Drawing);
        reached_its_time_limit(&page.live_until(LiveEnd::TimeLimit(TIME_LIMIT)).run(LIMIT)?.report)
    });
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
            let page = page.sessions(1 + REOPENED).then_outputs(&["predictions", "image"]);
            let page = page.run(LIMIT * (1 + REOPENED))?;
            let outputs = page.report["last_outputs"].as_array().context("no outputs came")?;
            let has = |name: &str| outputs.iter().any(|output| output == name);
            ensure!(has("predictions") && has("image"), "{outputs:?} came last");
            seen_by(&page, source)
        },
    );
}

/// They have to be allowed.
fn pages_of_another_host(tally: &mut Tally, bench: &Bench<'_>, worker: &Worker, cli: &Path) {
    let run = |browser, worker: &Worker, port| {
        let page = PageRun::new(browser, worker.url(), PageSource::File(bench.clip));
        page.directly_from(Origin::Another(port)).run(LIMIT)
    };
    for browser in [Browser::Chromium, Browser::Firefox] {
        let name = format!("the JavaScript SDK in {browser:?} and our worker: another host's page");
        tally.check(&name, || {
            let port = free_port()?;
            let allowed = format!("http://{ANOTHER_HOST}:{port}");
            let options = ["--allow-origin".as_ref(), allowed.as_ref()];
            let log = bench.directory.join("worker-of-another-host.log");
            let allowing = Worker::start_at(cli, free_port()?, &options, log)?;
            let seen = seen_by(&run(browser, &allowing, port)?, PageSource::File(bench.clip))?;
            let refused = was_refused(&run(browser, worker, port)?.report)?;
            Ok(format!("{seen}; where it is not allowed: {refused}"))
        });
    }
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
    let as_expected = match source {
        PageSource::File(_) => got_every_frame,
        _ => got_data_and_pictures,
    };
    for report in page.report["earlier"].as_array().into_iter().flatten() {
        as_expected(report).context("an earlier session")?;
    }
    complained_of_nothing(&page.report)?;
    Ok(format!("{}, {}", as_expected(&page.report)?, page.cost()))
}

/// A browser does not tell the page why.
fn was_refused(report: &Value) -> Result<String> {
    ensure!(report["data_messages"] == 0, "{} messages came", report["data_messages"]);
    let exception = report["exception"].as_str();
    exception.map(String::from).with_context(|| format!("it was not refused: {report}"))
}

fn complained_of_nothing(report: &Value) -> Result<()> {
    ensure!(report["console_errors"] == json!([]), "on the console: {}", report["console_errors"]);
    Ok(())
}

/// The page saw each frame of a file once and in order, and was told the end.
fn got_every_frame(report: &Value) -> Result<String> {
    got_predictions(report)?;
    ended_by_the_server(report)?;
    let frames = &report["frame_ids"];
    ensure!(*frames == json!([[1, SHAPES.frames]]), "frames {frames} came: {report}");
    Ok(format!("{} messages", report["data_messages"]))
}

/// The page got data about the frames that it sent, and pictures, until it had enough of them.
fn got_data_and_pictures(report: &Value) -> Result<String> {
    got_predictions(report)?;
    let ended = &report["closed_because"];
    ensure!(ended == "it has seen enough", "it ended because of {ended}: {report}");
    ensure!(report["seconds"]["picture"].is_number(), "no picture came: {report}");
    Ok(format!("{} messages and pictures", report["data_messages"]))
}

/// How much came before is not asked: a slow machine may have nothing by then.
fn reached_its_time_limit(report: &Value) -> Result<String> {
    complained_of_nothing(report)?;
    no_frame_failed(report)?;
    ended_by_the_server(report)?;
    ensure!(report["termination_reason"] == "timeout_reached", "it ended otherwise: {report}");
    Ok(format!("ended after {} s of the page's", report["seconds"]["end"]))
}

fn got_predictions(report: &Value) -> Result<()> {
    no_frame_failed(report)?;
    ensure!(report["predictions"].as_u64() > Some(0), "there was not one prediction: {report}");
    Ok(())
}

fn no_frame_failed(report: &Value) -> Result<()> {
    ensure!(report["exception"].is_null(), "it failed: {}", report["exception"]);
    ensure!(report["error_frames"] == 0, "frames had errors: {}", report["first_errors"]);
    Ok(())
}

/// It said that it was done, and closed the channel itself.
fn ended_by_the_server(report: &Value) -> Result<()> {
    let ended = (&report["processing_complete"], &report["closed_because"]);
    ensure!(ended == (&json!(true), &json!("server")), "it ended as {ended:?}");
    Ok(())
}

#[cfg(test)]
mod tests {
    use super::*;

    /// Of a file that was processed to its end.
    fn file() -> Value {
        json!({
            "exception": null, "console_errors": [], "error_frames": 0, "predictions": 9,
            "processing_complete": true, "closed_because": "server", "frame_ids": [[1, 300]],
            "data_messages": 300, "seconds": {}, "termination_reason": "normal",
        })
    }

    fn live() -> Value {
        let report = with(file(), "/closed_because", json!("it has seen enough"));
        let report = with(report, "/processing_complete", json!(false));
        with(report, "/seconds", json!({ "picture": 0.8 }))
    }

    #[test]
    fn anything_missing_from_a_page_is_a_failure() {
        got_every_frame(&file()).unwrap();
        got_data_and_pictures(&live()).unwrap();
        for (pointer, value) in [
            ("/exception", json!("no")),
            ("/error_frames", json!(1)),
            ("/predictions", json!(0)),
            ("/predictions", json!(null)),
            ("/closed_because", json!("time limit")),
        ] {
            assert!(got_every_frame(&with(file(), pointer, value.clone())).is_err(), "{pointer}");
            assert!(got_data_and_pictures(&with(live(), pointer, value)).is_err(), "{pointer}");
        }
        assert!(got_every_frame(&with(file(), "/processing_complete", json!(false))).is_err());
        assert!(got_every_frame(&with(file(), "/frame_ids", json!([[1, 299]]))).is_err());
        assert!(got_data_and_pictures(&with(live(), "/seconds", json!({}))).is_err());
        let complaint = json!(["Data channel error"]);
        assert!(complained_of_nothing(&with(file(), "/console_errors", complaint)).is_err());
    }

    #[test]
    fn a_time_limit_is_kept_whatever_came_before() {
        let nothing_came = with(file(), "/predictions", json!(0));
        let ended = with(nothing_came, "/termination_reason", json!("timeout_reached"));
        reached_its_time_limit(&ended).unwrap();
        assert!(reached_its_time_limit(&file()).is_err());
        assert!(
            reached_its_time_limit(&with(ended, "/closed_because", json!("time limit"))).is_err()
        );
    }

    fn with(mut report: Value, pointer: &str, value: Value) -> Value {
        *report.pointer_mut(pointer).unwrap() = value;
        report
    }
}
