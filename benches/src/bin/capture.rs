//! Turns pictures as webcams give them into encoded frames, as fast as it can on one thread, and says what
//! each step took.

use std::path::PathBuf;
use std::process::ExitCode;
use std::time::Duration;

use anyhow::{Context, Result, ensure};
use clap::Parser;
use serde_json::{Value, json};
use streamsdk_benches::{Moment, conclude, thread_cpu_time};
use streamsdk_media::video::VideoEncoder;
use streamsdk_media::video::{self, EncodeOptions, EncodedFrame, EncoderConfig, VideoCodec};
use streamsdk_media::{Frame, PixelFormat, TimeBase, Timestamp};

#[derive(Parser)]
struct Options {
    /// A file of pictures in YUYV, one behind the other
    pictures: PathBuf,
    #[arg(long, default_value_t = 1280)]
    width: u32,
    #[arg(long, default_value_t = 720)]
    height: u32,
    /// vp8 or h264
    #[arg(long, default_value = "vp8")]
    codec: VideoCodec,
    /// In bits per second
    #[arg(long, default_value_t = 1_500_000)]
    bitrate: u32,
    /// Frames to encode; the pictures are played forwards and backwards
    #[arg(long, default_value_t = 300)]
    frames: usize,
}

fn main() -> ExitCode {
    conclude(measure(&Options::parse()))
}

fn measure(options: &Options) -> Result<Value> {
    let pictures = read(options)?;
    let mut camera = Camera { width: options.width, height: options.height, took: Duration::ZERO };
    let mut encoding = Encoding::new(options)?;
    let started = Moment::now();
    for (number, picture) in there_and_back(&pictures).take(options.frames).enumerate() {
        encoding.encode(&camera.frame(picture, number)?)?;
    }
    let took = Moment::now().since(&started);

    let per_frame = |seconds: f64| 1000.0 * seconds / options.frames as f64;
    Ok(json!({
        "frames": options.frames,
        "encoded": encoding.frames,
        "bytes": encoding.bytes,
        "cpu_ms_per_frame": per_frame(took.cpu_s),
        "convert_ms": per_frame(camera.took.as_secs_f64()),
        "encode_ms": per_frame(encoding.took.as_secs_f64()),
    }))
}

fn read(options: &Options) -> Result<Vec<Vec<u8>>> {
    let path = &options.pictures;
    let bytes = std::fs::read(path).with_context(|| format!("cannot read {}", path.display()))?;
    let size = PixelFormat::Yuyv.plane_size(options.width, options.height, 0);
    let size = size.context("there is no picture of that size")?.bytes();
    ensure!(size > 0 && bytes.len() >= size, "there is no whole picture in {}", path.display());
    Ok(bytes.chunks_exact(size).map(Vec::from).collect())
}

/// First to last, back to the first, and so on: without a cut.
fn there_and_back(pictures: &[Vec<u8>]) -> impl Iterator<Item = &Vec<u8>> {
    let between = pictures.get(1..pictures.len().saturating_sub(1)).unwrap_or_default();
    pictures.iter().chain(between.iter().rev()).cycle()
}

/// Makes frames for an encoder of what a camera gives.
struct Camera {
    width: u32,
    height: u32,
    took: Duration,
}

impl Camera {
    fn frame(&mut self, picture: &[u8], number: usize) -> Result<Frame> {
        let begun = thread_cpu_time();
        // The memory is the camera's, which wants it back.
        let taken = Frame::packed(PixelFormat::Yuyv, self.width, self.height, picture.to_vec())?;
        let frame = taken.convert(PixelFormat::I420)?;
        self.took += thread_cpu_time() - begun;
        Ok(frame.at(Timestamp::new(number as i64 * FRAME_TICKS, TimeBase::RTP_VIDEO)))
    }
}

struct Encoding {
    encoder: Box<dyn VideoEncoder>,
    frames: u64,
    bytes: usize,
    took: Duration,
}

impl Encoding {
    fn new(options: &Options) -> Result<Self> {
        let config = EncoderConfig::default().bitrate(options.bitrate);
        let encoder = video::encoder(options.codec, config)?;
        Ok(Self { encoder, frames: 0, bytes: 0, took: Duration::ZERO })
    }

    fn encode(&mut self, frame: &Frame) -> Result<()> {
        let begun = thread_cpu_time();
        let encoded = self.encoder.encode(frame, &EncodeOptions::default())?;
        self.took += thread_cpu_time() - begun;
        self.frames += u64::from(encoded.is_some());
        self.bytes += encoded.map_or(0, |EncodedFrame { data, .. }| data.len());
        Ok(())
    }
}

/// 30 frames a second.
const FRAME_TICKS: i64 = 3000;
