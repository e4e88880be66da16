//! Has a server pull a camera as MJPEG over HTTP, and prints what it finds until Ctrl-C.
//!
//! `cargo run --package client --bin mjpeg -- http://camera/video http://localhost:9001 workspace workflow-id`
//!
//! Without pictures no video track is needed, and neither are the libraries for one.
#![expect(clippy::print_stdout, reason = "an example talks")]

use anyhow::bail;
use streamsdk::{Client, Event, MjpegSource, StreamConfig, Workflow};

#[tokio::main]
async fn main() -> anyhow::Result<()> {
    let arguments: Vec<String> = std::env::args().skip(1).collect();
    let [camera, server, workspace, workflow] = arguments.as_slice() else {
        bail!("expected: MJPEG-URL SERVER WORKSPACE WORKFLOW");
    };

    let client = Client::builder(server).build()?;
    let mut session = client
        .stream(MjpegSource::new(camera)?)
        .workflow(Workflow::id(workspace, workflow))
        .config(StreamConfig::default().data_output(["predictions"]))
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
        if let Event::Data(data) = event? {
            println!("frame {}: {:?}", data.frame_id(), data.predictions()?);
        }
    }
    println!("{}", session.summary());
    Ok(())
}
