//! Pulls a camera by RTSP or RTMP, sends it on to a server and prints what comes back until Ctrl-C.
//!
//! `cargo run --package client --features local-stream --bin local_stream -- rtsp://camera/stream http://localhost:9001 workspace workflow-id`
//!
//! For cameras that this machine reaches and the server does not.
#![expect(clippy::print_stdout, reason = "an example talks")]

use std::time::Duration;

use anyhow::bail;
use streamsdk::{
    Client, Event, LocalStreamSource, NetworkStream, Reconnect, StreamConfig, Workflow,
};

#[tokio::main]
async fn main() -> anyhow::Result<()> {
    let arguments: Vec<String> = std::env::args().skip(1).collect();
    let [camera, server, workspace, workflow] = arguments.as_slice() else {
        bail!("expected: URL SERVER WORKSPACE WORKFLOW");
    };

    let options = NetworkStream::options(camera)
        .read_timeout(Duration::from_secs(10))
        .reconnect(Reconnect::attempts(3));
    let source = LocalStreamSource::open_with(options).await?;
    println!("the camera gives {:?}", source.format());

    let client = Client::builder(server).build()?;
    let mut session = client
        .stream(source)
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
        if let Event::Frame(frame) = event? {
            println!("frame {}: {:?}", frame.frame_id(), frame.predictions()?);
        }
    }
    if let Some(video) = session.control().statistics().video {
        println!("{} frames as they were, {} encoded anew", video.forwarded, video.encoded);
    }
    println!("{}", session.summary());
    Ok(())
}
