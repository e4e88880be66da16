//! Streams a video file and prints what comes back, without a word about async.
//!
//! `cargo run --package client --bin blocking -- traffic.mp4 http://localhost:9001 workspace workflow-id`
#![expect(clippy::print_stdout, reason = "an example talks")]

use anyhow::bail;
use streamsdk::{Client, StreamConfig, VideoFileSource, Workflow};

fn main() -> anyhow::Result<()> {
    let arguments: Vec<String> = std::env::args().skip(1).collect();
    let [file, server, workspace, workflow] = arguments.as_slice() else {
        bail!("expected: FILE SERVER WORKSPACE WORKFLOW");
    };

    let client = Client::builder(server).build()?;
    let mut session = client
        .stream(VideoFileSource::open(file)?)
        .workflow(Workflow::id(workspace, workflow))
        .config(StreamConfig::default().stream_output(["image"]).data_output(["predictions"]))
        .start_blocking()?;
    // The session itself is an iterator, too, of all events.
    for frame in session.frames() {
        let frame = frame?;
        println!("frame {}: {:?}", frame.frame_id(), frame.predictions()?);
    }
    println!("{}", session.close());
    Ok(())
}
