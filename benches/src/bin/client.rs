//! Runs one file session and says what it took.

use std::path::PathBuf;
use std::process::ExitCode;

use anyhow::{Context, Result};
use clap::Parser;
use serde_json::{Value, json};
use streamsdk::{Client, Event, ReceivedFrame, Session, StreamConfig, VideoFileSource};
use streamsdk_benches::{Moment, Usage, conclude, runtime, workflow};

#[derive(Parser)]
struct Options {
    /// URL of the server
    url: String,
    /// The video file
    #[arg(long)]
    file: PathBuf,
    /// The workflow as a JSON file
    #[arg(long, required_unless_present = "workflow_id")]
    workflow: Option<PathBuf>,
    /// Id of a workflow that the server knows
    #[arg(long, conflicts_with = "workflow")]
    workflow_id: Option<String>,
    /// A workflow output to be received as frames; may be repeated
    #[arg(long)]
    stream_output: Vec<String>,
    /// A workflow output to be received as data; may be repeated
    #[arg(long)]
    data_output: Vec<String>,
    /// Decode the image of every frame
    #[arg(long)]
    decode: bool,
    /// Close the session as soon as the upload has arrived
    #[arg(long)]
    upload_only: bool,
    /// API key
    #[arg(long, env = "ROBOFLOW_API_KEY", hide_env_values = true)]
    api_key: Option<String>,
    /// Threads of the runtime
    #[arg(long, default_value_t = 2)]
    threads: usize,
}

fn main() -> ExitCode {
    let options = Options::parse();
    conclude(runtime(options.threads).and_then(|runtime| runtime.block_on(measure(&options))))
}

async fn measure(options: &Options) -> Result<Value> {
    let started = Moment::now();
    let mut session = start(options).await?;
    let connected = Moment::now();
    let mut seen = Seen::default();
    while let Some(event) = session.next().await {
        match event? {
            Event::Upload(progress) => {
                seen.upload(progress.is_complete());
                if options.upload_only && progress.is_complete() {
                    break;
                }
            }
            Event::Frame(frame) => seen.frame(&frame, options.decode)?,
            Event::Data(_) => seen.result(),
            _ => {}
        }
    }
    let summary = session.close().await;
    let total = Moment::now().since(&started);

    let upload = seen.upload.span().context("nothing was uploaded")?;
    let bytes = summary.upload_bytes;
    Ok(json!({
        "frames": seen.frames,
        "results": seen.results,
        "decoded_bytes": seen.decoded_bytes,
        "receiving": seen.receiving.span().map(|span| json!({
            "wall_s": span.wall_s,
            "cpu_s": span.cpu_s,
            "cpu_ms_per_frame": 1000.0 * span.cpu_s / seen.results.saturating_sub(1).max(1) as f64,
        })),
        "upload": {
            "bytes": bytes,
            "wall_s": upload.wall_s,
            "cpu_s": upload.cpu_s,
            "mb_per_s": bytes as f64 / 1e6 / upload.wall_s,
        },
        "connect_s": connected.since(&started).wall_s,
        "total": { "wall_s": total.wall_s, "cpu_s": total.cpu_s },
        "peak_rss_mb": Usage::peak_rss_mb(),
        "summary": summary,
    }))
}

async fn start(options: &Options) -> Result<Session> {
    let workflow = workflow(options.workflow.as_deref(), options.workflow_id.as_deref())?;
    let mut client = Client::builder(&options.url);
    if let Some(key) = &options.api_key {
        client = client.api_key(key.as_str());
    }
    let config = StreamConfig::default()
        .stream_output(options.stream_output.iter())
        .data_output(options.data_output.iter());
    let session = client.build()?.stream(VideoFileSource::open(&options.file)?);
    Ok(session.workflow(workflow).config(config).start().await?)
}

/// What came, and between which moments.
#[derive(Default)]
struct Seen {
    frames: u64,
    results: u64,
    decoded_bytes: u64,
    upload: Span,
    receiving: Span,
}

impl Seen {
    fn upload(&mut self, complete: bool) {
        // Reported again after it was complete, it would count time in which nothing is uploaded.
        if !self.upload.over {
            self.upload.extend();
            self.upload.over = complete;
        }
    }

    fn result(&mut self) {
        self.results += 1;
        self.receiving.extend();
    }

    fn frame(&mut self, frame: &ReceivedFrame, decode: bool) -> Result<()> {
        self.result();
        self.frames += 1;
        if decode {
            let image = frame.image()?;
            self.decoded_bytes += u64::from(image.width()) * u64::from(image.height()) * 3;
            std::hint::black_box(&image);
        }
        Ok(())
    }
}

/// From the first time that something happened to the last.
#[derive(Default)]
struct Span {
    first: Option<Moment>,
    last: Option<Moment>,
    over: bool,
}

impl Span {
    fn extend(&mut self) {
        let now = Moment::now();
        self.first.get_or_insert(now);
        self.last = Some(now);
    }

    fn span(&self) -> Option<Usage> {
        Some(self.last?.since(&self.first?))
    }
}
