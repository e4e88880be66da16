//! The checks of sessions with video tracks. Every frame shows its number, so that it is known what came.

use std::path::Path;
use std::time::Duration;

use anyhow::Result;

use super::bench::Bench;
use super::expect_tracks::{self as expect, Numbers};
use crate::peers::{
    CliRun, InferenceServer, MARKED_FRAMES, PythonTracks, RtspServer, TrackSource, Worker,
};
use crate::tally::Tally;

/// As long as a busy machine takes for every frame.
const LIMIT: Duration = Duration::from_secs(300);

/// What our program draws and sends, and for how long: [`MARKED_FRAMES`] in all.
const PATTERN: &str = "pattern:1280x720@30";
const SECONDS: &str = "10";

pub fn with_the_real_server(
    tally: &mut Tally,
    bench: &Bench<'_>,
    server: &InferenceServer,
    cli: Option<&Path>,
) {
    tally.check("control: the Python SDK and the real server, on tracks", || {
        let run = PythonTracks::new(bench.peers, server.url(), manual());
        let report = run.workflow("marked").data_output("number_contours").run(LIMIT)?;
        // How many come back depends on what the machine does besides: the SDK and the server drop what is late.
        expect::python_paired_rightly(&report, "contours")
    });
    let Some(cli) = cli else { return };
    for codec in ["vp8", "h264"] {
        our_client_with_the_real_server(tally, bench, server, cli, codec);
    }
}

fn our_client_with_the_real_server(
    tally: &mut Tally,
    bench: &Bench<'_>,
    server: &InferenceServer,
    cli: &Path,
    codec: &str,
) {
    let run = |source: &Path, name: &str| -> CliRun {
        let outputs = bench.directory.join(format!("{name}-{codec}"));
        CliRun::new(cli, server.url(), source, outputs)
            .workflow("marked")
            .stream_output("image")
            .data_output("number_contours")
            .video_options(&["--codec", codec, "--read-markers"])
    };
    tally.check(&format!("our client and the real server: frames sent as {codec}"), || {
        // Every frame, because a server that is late for reasons of its own would drop some.
        let options = ["--duration", SECONDS, "--every-frame"];
        let report = run(Path::new(PATTERN), "pattern").video_options(&options).run(LIMIT)?;
        expect::our_client_paired_rightly(&report, Numbers::FromZeroByTime)
    });
    tally.check(&format!("our client and the real server: RTSP, back as {codec}"), || {
        let camera = RtspServer::start(bench.marked_clip, bench.directory)?;
        let report = run(Path::new(camera.url()), "rtsp").run(LIMIT)?;
        expect::our_client_paired_rightly_what_came(&report)
    });
    tally.check(&format!("our client and the real server: a camera of ours, as {codec}"), || {
        let camera = RtspServer::start(bench.marked_clip, bench.directory)?;
        let source = format!("local:{}", camera.url());
        let options = ["--reconnect", "0", "--every-frame"];
        let run = run(Path::new(&source), "local").video_options(&options);
        expect::our_client_paired_rightly_to_the_end(&run.run(LIMIT)?)
    });
    tally.check(&format!("our client and the real server: a file, back as {codec}"), || {
        let run = run(bench.marked_clip, "file-track").video_options(&["--frames-by-track"]);
        expect::our_client_paired_rightly(&run.run(LIMIT)?, Numbers::Counted)
    });
}

pub fn with_our_worker(tally: &mut Tally, bench: &Bench<'_>, worker: &Worker) {
    let run = |source: TrackSource| -> Result<String> {
        // The images in the data show which frame it is of, since the worker counts nothing.
        let run = PythonTracks::new(bench.peers, worker.url(), source);
        let report = run.data_output("image").run(LIMIT)?;
        expect::python_got_nearly_every_frame(&report, "image")
    };
    tally.check("the Python SDK and our worker: frames sent on a track", || run(manual()));
    tally.check("the Python SDK and our worker: RTSP", || {
        let camera = RtspServer::start(bench.marked_clip, bench.directory)?;
        run(TrackSource::Rtsp(camera.url().into()))
    });
}

fn manual() -> TrackSource {
    TrackSource::Manual { frames: MARKED_FRAMES, size: "1280x720" }
}
