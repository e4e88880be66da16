//! Sends frames of a program's own at a steady rate, decodes what comes back, and says what it took.

use std::process::ExitCode;
use std::thread;
use std::time::{Duration, Instant};

use anyhow::{Context, Result};
use clap::Parser;
use serde_json::{Value, json};
use streamsdk::{
    BitrateLimits, Client, Event, FrameSender, Latency, ManualSource, StreamConfig, VideoCodec,
};
use streamsdk_benches::{Moment, Usage, conclude, runtime, workflow};
use streamsdk_capture::{FrameProducer, TestPattern};
use streamsdk_media::{Frame, PixelFormat};

/// Frames that are drawn beforehand and sent over and over.
const DRAWN: u64 = 2;

#[derive(Parser)]
struct Options {
    /// URL of the server
    url: String,
    /// The workflow as a JSON file
    #[arg(long, required_unless_present = "workflow_id")]
    workflow: Option<std::path::PathBuf>,
    /// Id of a workflow that the server knows
    #[arg(long, conflicts_with = "workflow")]
    workflow_id: Option<String>,
    /// The workflow output to be received as frames
    #[arg(long, default_value = "image")]
    stream_output: String,
    /// A workflow output to be received as data; may be repeated
    #[arg(long)]
    data_output: Vec<String>,
    /// vp8 or h264
    #[arg(long, default_value = "vp8")]
    codec: VideoCodec,
    /// Always this bitrate, in bits per second, instead of one that follows the network
    #[arg(long)]
    bitrate: Option<u32>,
    #[arg(long, default_value_t = 1280)]
    width: u32,
    #[arg(long, default_value_t = 720)]
    height: u32,
    /// Frames per second
    #[arg(long, default_value_t = 30.0)]
    rate: f64,
    /// Frames to send
    #[arg(long, default_value_t = 300)]
    frames: u64,
    /// Threads of the runtime
    #[arg(long, default_value_t = 2)]
    threads: usize,
}

fn main() -> ExitCode {
    let options = Options::parse();
    conclude(runtime(options.threads).and_then(|runtime| runtime.block_on(measure(&options))))
}

async fn measure(options: &Options) -> Result<Value> {
    let drawn = draw(options)?;
    let (source, sender) = ManualSource::new();
    let workflow = workflow(options.workflow.as_deref(), options.workflow_id.as_deref())?;
    let mut config = StreamConfig::default()
        .stream_output([&options.stream_output])
        .data_output(options.data_output.iter())
        .video_codec(options.codec);
    if let Some(bitrate) = options.bitrate {
        config = config.bitrate(BitrateLimits::fixed(bitrate));
    }
    let client = Client::builder(&options.url).build()?;
    let mut session = client.stream(source).workflow(workflow).config(config).start().await?;
    sender.ready().await?;

    let started = Moment::now();
    let (frames, rate) = (options.frames, options.rate);
    let sending = thread::spawn(move || send(&sender, &drawn, frames, rate));
    let (mut returned, mut pixels, mut minutes) = (0_u64, 0_u64, Vec::new());
    let mut minute = Instant::now();
    while let Some(event) = session.next().await {
        let Event::Frame(frame) = event? else { continue };
        returned += 1;
        let image = frame.image()?;
        pixels += u64::from(image.width()) * u64::from(image.height());
        std::hint::black_box(&image);
        if minute.elapsed() >= Duration::from_secs(60) {
            minute = Instant::now();
            let latency = session.control().statistics().video.map(|video| video.to_frame);
            minutes.push(json!({
                "to_frame": latency.map(milliseconds),
                "peak_rss_mb": Usage::peak_rss_mb(),
            }));
        }
    }
    let took = Moment::now().since(&started);
    let refused = sending.join().ok().context("the sending thread panicked")?;
    let video = session.control().statistics().video.context("there was no video")?;
    let summary = session.close().await;
    Ok(json!({
        "sent": options.frames,
        "refused": refused,
        "encoded": video.encoded,
        "returned": returned,
        "pixels": pixels,
        "paired": video.pairing.paired,
        "cpu_ms_per_frame": 1000.0 * took.cpu_s / options.frames as f64,
        "encode_ms": video.encode_time.as_secs_f64() * 1e3,
        "decode_ms": video.decoded.time.as_secs_f64() * 1e3 / video.decoded.decoded.max(1) as f64,
        "bytes_sent": video.sent.bytes,
        "bytes_received": video.received.bytes,
        "target_bitrate": video.target_bitrate,
        "to_data": milliseconds(video.to_data),
        "to_frame": milliseconds(video.to_frame),
        "minutes": minutes,
        "wall_s": took.wall_s,
        "peak_rss_mb": Usage::peak_rss_mb(),
        "summary": summary,
    }))
}

/// Pictures as a program has them that got them from a camera through OpenCV.
fn draw(options: &Options) -> Result<Vec<Frame>> {
    let mut pattern = TestPattern::new(options.width, options.height, options.rate)
        .paced(false)
        .pixel_format(PixelFormat::Bgr24);
    let frame = |_| Ok(pattern.next_frame(Duration::MAX)?.frame.at(None));
    (0..DRAWN.min(options.frames)).map(frame).collect()
}

/// Sends the frames in time; returns how many were refused.
fn send(sender: &FrameSender, drawn: &[Frame], frames: u64, rate: f64) -> u64 {
    let started = Instant::now();
    let mut refused = 0;
    for (number, frame) in (0..frames).zip(drawn.iter().cycle()) {
        let due = started + Duration::from_secs_f64(number as f64 / rate);
        thread::sleep(due.saturating_duration_since(Instant::now()));
        refused += u64::from(sender.send(frame.clone()).is_err());
    }
    sender.end();
    refused
}

fn milliseconds(latency: Latency) -> Value {
    let ms = |time: Duration| time.as_secs_f64() * 1e3;
    json!({
        "count": latency.count,
        "p50": ms(latency.p50),
        "p95": ms(latency.p95),
        "p99": ms(latency.p99),
        "max": ms(latency.max),
    })
}
