//! The eight streams: what they are of, and the file that says so.

use std::fmt::Write as _;
use std::fs;
use std::path::{Path, PathBuf};

use anyhow::Result;

use crate::peers::{MjpegServer, RtspServer};
use crate::process::{Job, Output};
use crate::project;

/// Those that go on for as long as the client runs.
pub(super) const LIVE: [&str; 6] = [
    "drawing",
    "drawing_h264",
    "drawing_every_frame",
    "drawing_images",
    "rtsp_here",
    "mjpeg_there",
];
/// Those that are uploaded again and again.
pub(super) const FILES: [&str; 2] = ["file", "file_images"];

/// Small and slow, so that all of it costs well below one core.
const DRAWING: &str = "pattern:320x240@10";
const CAMERA_SIZE: &str = "320x240";
const CAMERA_FRAMES_PER_SECOND: u32 = 10;
const CAMERA_CLIP_SECONDS: u32 = 60;
/// Some minutes of results. What is read of them is read at once, so no more has to be kept.
const RESULTS_BYTES: u64 = 32 << 20;
const RESULTS_FILES: u32 = 3;

/// The cameras, which play for as long as it takes. They end when dropped.
pub(super) struct Cameras {
    rtsp: RtspServer,
    mjpeg: MjpegServer,
}

impl Cameras {
    pub(super) fn start(minutes: f64, directory: &Path) -> Result<Self> {
        let clip = directory.join("camera.mp4");
        write_camera_clip(&clip)?;
        // Some more, for what comes before the first and behind the last of them.
        let times = (minutes * 60.0 / f64::from(CAMERA_CLIP_SECONDS)).ceil() as u32 + 5;
        let rtsp = RtspServer::start_many_times(times, &clip, directory)?;
        let mjpeg = MjpegServer::start_endless(&clip, directory)?;
        Ok(Self { rtsp, mjpeg })
    }
}

/// Without frames that are sent before those that they are made of, which RTSP servers do not put in order.
fn write_camera_clip(path: &Path) -> Result<()> {
    let picture = format!("testsrc2=size={CAMERA_SIZE}:rate={CAMERA_FRAMES_PER_SECOND}");
    Job::new("ffmpeg")
        .args(["-nostdin", "-loglevel", "error", "-y", "-f", "lavfi", "-i", &picture])
        .args(["-t", &CAMERA_CLIP_SECONDS.to_string(), "-pix_fmt", "yuv420p"])
        .args(["-c:v", "h264", "-b:v", "300k", "-g", "20", "-bf", "0"])
        .arg(path)
        .output(Output::Capture)
        .run_successfully()
        .map(drop)
}

/// What the client is told.
pub(super) struct Description<'a> {
    pub(super) cameras: &'a Cameras,
    pub(super) worker_port: u16,
    pub(super) admin_port: u16,
    pub(super) results: &'a Path,
}

impl Description<'_> {
    /// Writes it as a file of streams.
    pub(super) fn write(&self, path: &Path) -> Result<()> {
        let Self { worker_port, admin_port, results, .. } = self;
        let mut text = format!(
            r#"admin = "127.0.0.1:{admin_port}"

[defaults]
server = "http://127.0.0.1:{worker_port}"
workspace = "local"
workflow_id = "motion"
data_output = ["*"]
sinks = ["results"]

[sinks.results]
type = "jsonl"
path = "{}"
max_bytes = {RESULTS_BYTES}
max_files = {RESULTS_FILES}
"#,
            results.display()
        );
        for name in LIVE.iter().chain(&FILES) {
            let (source, options) = self.stream(name);
            write!(text, "\n[streams.{name}]\nsource = \"{source}\"\n{options}\n")?;
        }
        Ok(fs::write(path, text)?)
    }

    /// Its source, and the lines of what else it says.
    fn stream(&self, name: &str) -> (String, &'static str) {
        let drawing = || DRAWING.to_owned();
        let clip = |name| clip(name).display().to_string();
        let Cameras { rtsp, mjpeg } = self.cameras;
        match name {
            "drawing_h264" => (drawing(), "codec = \"h264\""),
            "drawing_every_frame" => (drawing(), "every_frame = true"),
            "drawing_images" => (drawing(), "stream_output = [\"image\"]"),
            "rtsp_here" => (format!("local:{}", rtsp.url()), ""),
            "mjpeg_there" => (format!("{}camera.mjpeg", mjpeg.url()), ""),
            "file" => (clip("moving_300.mp4"), "restart = \"always\""),
            "file_images" => {
                (clip("plain_160x120.mp4"), "restart = \"always\"\nstream_output = [\"image\"]")
            }
            _ => (drawing(), ""),
        }
    }
}

fn clip(name: &str) -> PathBuf {
    project::root().join("tests/data/video").join(name)
}
