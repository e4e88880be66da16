//! Runs a model on a video file by its id, without a workflow, and prints what it finds.
//!
//! `ROBOFLOW_API_KEY=… cargo run --package client --bin model -- traffic.mp4 https://serverless.roboflow.com rfdetr-nano [TASK]`
//!
//! Without a task, such as `object-detection`, Roboflow's API is asked what the model does.
#![expect(clippy::print_stdout, reason = "an example talks")]

use anyhow::bail;
use streamsdk::{Client, Event, VideoFileSource};

#[tokio::main]
async fn main() -> anyhow::Result<()> {
    let arguments: Vec<String> = std::env::args().skip(1).collect();
    let (file, server, model, task) = match arguments.as_slice() {
        [file, server, model] => (file, server, model, None),
        [file, server, model, task] => (file, server, model, Some(task.parse()?)),
        _ => bail!("expected: FILE SERVER MODEL [TASK]"),
    };

    let mut client = Client::builder(server);
    if let Ok(key) = std::env::var("ROBOFLOW_API_KEY") {
        client = client.api_key(key);
    }
    let mut stream = client.build()?.stream(VideoFileSource::open(file)?).model(model);
    if let Some(task) = task {
        stream = stream.task(task);
    }
    // Without a word about outputs, the image comes, and what the model says.
    let mut session = stream.start().await?;
    while let Some(event) = session.next().await {
        if let Event::Frame(frame) = event? {
            match frame.output("predictions") {
                Some(predictions) => println!("frame {}: {}", frame.frame_id(), predictions.json()),
                None => println!("frame {}: {:?}", frame.frame_id(), frame.errors()),
            }
        }
    }
    println!("{}", session.summary());
    Ok(())
}
