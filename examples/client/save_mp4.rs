//! Writes what a server makes of a video file to an MP4 file.
//!
//! `cargo run --package client --features video-writer --bin save_mp4 -- traffic.mp4 http://localhost:9001 workspace workflow-id OUT.mp4`
#![expect(clippy::print_stdout, reason = "an example talks")]

use anyhow::bail;
use streamsdk::mp4::Mp4Writer;
use streamsdk::{Client, StreamConfig, VideoFileSource, Workflow};

fn main() -> anyhow::Result<()> {
    let arguments: Vec<String> = std::env::args().skip(1).collect();
    let [file, server, workspace, workflow, output] = arguments.as_slice() else {
        bail!("expected: FILE SERVER WORKSPACE WORKFLOW OUT.mp4");
    };

    // Encoding takes its time, and blocks: a program without async may do so anywhere.
    let mut session = Client::builder(server)
        .build()?
        .stream(VideoFileSource::open(file)?)
        .workflow(Workflow::id(workspace, workflow))
        .config(StreamConfig::default().stream_output(["image"]))
        .start_blocking()?;
    let mut writer = None;
    for frame in session.frames() {
        let frame = frame?;
        let image = frame.image()?;
        let writer = match &mut writer {
            Some(writer) => writer,
            // The first frame says how large the video is, and how fast.
            empty => {
                let declared = frame.metadata().and_then(|metadata| metadata.declared_fps);
                let rate = declared.unwrap_or(30.0);
                empty.insert(Mp4Writer::create(output, image.width(), image.height(), rate)?)
            }
        };
        writer.write(&image)?;
    }
    let Some(writer) = writer else { bail!("not one image came") };
    writer.finish()?;
    println!("{output}: {}", session.close());
    Ok(())
}
