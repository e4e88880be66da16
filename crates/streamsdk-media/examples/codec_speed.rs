//! How long one thread takes to encode and decode live video, in milliseconds per frame.
//!
//! ```text
//! for size in 640x480 1280x720 1920x1080; do
//!     ffmpeg -f lavfi -i testsrc2=size=$size:rate=30,noise=alls=6:allf=t -frames:v 60 \
//!         -f rawvideo -pix_fmt yuv420p $size.yuv
//! done
//! cargo run --release -p streamsdk-media --features vp8,h264 --example codec_speed -- *.yuv
//! ```
//!
//! The files are named for their size and hold I420; they are played forwards and backwards.

#![allow(clippy::print_stdout)]

use std::error::Error;
use std::path::Path;
use std::time::Instant;

use streamsdk_media::video::{self, EncodeOptions, EncoderConfig, VideoCodec};
use streamsdk_media::{Frame, PixelFormat, TimeBase, Timestamp};

fn main() -> Result<(), Box<dyn Error>> {
    println!(
        "{:>10} {:>5} {:>9} {:>17} {:>17} {:>8}",
        "", "", "bytes", "encode", "decode", "likeness"
    );
    for path in std::env::args().skip(1) {
        let frames = read(Path::new(&path))?;
        for codec in video::encoders() {
            measure(codec, &frames)?;
        }
    }
    Ok(())
}

fn read(path: &Path) -> Result<Vec<Frame>, Box<dyn Error>> {
    let name = path.file_stem().and_then(|name| name.to_str()).unwrap_or_default();
    let (width, height) = name.split_once('x').ok_or("name the file for its size")?;
    let (width, height): (u32, u32) = (width.parse()?, height.parse()?);
    std::fs::read(path)?
        .chunks_exact((width * height * 3 / 2) as usize)
        .map(|data| Ok(Frame::packed(PixelFormat::I420, width, height, data.to_vec())?))
        .collect()
}

fn measure(codec: VideoCodec, frames: &[Frame]) -> Result<(), Box<dyn Error>> {
    let mut encoder = video::encoder(codec, EncoderConfig::default())?;
    let mut decoder = video::decoder(codec, Default::default())?;
    let (mut encoding, mut decoding) = (Vec::new(), Vec::new());
    let (mut bytes, mut likeness_sum) = (0, 0.0);
    for (index, frame) in frames.iter().chain(frames.iter().rev()).cycle().take(300).enumerate() {
        let frame = frame.clone().at(Timestamp::new(index as i64 * 3000, TimeBase::RTP_VIDEO));
        let start = Instant::now();
        let encoded = encoder.encode(&frame, &EncodeOptions::default())?;
        encoding.push(milliseconds_since(start));
        let Some(encoded) = encoded else { continue };
        bytes += encoded.data.len();
        let start = Instant::now();
        let decoded = decoder.decode(&encoded.data, encoded.timestamp)?;
        decoding.push(milliseconds_since(start));
        likeness_sum += decoded.map_or(0.0, |decoded| likeness(&frame, &decoded));
    }
    let size = frames.first().map_or(String::new(), |it| format!("{}x{}", it.width(), it.height()));
    let likeness = likeness_sum / decoding.len() as f64;
    let bytes = bytes / decoding.len();
    let [encode, decode] = [encoding, decoding].map(summary);
    println!("{size:>10} {codec:>5} {bytes:>9} {encode:>17} {decode:>17} {likeness:>5.1} dB");
    Ok(())
}

fn milliseconds_since(start: Instant) -> f64 {
    start.elapsed().as_secs_f64() * 1e3
}

fn summary(mut times: Vec<f64>) -> String {
    times.sort_by(f64::total_cmp);
    format!("{:.2} (best {:.2})", times[times.len() / 2], times[times.len() / 10])
}

/// Of the luma.
fn likeness(one: &Frame, other: &Frame) -> f64 {
    let square = |(&a, &b): (&u8, &u8)| f64::from(a.abs_diff(b)).powi(2);
    let rows = one.rows(0).zip(other.rows(0));
    let error: f64 = rows.map(|(one, other)| one.iter().zip(other).map(square).sum::<f64>()).sum();
    let mean = error / (f64::from(one.width()) * f64::from(one.height()));
    10.0 * (255.0 * 255.0 / mean.max(1e-3)).log10()
}
