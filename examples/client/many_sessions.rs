//! Streams many video files at once, each in a session of its own, and says of each how it went.
//!
//! `cargo run --package client --bin many_sessions -- http://localhost:9001 workspace workflow-id *.mp4`
#![expect(clippy::print_stdout, reason = "an example talks")]

use anyhow::{Context, bail};
use futures::stream::{self, StreamExt};
use streamsdk::{Client, StreamConfig, Summary, VideoFileSource, Workflow};

/// Sessions at a time.
const TOGETHER: usize = 4;

#[tokio::main]
async fn main() -> anyhow::Result<()> {
    let arguments: Vec<String> = std::env::args().skip(1).collect();
    let [server, workspace, workflow, files @ ..] = arguments.as_slice() else {
        bail!("expected: SERVER WORKSPACE WORKFLOW FILE...");
    };

    // Clones are cheap, and share what they have.
    let client = Client::builder(server).build()?;
    let workflow = Workflow::id(workspace, workflow);
    let sessions = files.iter().map(|file| {
        let (client, workflow) = (client.clone(), workflow.clone());
        async move { (file, stream_one(&client, workflow, file).await) }
    });
    let mut outcomes = stream::iter(sessions).buffer_unordered(TOGETHER);
    let mut failed = 0;
    while let Some((file, outcome)) = outcomes.next().await {
        match outcome {
            Ok(summary) => println!("{file}: {summary}"),
            Err(error) => {
                println!("{file}: {error:#}");
                failed += 1;
            }
        }
    }
    if failed > 0 {
        bail!("{failed} of {} failed", files.len());
    }
    Ok(())
}

async fn stream_one(client: &Client, workflow: Workflow, file: &str) -> anyhow::Result<Summary> {
    let mut session = client
        .stream(VideoFileSource::open(file)?)
        .workflow(workflow)
        .config(StreamConfig::default().data_output(["predictions"]))
        .start()
        .await
        .context("no session came about")?;
    Ok(session.wait(None).await?)
}
