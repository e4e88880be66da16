//! Streams a video file to a server and prints what comes back.
//!
//! `cargo run --package client --bin file -- traffic.mp4 http://localhost:9001 workspace workflow-id`
//!
//! It takes streamsdk, tokio and anyhow, and builds with cargo alone.
#![expect(clippy::print_stdout, reason = "an example talks")]

use anyhow::bail;
use streamsdk::{Client, Event, StreamConfig, VideoFileSource, Workflow};

#[tokio::main]
async fn main() -> anyhow::Result<()> {
    let arguments: Vec<String> = std::env::args().skip(1).collect();
    let [file, server, workspace, workflow] = arguments.as_slice() else {
        bail!("expected: FILE SERVER WORKSPACE WORKFLOW");
    };

    let client = Client::builder(server).build()?;
    let mut session = client
        .stream(VideoFileSource::open(file)?)
        .workflow(Workflow::id(workspace, workflow))
        .config(StreamConfig::default().stream_output(["image"]).data_output(["predictions"]))
        .start()
        .await?;
    while let Some(event) = session.next().await {
        match event? {
            Event::Frame(frame) => {
                let found = frame.detections()?.map_or(0, |found| found.len());
                println!(
                    "frame {}: {found} found, {} bytes",
                    frame.frame_id(),
                    frame.jpeg()?.len()
                );
            }
            Event::Upload(progress) => {
                println!("uploaded {} of {} bytes", progress.bytes_sent, progress.bytes_total);
            }
            _ => {}
        }
    }
    println!("{}", session.summary());
    Ok(())
}
