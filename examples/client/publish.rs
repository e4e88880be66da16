//! Publishes a camera to a WHIP server until Ctrl-C, and prints how much has been published by then.
//!
//! `cargo run --package client --features local-stream --bin publish -- rtsp://camera/stream https://example.org/whip/camera1 token`
//!
//! Nothing comes back: what the server does with the video it was told before.
#![expect(clippy::print_stdout, reason = "an example talks")]

use anyhow::bail;
use streamsdk::{Client, Handlers, LocalStreamSource, WhipSignaling};

#[tokio::main]
async fn main() -> anyhow::Result<()> {
    let arguments: Vec<String> = std::env::args().skip(1).collect();
    let [camera, server, token @ ..] = arguments.as_slice() else {
        bail!("expected: URL WHIP-URL [TOKEN]");
    };

    let mut whip = WhipSignaling::builder(server);
    if let Some(token) = token.first() {
        whip = whip.bearer_token(token.clone());
    }
    let client = Client::builder(server).signaling(whip.build()?).build()?;
    let source = LocalStreamSource::open(camera).await?;
    let session = client.stream(source).start().await?;
    let control = session.control();
    tokio::spawn(async move {
        if tokio::signal::ctrl_c().await.is_ok() {
            control.close();
        }
    });
    println!("{}", session.run(Handlers::default()).await?);
    Ok(())
}
