//! Saves ten pictures of the first webcam as JPEG files, or of a test pattern where there is no webcam.
//!
//! `cargo run --package embed_capture -- FOLDER`
//!
//! On Linux it takes libclang and the kernel's headers to build it, and no library to run it.
#![expect(clippy::print_stdout, reason = "an example talks")]

use std::error::Error;
use std::path::PathBuf;

use streamsdk_capture::media::jpeg;
use streamsdk_capture::{FrameProducer, TestPattern};

fn main() -> Result<(), Box<dyn Error>> {
    let folder = PathBuf::from(std::env::args().nth(1).ok_or("expected: FOLDER")?);
    std::fs::create_dir_all(&folder)?;
    for captured in camera().frames().take(10) {
        let captured = captured?;
        let file = folder.join(format!("{:02}.jpg", captured.sequence));
        std::fs::write(&file, jpeg::Encoder::default().encode(&captured.frame)?)?;
        println!("{}: {:?}", file.display(), captured.frame);
    }
    Ok(())
}

#[cfg(target_os = "linux")]
fn camera() -> Box<dyn FrameProducer> {
    match streamsdk_capture::Webcam::open(0) {
        Ok(webcam) => Box::new(webcam),
        Err(error) => {
            println!("{error}; here is a drawing instead");
            pattern()
        }
    }
}

#[cfg(not(target_os = "linux"))]
fn camera() -> Box<dyn FrameProducer> {
    pattern()
}

fn pattern() -> Box<dyn FrameProducer> {
    Box::new(TestPattern::new(640, 360, 30.0))
}
