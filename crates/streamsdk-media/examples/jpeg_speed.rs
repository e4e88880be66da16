//! How long one thread takes to decode and encode JPEG frames, in milliseconds per frame.
//!
//! ```text
//! for size in 640x480 1280x720 1920x1080; do
//!     ffmpeg -f lavfi -i testsrc2=size=$size:rate=30 -frames:v 1 -f rawvideo -pix_fmt rgb24 $size.rgb
//! done
//! cargo run --release -p streamsdk-media --example jpeg_speed -- 640x480.rgb 1280x720.rgb 1920x1080.rgb
//! cargo run --release -p streamsdk-media --example jpeg_speed --features turbojpeg -- …
//! ```
//!
//! Files named for their size hold raw RGB; files that end in `.jpg` are decoded as they are.

#![allow(clippy::print_stdout)]

use std::error::Error;
use std::hint::black_box;
use std::path::Path;
use std::time::Instant;

use streamsdk_media::{Frame, PixelFormat, jpeg};

fn main() -> Result<(), Box<dyn Error>> {
    println!("{:>24} {:>9} {:>9} {:>8} {:>8}", "", "size", "bytes", "median", "best 10%");
    for path in std::env::args().skip(1) {
        let path = Path::new(&path);
        if path.extension().is_some_and(|extension| extension == "jpg") {
            measure_decoding(&std::fs::read(path)?)?;
        } else {
            measure_both(&read_raw(path)?)?;
        }
    }
    Ok(())
}

fn read_raw(path: &Path) -> Result<Frame, Box<dyn Error>> {
    let name = path.file_stem().and_then(|name| name.to_str()).unwrap_or_default();
    let (width, height) = name.split_once('x').ok_or("name the file for its size")?;
    let pixels = std::fs::read(path)?;
    Ok(Frame::packed(PixelFormat::Rgb24, width.parse()?, height.parse()?, pixels)?)
}

fn measure_both(frame: &Frame) -> Result<(), Box<dyn Error>> {
    let encoder = jpeg::Encoder::new(80);
    let file = encoder.encode(frame)?;
    measure_decoding(&file)?;
    for format in [PixelFormat::Rgb24, PixelFormat::I420] {
        let frame = frame.convert(format)?;
        measure(&format!("encode {format}"), &file, || encoder.encode(&frame).map(drop))?;
    }
    Ok(())
}

fn measure_decoding(file: &[u8]) -> Result<(), Box<dyn Error>> {
    for format in [PixelFormat::Rgb24, PixelFormat::Bgr24, PixelFormat::Gray8] {
        measure(&format!("decode to {format}"), file, || jpeg::decode(file, format).map(drop))?;
    }
    Ok(())
}

fn measure(
    what: &str,
    file: &[u8],
    mut action: impl FnMut() -> Result<(), jpeg::JpegError>,
) -> Result<(), Box<dyn Error>> {
    const ROUNDS: usize = 200;
    action()?;
    let mut times = Vec::with_capacity(ROUNDS);
    for _ in 0..ROUNDS {
        let start = Instant::now();
        black_box(action()?);
        times.push(start.elapsed().as_secs_f64() * 1e3);
    }
    times.sort_by(f64::total_cmp);
    let (width, height) = jpeg::dimensions(file)?;
    let size = format!("{width}x{height}");
    let (median, best) = (times[ROUNDS / 2], times[ROUNDS / 10]);
    println!("{what:>24} {size:>9} {:>9} {median:>8.2} {best:>8.2}", file.len());
    Ok(())
}
