//! Streams a video file and has closures called for what happens, in the place of a loop.
//!
//! `cargo run --package client --bin handlers -- traffic.mp4 http://localhost:9001 workspace workflow-id`
#![expect(clippy::print_stdout, reason = "an example talks")]

use anyhow::bail;
use streamsdk::{Client, Event, Handlers, StreamConfig, VideoFileSource, Workflow};

#[tokio::main]
async fn main() -> anyhow::Result<()> {
    let arguments: Vec<String> = std::env::args().skip(1).collect();
    let [file, server, workspace, workflow] = arguments.as_slice() else {
        bail!("expected: FILE SERVER WORKSPACE WORKFLOW");
    };

    let client = Client::builder(server).build()?;
    let session = client
        .stream(VideoFileSource::open(file)?)
        .workflow(Workflow::id(workspace, workflow))
        .config(StreamConfig::default().stream_output(["image"]).data_output(["predictions"]))
        .start()
        .await?;
    let control = session.control();
    let handlers = Handlers::default()
        .on_frame(move |frame| {
            // An error would end the session, and come out of `run`.
            let image = frame.image()?;
            println!("frame {}: {} by {}", frame.frame_id(), image.width(), image.height());
            if frame.frame_id() == 20 {
                control.close();
            }
            Ok::<_, streamsdk::Error>(())
        })
        .on_data_field("predictions", |predictions, data| {
            println!("frame {}: {}", data.frame_id(), predictions.json());
        })
        .on_error(|errors, data| println!("frame {}: {errors:?}", data.frame_id()))
        .on_event(|event| {
            if let Event::Upload(progress) = event {
                println!("uploaded {} of {} bytes", progress.bytes_sent, progress.bytes_total);
            }
        });
    println!("{}", session.run(handlers).await?);
    Ok(())
}
