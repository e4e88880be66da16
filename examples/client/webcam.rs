//! Streams a webcam to a server and prints what comes back, until Ctrl-C.
//!
//! `cargo run --package client --features webcam --bin webcam -- http://localhost:9001 workspace workflow-id [CAMERA]`
//!
//! A camera is a path such as `/dev/video0`, or a part of its name. Without one the program takes the first.
#![expect(clippy::print_stdout, reason = "an example talks")]

#[cfg(target_os = "linux")]
#[tokio::main]
async fn main() -> anyhow::Result<()> {
    use streamsdk::{
        Client, Event, StreamConfig, Webcam, WebcamId, WebcamSource, Workflow, webcams,
    };

    let arguments: Vec<String> = std::env::args().skip(1).collect();
    let (server, workspace, workflow, camera) = match arguments.as_slice() {
        [server, workspace, workflow] => (server, workspace, workflow, WebcamId::from(0)),
        [server, workspace, workflow, camera] => {
            (server, workspace, workflow, WebcamId::from(camera.as_str()))
        }
        _ => anyhow::bail!("expected: SERVER WORKSPACE WORKFLOW [CAMERA]"),
    };

    for found in webcams()? {
        println!("there is {found:?}");
    }
    // The camera gives what is nearest to that, and says what it is.
    let webcam = Webcam::options(camera).resolution(1280, 720).frame_rate(30.0).open()?;
    let source = WebcamSource::new(webcam);
    println!("it gives {:?}", source.format());

    let mut session = Client::builder(server)
        .build()?
        .stream(source)
        .workflow(Workflow::id(workspace, workflow))
        .config(StreamConfig::default().stream_output(["image"]).data_output(["predictions"]))
        .start()
        .await?;
    let control = session.control();
    tokio::spawn(async move {
        // What has arrived by then still comes.
        if tokio::signal::ctrl_c().await.is_ok() {
            control.close();
        }
    });
    while let Some(event) = session.next().await {
        if let Event::Frame(frame) = event? {
            println!("frame {}: {:?}", frame.frame_id(), frame.predictions()?);
        }
    }
    println!("{}", session.summary());
    Ok(())
}

#[cfg(not(target_os = "linux"))]
fn main() {
    println!("webcams are read on Linux only; send frames of your own, as `manual_frames` does");
}
