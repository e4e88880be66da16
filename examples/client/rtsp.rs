//! Has a server pull a camera by RTSP, and prints what comes back until Ctrl-C.
//!
//! `cargo run --package client --features video --bin rtsp -- rtsp://camera/stream http://localhost:9001 workspace workflow-id`
//!
//! The server has to reach the camera. Where only this machine does, take `local_stream`.
#![expect(clippy::print_stdout, reason = "an example talks")]

use anyhow::bail;
use streamsdk::{Client, Event, RtspSource, StreamConfig, Workflow};

#[tokio::main]
async fn main() -> anyhow::Result<()> {
    let arguments: Vec<String> = std::env::args().skip(1).collect();
    let [camera, server, workspace, workflow] = arguments.as_slice() else {
        bail!("expected: RTSP-URL SERVER WORKSPACE WORKFLOW");
    };

    let client = Client::builder(server).build()?;
    let mut session = client
        .stream(RtspSource::new(camera)?)
        .workflow(Workflow::id(workspace, workflow))
        .config(StreamConfig::default().stream_output(["image"]).data_output(["predictions"]))
        .start()
        .await?;
    let control = session.control();
    tokio::spawn(async move {
        // What has arrived by then still comes.
        if tokio::signal::ctrl_c().await.is_ok() {
            control.close();
        }
    });
    while let Some(event) = session.next().await {
        match event? {
            // The picture came on a video track, and was matched to what was found in it.
            Event::Frame(frame) => {
                println!("frame {}: {:?}", frame.frame_id(), frame.predictions()?);
            }
            Event::Reconnecting(reconnecting) => println!("{reconnecting}"),
            Event::Reconnected(reconnected) => println!("{reconnected}"),
            _ => {}
        }
    }
    println!("{}", session.summary());
    Ok(())
}
