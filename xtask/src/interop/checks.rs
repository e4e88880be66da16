use std::path::Path;
use std::time::Duration;

use super::bench::Bench;
use super::{expect, pages, tracks};
use crate::clip::SHAPES;
use crate::peers::{CliRun, InferenceServer, Mode, Worker};
use crate::tally::Tally;

/// A session of the real server takes half a minute when the machine is busy with something else.
const LIMIT: Duration = Duration::from_secs(150);

pub fn with_the_real_server(
    tally: &mut Tally,
    bench: &Bench<'_>,
    server: &InferenceServer,
    cli: Option<&Path>,
) {
    tally.check("control: the Python SDK and the real server", || {
        let run = bench.python(&server.url()).workflow("blur");
        let report = run.stream_output("output_image").data_output("image_size").run(LIMIT)?;
        expect::python_got_every_frame(&report)
    });
    if let Some(cli) = cli {
        our_client_with_the_real_server(tally, bench, server, cli);
        pages::with_the_real_server(tally, bench, server, cli);
    }
    tracks::with_the_real_server(tally, bench, server, cli);
    tally.check("the real server's sessions have all ended", || {
        server.wait_until_idle()?;
        Ok("no session process is left".into())
    });
}

fn our_client_with_the_real_server(
    tally: &mut Tally,
    bench: &Bench<'_>,
    server: &InferenceServer,
    cli: &Path,
) {
    tally.check("our client and the real server: blur", || {
        let run = bench.our_client(cli, &server.url(), "blur").workflow("blur");
        let report = run.stream_output("output_image").data_output("image_size").run(LIMIT)?;
        let pixels = |value: &_| *value == expect::PIXELS;
        expect::every_frame(&report, "image_size", pixels)
    });
    tally.check("our client and the real server: contours, with a parameter", || {
        let run = bench.our_client(cli, &server.url(), "contours").workflow("contours");
        let run = run.stream_output("output_image").data_output("number_contours");
        let report = run.parameter("kernel=7").run(LIMIT)?;
        expect::every_frame(&report, "number_contours", |value| value.is_u64())
    });
    for megabytes in [60, 200] {
        let name = format!("our client and the real server: a file of {megabytes} MB");
        tally.check(&name, || {
            let clip = bench.directory.join("large.mp4");
            SHAPES.write_filled(&clip, megabytes * 1_000_000)?;
            let outputs = bench.directory.join("large");
            let run = CliRun::new(cli, server.url(), &clip, outputs).workflow("blur");
            let report = run.data_output("image_size").run(LIMIT);
            std::fs::remove_file(&clip)?;
            expect::every_frame(&report?, "image_size", |value| *value == expect::PIXELS)
        });
    }
    // Without Roboflow's servers it gets as far as the model's weights, which are there.
    for task in ["object-detection", "semantic-segmentation"] {
        let name = format!("our client and the real server: a model by its id, {task}");
        tally.check(&name, || {
            let run = bench.our_client(cli, &server.url(), "model").model("rfdetr-nano", task);
            expect::every_frame_failed(&run.run(LIMIT)?, "Could not connect to Roboflow API")
        });
    }
    tally.check("our client and the real server: an output that is not there", || {
        let run = bench.our_client(cli, &server.url(), "refused").workflow("blur");
        let report = run.stream_output("output_image").data_output("no_such_output").run(LIMIT)?;
        expect::refusal_is_explained(&report, &["no_such_output", "image_size"])
    });
}

pub fn with_our_worker(tally: &mut Tally, bench: &Bench<'_>, worker: &Worker, cli: &Path) {
    for (name, mode) in [
        ("the Python SDK and our worker", Mode::File),
        ("the Python SDK and our worker, with acknowledgements", Mode::FileAcknowledged),
    ] {
        tally.check(name, || {
            let run = bench.python(worker.url()).mode(mode).workflow("motion");
            let report = run.stream_output("image").data_output("predictions").run(LIMIT)?;
            let seen = expect::python_got_every_frame(&report)?;
            Ok(format!("{seen}, {}", expect::python_got_predictions(&report)?))
        });
    }
    tally.check("the Python SDK and our worker: an output that is not there", || {
        let run = bench.python(worker.url()).workflow("motion");
        let report = run.stream_output("image").data_output("no_such_output").run(LIMIT)?;
        expect::python_was_refused(&report, &["HTTP 400", "no_such_output", "predictions"])
    });
    tracks::with_our_worker(tally, bench, worker);
    pages::with_our_worker(tally, bench, worker, cli);
    tally.check("our worker keeps the API key to itself", || {
        anyhow::ensure!(!worker.told_the_key(), "it is in its log");
        let usage = worker.program().usage();
        Ok(format!("after all sessions it has cost {usage:?}"))
    });
}
