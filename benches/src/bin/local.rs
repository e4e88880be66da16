//! Sends on what a camera of the network gives, as it is or encoded anew, and says what that took.

use std::process::ExitCode;

use anyhow::{Context, Result};
use clap::Parser;
use serde_json::{Value, json};
use streamsdk::{Client, Event, LocalStreamSource, StreamConfig, Transcode, VideoCodec, Workflow};
use streamsdk_benches::{Moment, conclude, runtime};

#[derive(Parser)]
struct Options {
    /// URL of the server
    url: String,
    /// Address of the camera
    #[arg(long)]
    camera: String,
    /// Encode anew what could be passed on
    #[arg(long)]
    transcode: bool,
    /// Frames to measure
    #[arg(long, default_value_t = 240)]
    frames: u64,
    /// Threads of the runtime
    #[arg(long, default_value_t = 2)]
    threads: usize,
}

fn main() -> ExitCode {
    let options = Options::parse();
    conclude(runtime(options.threads).and_then(|runtime| runtime.block_on(measure(&options))))
}

/// There is data only: what it takes to look at frames that come back is measured elsewhere.
async fn measure(options: &Options) -> Result<Value> {
    let transcode = if options.transcode { Transcode::Always } else { Transcode::Auto };
    let source = LocalStreamSource::open(&options.camera).await?.transcode(transcode);
    let mut session = Client::builder(&options.url)
        .build()?
        .stream(source)
        .workflow(Workflow::id("local", "passthrough"))
        .config(StreamConfig::default().video_codec(VideoCodec::H264))
        .start()
        .await?;
    let (mut seen, mut begun) = (0, None);
    while seen < options.frames {
        let event = session.next().await.context("the camera is gone")?;
        if let Event::Data(_) = event? {
            begun.get_or_insert_with(Moment::now);
            seen += 1;
        }
    }
    let took = Moment::now().since(&begun.context("no frames were asked for")?);
    let video = session.control().statistics().video.context("there was no video")?;
    session.close().await;
    Ok(json!({
        "frames": seen,
        "forwarded": video.forwarded,
        "encoded": video.encoded,
        "cpu_ms_per_frame": 1000.0 * took.cpu_s / seen as f64,
        "fps": seen as f64 / took.wall_s,
    }))
}
