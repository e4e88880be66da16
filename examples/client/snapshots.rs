//! Saves every tenth frame of what a server makes of a video file, as JPEG and as PNG.
//!
//! `cargo run --package client --bin snapshots -- traffic.mp4 http://localhost:9001 workspace workflow-id FOLDER`
#![expect(clippy::print_stdout, reason = "an example talks")]

use std::fs::{self, File};
use std::path::Path;

use anyhow::bail;
use streamsdk::{Client, Event, Frame, StreamConfig, VideoFileSource, Workflow};

#[tokio::main]
async fn main() -> anyhow::Result<()> {
    let arguments: Vec<String> = std::env::args().skip(1).collect();
    let [file, server, workspace, workflow, folder] = arguments.as_slice() else {
        bail!("expected: FILE SERVER WORKSPACE WORKFLOW FOLDER");
    };
    let folder = Path::new(folder);
    fs::create_dir_all(folder)?;

    let client = Client::builder(server).build()?;
    let mut session = client
        .stream(VideoFileSource::open(file)?)
        .workflow(Workflow::id(workspace, workflow))
        .config(StreamConfig::default().stream_output(["image"]))
        .start()
        .await?;
    while let Some(event) = session.next().await {
        let Event::Frame(frame) = event? else { continue };
        if frame.frame_id() % 10 != 1 {
            continue; // and is not decoded
        }
        let name = format!("{:05}", frame.frame_id());
        // As it came: nothing is decoded for it, and nothing compressed again.
        fs::write(folder.join(format!("{name}.jpg")), frame.jpeg()?)?;
        write_png(&folder.join(format!("{name}.png")), frame.image()?)?;
        println!("saved frame {}", frame.frame_id());
    }
    println!("{}", session.summary());
    Ok(())
}

/// Writes a frame in RGB, as [`streamsdk::ReceivedFrame::image`] gives it.
fn write_png(path: &Path, image: Frame) -> anyhow::Result<()> {
    let mut encoder = png::Encoder::new(File::create(path)?, image.width(), image.height());
    encoder.set_color(png::ColorType::Rgb);
    let mut writer = encoder.write_header()?;
    writer.write_image_data(&image.into_packed())?;
    Ok(writer.finish()?)
}
