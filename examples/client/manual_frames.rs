//! Sends frames that the program makes itself, and prints how late each comes back.
//!
//! `cargo run --package client --features video --bin manual_frames -- http://localhost:9001 workspace workflow-id`
#![expect(clippy::print_stdout, reason = "an example talks")]

use std::thread;
use std::time::Duration;

use anyhow::bail;
use streamsdk::{Client, Event, Frame, ManualSource, PixelFormat, StreamConfig, Workflow};

const WIDTH: u32 = 320;
const HEIGHT: u32 = 240;
const FRAMES: u32 = 60;

/// A white square that moves to the right.
fn draw(number: u32) -> anyhow::Result<Frame> {
    let mut pixels = vec![40; (WIDTH * HEIGHT * 3) as usize];
    let left = (4 * number % (WIDTH - 40)) as usize;
    for row in pixels.chunks_mut(WIDTH as usize * 3).skip(100).take(40) {
        row[3 * left..3 * (left + 40)].fill(255);
    }
    Ok(Frame::packed(PixelFormat::Bgr24, WIDTH, HEIGHT, pixels)?)
}

#[tokio::main]
async fn main() -> anyhow::Result<()> {
    let arguments: Vec<String> = std::env::args().skip(1).collect();
    let [server, workspace, workflow] = arguments.as_slice() else {
        bail!("expected: SERVER WORKSPACE WORKFLOW");
    };

    let (source, sender) = ManualSource::new();
    let drawing = thread::spawn(move || {
        sender.blocking_ready(Duration::from_secs(60))?;
        for number in 0..FRAMES {
            sender.send(draw(number)?)?;
            thread::sleep(Duration::from_millis(33));
        }
        // Dropping the sender ends the frames, and the session when all are answered.
        anyhow::Ok(())
    });
    let client = Client::builder(server).build()?;
    let mut session = client
        .stream(source)
        .workflow(Workflow::id(workspace, workflow))
        .config(StreamConfig::default().stream_output(["image"]).data_output(["predictions"]))
        .start()
        .await?;
    while let Some(event) = session.next().await {
        if let Event::Frame(frame) = event? {
            println!("frame {}: {:?}", frame.frame_id(), frame.predictions()?);
        }
    }
    if let Some(video) = session.control().statistics().video {
        println!("from a frame to its data: {:?}", video.to_data);
    }
    println!("{}", session.summary());
    drawing.join().map_err(|_| anyhow::anyhow!("the drawing panicked"))?
}
