//! Every program runs against a worker, to its end, and prints what it should.
#![allow(clippy::unwrap_used, reason = "a test stops where it fails")]

// The camera of the capture's own tests, and what it stands on.
#[path = "../../../crates/streamsdk-capture/tests/network/rtsp_camera.rs"]
mod rtsp_camera;
#[allow(dead_code, reason = "the cameras need a part of it")]
#[path = "../../../crates/streamsdk-capture/tests/network/support.rs"]
mod support;

use std::path::Path;
use std::process::Stdio;
use std::time::Duration;

use rtsp_camera::Camera;
use streamsdk::{Client, Ended, StreamConfig, VideoFileSource, Workflow};
use streamsdk_capture::{FrameProducer, TestPattern, VideoFile};
use streamsdk_media::jpeg;
use streamsdk_testkit::{FakePlatform, WhipServer};
use streamsdk_tests::{MAX_WAIT, clip, drain, worker, worker_with};
use streamsdk_worker::{Processors, WorkerConfig};
use tokio::io::{AsyncBufReadExt, BufReader};
use tokio::process::{Child, Command};

/// 30 frames in which something moves.
const CLIP: &str = "plain_160x120.mp4";
const EVERYTHING: &str = "30 of 30 frames returned";

struct Ran {
    succeeded: bool,
    printed: String,
    complained: String,
}

macro_rules! program {
    ($name:literal) => {
        command(env!(concat!("CARGO_BIN_EXE_", $name)))
    };
}

fn command(program: &str) -> Command {
    let mut command = Command::new(program);
    command.env("RUST_BACKTRACE", "0").kill_on_drop(true);
    command
}

async fn run(program: &mut Command) -> Ran {
    let output = tokio::time::timeout(MAX_WAIT, program.output()).await.unwrap().unwrap();
    let text = |bytes| String::from_utf8(bytes).unwrap();
    Ran {
        succeeded: output.status.success(),
        printed: text(output.stdout),
        complained: text(output.stderr),
    }
}

/// What a program prints that does as it should.
async fn printed(program: &mut Command) -> String {
    let ran = run(program).await;
    assert!(ran.succeeded, "{}\n{}", ran.printed, ran.complained);
    ran.printed
}

fn lines(printed: &str, beginning: &str) -> usize {
    printed.lines().filter(|line| line.starts_with(beginning)).count()
}

#[tokio::test]
async fn each_says_what_it_expects() {
    for (mut program, expected) in [
        (program!("file"), "expected: FILE SERVER WORKSPACE WORKFLOW"),
        (program!("webcam"), "expected: SERVER WORKSPACE WORKFLOW [CAMERA]"),
        (program!("rtsp"), "expected: RTSP-URL SERVER WORKSPACE WORKFLOW"),
        (program!("mjpeg"), "expected: MJPEG-URL SERVER WORKSPACE WORKFLOW"),
        (program!("local_stream"), "expected: URL SERVER WORKSPACE WORKFLOW"),
        (program!("publish"), "expected: URL WHIP-URL [TOKEN]"),
        (program!("manual_frames"), "expected: SERVER WORKSPACE WORKFLOW"),
        (program!("model"), "expected: FILE SERVER MODEL [TASK]"),
        (program!("handlers"), "expected: FILE SERVER WORKSPACE WORKFLOW"),
        (program!("blocking"), "expected: FILE SERVER WORKSPACE WORKFLOW"),
        (program!("many_sessions"), "expected: SERVER WORKSPACE WORKFLOW FILE..."),
        (program!("snapshots"), "expected: FILE SERVER WORKSPACE WORKFLOW FOLDER"),
        (program!("save_mp4"), "expected: FILE SERVER WORKSPACE WORKFLOW OUT.mp4"),
        (program!("own_processor"), "expected: ADDRESS"),
    ] {
        let ran = run(&mut program).await;
        assert_eq!((ran.succeeded, ran.complained), (false, format!("Error: {expected}\n")));
    }
}

#[tokio::test]
async fn a_file_comes_back_to_a_loop_to_closures_and_to_a_program_without_async() {
    let worker = worker().await;
    let arguments =
        [clip(CLIP).display().to_string(), worker.url(), "local".into(), "motion".into()];
    let file = printed(program!("file").args(&arguments)).await;
    assert!(lines(&file, "frame ") == 30 && file.contains("uploaded "), "{file}");
    assert!(file.contains(EVERYTHING), "{file}");
    let blocking = printed(program!("blocking").args(&arguments)).await;
    assert!(lines(&blocking, "frame ") == 30 && blocking.contains(EVERYTHING), "{blocking}");
    // It closes its session after 20 frames.
    let handlers = printed(program!("handlers").args(&arguments)).await;
    assert!(handlers.contains("frame 20: 160 by 120\nframe 20: {"), "{handlers}");
    assert!(handlers.contains("closed"), "{handlers}");
}

#[tokio::test]
async fn frames_are_saved_as_pictures_and_as_a_video() {
    let worker = worker().await;
    let folder = tempfile::tempdir().unwrap();
    let path = |name: &str| folder.path().join(name);
    let arguments =
        [clip(CLIP).display().to_string(), worker.url(), "local".into(), "motion".into()];

    let mut snapshots = program!("snapshots");
    let said = printed(snapshots.args(&arguments).arg(path("snapshots"))).await;
    assert_eq!(lines(&said, "saved frame "), 3, "{said}");
    for number in ["00001", "00011", "00021"] {
        let jpeg = std::fs::read(path(&format!("snapshots/{number}.jpg"))).unwrap();
        assert_eq!(jpeg::dimensions(&jpeg).unwrap(), (160, 120));
        let png = std::fs::File::open(path(&format!("snapshots/{number}.png"))).unwrap();
        let png = png::Decoder::new(std::io::BufReader::new(png)).read_info().unwrap();
        assert_eq!((png.info().width, png.info().height), (160, 120));
    }

    let said = printed(program!("save_mp4").args(&arguments).arg(path("out.mp4"))).await;
    assert!(said.contains(EVERYTHING), "{said}");
    assert_eq!(frames_in(&path("out.mp4")), 30);
}

fn frames_in(video: &Path) -> usize {
    let frames: Result<Vec<_>, _> = VideoFile::open(video).unwrap().frames().collect();
    frames.unwrap().len()
}

#[tokio::test]
async fn many_files_are_streamed_at_once_and_one_that_fails_costs_itself_only() {
    let worker = worker().await;
    let (good, none) = (clip(CLIP), clip("no_such_file.mp4"));
    let mut program = program!("many_sessions");
    let files = [&good, &good, &none, &good, &good, &good];
    let ran = run(program.args([&worker.url(), "local", "motion"]).args(files)).await;
    assert_eq!(ran.printed.matches(EVERYTHING).count(), 5, "{}", ran.printed);
    assert!(ran.printed.contains("no_such_file.mp4"), "{}", ran.printed);
    assert_eq!((ran.succeeded, &*ran.complained), (false, "Error: 1 of 6 failed\n"));
}

#[tokio::test]
async fn a_programs_own_frames_come_back() {
    let worker = worker().await;
    let said = printed(program!("manual_frames").args([&worker.url(), "local", "motion"])).await;
    assert!(lines(&said, "frame ") > 10, "{said}");
    assert!(said.contains("from a frame to its data: "), "{said}");
}

#[tokio::test]
async fn cameras_are_pulled_by_the_server_and_by_this_machine() {
    let worker = worker().await;
    let rtsp = tokio::task::spawn_blocking(rtsp_camera).await.unwrap();
    for (program, camera) in [
        (program!("rtsp"), &rtsp),
        (program!("local_stream"), &rtsp),
        (program!("mjpeg"), &mjpeg_camera()),
    ] {
        watch(program, &[camera, &worker.url(), "local", "motion"]).await;
    }
}

/// Interrupts a program after some frames, upon which it has to say how the session went.
async fn watch(mut program: Command, arguments: &[&str]) {
    let mut running = program.args(arguments).stdout(Stdio::piped()).spawn().unwrap();
    let mut lines = BufReader::new(running.stdout.take().unwrap()).lines();
    let mut frames = 0;
    let mut last = String::new();
    let watching = async {
        while let Some(line) = lines.next_line().await.unwrap() {
            let is_frame = line.starts_with("frame ");
            frames += usize::from(is_frame);
            if is_frame && frames == 10 {
                interrupt(&running).await;
            }
            last = line;
        }
        running.wait().await.unwrap()
    };
    let status = tokio::time::timeout(MAX_WAIT, watching).await.unwrap();
    assert!(status.success() && frames >= 10 && last.contains("closed"), "{frames}, {last}");
}

#[tokio::test(flavor = "multi_thread")]
async fn a_camera_is_published() {
    let camera = tokio::task::spawn_blocking(rtsp_camera).await.unwrap();
    let server = WhipServer::start("127.0.0.1:0").await;
    let mut program = program!("publish");
    program.args([&camera, &server.url(), "s3cret"]).stdout(Stdio::piped());
    let running = program.spawn().unwrap();
    server.gets_frames().await;
    interrupt(&running).await;
    let ended = tokio::time::timeout(MAX_WAIT, running.wait_with_output()).await.unwrap().unwrap();
    let said = String::from_utf8(ended.stdout).unwrap();
    assert!(ended.status.success() && said.contains("published"), "{said}");
    assert_eq!(server.requests(), ["POST", "DELETE Bearer s3cret"]);
}

/// Does what Ctrl-C does.
async fn interrupt(running: &Child) {
    let process = running.id().unwrap().to_string();
    let kill = Command::new("kill").args(["-INT", &process]).status();
    assert!(kill.await.unwrap().success());
}

/// A camera, for everybody who asks, one after another.
fn rtsp_camera() -> String {
    let pictures = rtsp_camera::pictures(&clip("numbered_baseline.mp4"));
    let pictures = pictures.iter().cycle().take(10_000).cloned().collect();
    let frame_time = Duration::from_millis(33);
    Camera { pictures, frame_time, stamp: |number| number * 2970 }.start().0
}

fn mjpeg_camera() -> String {
    let address = support::server(|mut client, _| {
        support::send_pattern(&mut client, TestPattern::new(160, 120, 30.0));
    });
    format!("http://{address}/video")
}

#[tokio::test]
async fn a_webcam_that_is_not_there_is_named() {
    let arguments = ["http://127.0.0.1:1", "local", "motion", "/dev/no_such_webcam"];
    let ran = run(program!("webcam").args(arguments)).await;
    assert_eq!(
        (ran.succeeded, &*ran.complained),
        (false, "Error: there is no /dev/no_such_webcam\n")
    );
}

#[tokio::test]
async fn a_model_is_run_by_its_id_and_one_that_cannot_be_is_explained() {
    let tasks = [("rfdetr-nano", "object-detection"), ("florence-2", "vlm")];
    let platform = FakePlatform::start(&tasks, None).await;
    // What the worker has for detecting objects.
    let motion = Processors::builtin().find("motion").unwrap().clone();
    let outputs = motion.outputs().to_vec();
    let block = "roboflow_core/roboflow_object_detection_model@v2";
    let make = move |request: &_| motion.create(request);
    let processors = Processors::builtin().register(block, outputs, make);
    let detecting = worker_with(WorkerConfig::default().processors(processors)).await;
    let model = |server: &str, model: &[&str]| {
        let mut program = program!("model");
        program.arg(clip(CLIP)).arg(server).args(model).env("RF_API_BASE_URL", platform.url());
        program.env("ROBOFLOW_API_KEY", "k3y");
        program
    };

    for arguments in [&["rfdetr-nano"][..], &["my-own/1", "object-detection"]] {
        let said = printed(&mut model(&detecting.url(), arguments)).await;
        assert!(lines(&said, "frame ") == 30 && said.contains(EVERYTHING), "{said}");
        assert!(said.contains("frame 1: {"), "{said}");
    }
    assert_eq!(platform.asked(), ["/models/v1/external/stat?modelId=rfdetr-nano"]);
    let ordinary = worker().await;
    for (server, arguments, explained) in [
        (ordinary.url(), &["rfdetr-nano"][..], block),
        (detecting.url(), &["florence-2"], "give a whole workflow"),
        (detecting.url(), &["unknown"], "there is no such model"),
    ] {
        let ran = run(&mut model(&server, arguments)).await;
        assert!(!ran.succeeded && ran.complained.contains(explained), "{}", ran.complained);
        assert!(!ran.complained.contains("k3y"), "{}", ran.complained);
    }
}

#[tokio::test]
async fn a_processor_of_ones_own_is_served_until_the_program_is_told_to_stop() {
    let mut program = program!("own_processor");
    program.arg("127.0.0.1:0").stdout(Stdio::piped());
    let mut running = program.spawn().unwrap();
    let mut said = BufReader::new(running.stdout.take().unwrap()).lines();
    let listening = said.next_line().await.unwrap().unwrap();
    let url = listening.strip_prefix("listening on ").unwrap();

    let session = Client::builder(format!("{url}/inference"))
        .build()
        .unwrap()
        .stream(VideoFileSource::open(clip(CLIP)).unwrap())
        .workflow(Workflow::id("local", "brightness"))
        .config(StreamConfig::default().data_output(["brightness"]))
        .start();
    let (results, summary) = drain(session.await.unwrap()).await.unwrap();
    assert_eq!((results.len(), summary.ended), (30, Some(Ended::Complete)));
    let brightness = results[0].output("brightness").unwrap().json().parse::<u64>().unwrap();
    assert!((1..255).contains(&brightness), "{brightness}");

    interrupt(&running).await;
    assert_eq!(said.next_line().await.unwrap().unwrap(), "stopped");
    assert!(tokio::time::timeout(MAX_WAIT, running.wait()).await.unwrap().unwrap().success());
}
