use std::ffi::OsString;
use std::path::PathBuf;
use std::time::Duration;

use clap::Args;
use serde_json::Value;
#[cfg(feature = "local-stream")]
use streamsdk::Transport;
use streamsdk::{RetryPolicy, TaskType, VideoCodec};
#[cfg(all(feature = "webcam", target_os = "linux"))]
use streamsdk_fleet::Size;
use streamsdk_fleet::values;

use super::server::ServerArguments;
use super::sources::Sources;
use super::values::parse_parameter;
use crate::failure::Failure;

#[derive(Debug, Args)]
pub(crate) struct RunArguments {
    /// A video file; one that is downloaded first (url:https://…); a camera that the server pulls (rtsp://… or http://….mjpeg); one that this machine
    /// pulls (local:rtsp://… or local:rtmp://…); a camera of this machine (`webcam`, `webcam:1`,
    /// `webcam:/dev/video1`, `webcam:NAME`); or a drawing (`pattern:1280x720` or `pattern:1280x720@30`).
    /// A file that exists comes first: `./webcam` is always a file, `webcam:0` a camera
    // Not parsed here, because errors of parsing repeat what was given, and a password may be in it.
    #[cfg_attr(feature = "fleet", arg(required_unless_present = "config"))]
    #[cfg_attr(not(feature = "fleet"), arg(required = true))]
    #[arg(num_args = 1..)]
    source: Vec<OsString>,
    /// A file of streams, which all run in this program, in the place of a source: docs/streams.md
    #[cfg(feature = "fleet")]
    #[arg(long, value_name = "STREAMS.toml", conflicts_with = "source")]
    pub(crate) config: Option<PathBuf>,
    #[command(flatten)]
    pub(crate) server: ServerArguments,
    /// URL of a backend of one's own between this machine and the server, which has the API key
    #[arg(long, value_name = "URL", conflicts_with = "url", help_heading = "Server")]
    pub(crate) backend: Option<String>,
    /// URL of a WHIP server that the video is published to; nothing comes back. A file is played at its own speed
    #[arg(
        long,
        value_name = "URL",
        conflicts_with_all = ["url", "backend"],
        help_heading = "Server"
    )]
    pub(crate) whip: Option<String>,
    /// A file with the bearer token for the backend or the WHIP server in it
    #[arg(long, value_name = "FILE", help_heading = "Server")]
    pub(crate) token_file: Option<PathBuf>,
    /// A STUN server, or a TURN server that asks for no password; may be repeated
    #[arg(long, value_name = "URL", help_heading = "Server")]
    pub(crate) ice_server: Vec<String>,
    /// Send everything by way of a TURN server, and tell the server no address of this machine
    #[arg(long, requires = "turn", help_heading = "Server")]
    pub(crate) relay_only: bool,
    /// The compute plan to run on (hosted servers)
    #[arg(long, value_name = "PLAN", help_heading = "Server")]
    pub(crate) plan: Option<String>,
    /// The region to run in (hosted servers)
    #[arg(long, value_name = "REGION", help_heading = "Server")]
    pub(crate) region: Option<String>,

    /// The workflow as a JSON file
    #[arg(
        long,
        value_name = "FILE",
        conflicts_with_all = ["workflow_id", "workspace"],
        help_heading = "Workflow"
    )]
    pub(crate) workflow: Option<PathBuf>,
    /// Id of a workflow that the server knows
    #[arg(long, value_name = "ID", help_heading = "Workflow")]
    pub(crate) workflow_id: Option<String>,
    /// Workspace of the workflow
    #[arg(long, value_name = "NAME", requires = "workflow_id", help_heading = "Workflow")]
    pub(crate) workspace: Option<String>,
    /// A model by its id or alias, such as rfdetr-nano, in the place of a workflow
    #[arg(
        long,
        value_name = "ID",
        conflicts_with_all = ["workflow", "workflow_id", "workspace", "image_input"],
        help_heading = "Workflow"
    )]
    pub(crate) model: Option<String>,
    /// What the model does, such as object-detection; without it Roboflow's API is asked
    #[arg(long, value_name = "TASK", requires = "model", help_heading = "Workflow")]
    pub(crate) task: Option<TaskType>,
    /// Name of the workflow's input that takes the frame
    #[arg(long, value_name = "NAME", default_value = "image", help_heading = "Workflow")]
    pub(crate) image_input: String,
    /// A workflow output to be received as frames; may be repeated
    #[arg(long, value_name = "NAME", help_heading = "Workflow")]
    pub(crate) stream_output: Vec<String>,
    /// A workflow output to be received as data, or `*` for all but images; may be repeated
    #[arg(long, value_name = "NAME", help_heading = "Workflow")]
    pub(crate) data_output: Vec<String>,
    /// A workflow input, as JSON or else as text; may be repeated
    #[arg(
        long = "param",
        value_name = "NAME=VALUE",
        value_parser = parse_parameter,
        help_heading = "Workflow"
    )]
    pub(crate) parameters: Vec<(String, Value)>,

    /// Show what comes back on a live page, whose URL is printed: on a free port of this machine, or on
    /// ADDRESS:PORT, which others can reach if it is not a loopback address; only who has the URL gets in
    #[cfg(feature = "view")]
    #[arg(
        long,
        value_name = "ADDRESS:PORT",
        num_args = 0..=1,
        require_equals = true,
        default_missing_value = "127.0.0.1:0",
        help_heading = "Results"
    )]
    pub(crate) view: Option<String>,
    /// Write the received frames to a video file
    #[cfg(feature = "save")]
    #[arg(long, value_name = "OUT.mp4", requires = "stream_output", help_heading = "Results")]
    pub(crate) save: Option<PathBuf>,
    /// Write one JSON object per frame to a file, line by line; `-` is standard output
    #[arg(long, value_name = "OUT.jsonl", help_heading = "Results")]
    pub(crate) jsonl: Option<PathBuf>,
    /// Write the summary as JSON to a file; `-` is standard output
    #[arg(long, value_name = "OUT.json", help_heading = "Results")]
    pub(crate) summary_json: Option<PathBuf>,

    /// Play the file at its own speed, dropping what is late, instead of processing every frame
    #[arg(long, help_heading = "Source")]
    pub(crate) realtime: bool,
    /// Have every frame of a live source processed, instead of dropping what is late
    #[arg(long, conflicts_with = "realtime", help_heading = "Source")]
    pub(crate) every_frame: bool,
    /// Have a file's frames come back as video instead of single images
    #[arg(long, requires = "stream_output", help_heading = "Source")]
    pub(crate) frames_by_track: bool,
    /// Download a `url:` file also from an address that is not public, as of this machine or its network
    #[cfg(feature = "url")]
    #[arg(long, help_heading = "Source")]
    pub(crate) allow_private: bool,
    /// Download a `url:` file anew, and keep it only for this run
    #[cfg(feature = "url")]
    #[arg(long, help_heading = "Source")]
    pub(crate) no_cache: bool,
    /// What a webcam should give: WIDTHxHEIGHT; it takes what comes closest
    #[cfg(all(feature = "webcam", target_os = "linux"))]
    #[arg(long, value_name = "SIZE", help_heading = "Source")]
    pub(crate) resolution: Option<Size>,
    /// Frames per second that a webcam should give; it takes what comes closest
    #[cfg(all(feature = "webcam", target_os = "linux"))]
    #[arg(long, value_name = "FPS", help_heading = "Source")]
    pub(crate) fps: Option<f64>,
    /// How often in a row to connect again to a `local:` stream that breaks off; without it, as often as it
    /// takes
    #[cfg(feature = "local-stream")]
    #[arg(long, value_name = "TIMES", help_heading = "Source")]
    pub(crate) reconnect: Option<u32>,
    /// Decode a `local:` stream and encode it anew even where it could be passed on
    #[cfg(feature = "local-stream")]
    #[arg(long, help_heading = "Source")]
    pub(crate) transcode: bool,
    /// What carries the video of a `local:rtsp://` stream: tcp, udp, or auto for what the camera takes
    #[cfg(feature = "local-stream")]
    #[arg(long, value_name = "TRANSPORT", help_heading = "Source")]
    pub(crate) rtsp_transport: Option<Transport>,
    /// Codec for video: vp8 or h264
    #[arg(long, value_name = "CODEC", help_heading = "Source")]
    pub(crate) codec: Option<VideoCodec>,
    /// Highest bitrate of video that is sent, in bits per second; 2500k and 2.5M are understood
    #[arg(long, value_name = "RATE", value_parser = values::bitrate, help_heading = "Source")]
    pub(crate) bitrate: Option<u32>,
    /// How many of several files are streamed at a time
    #[cfg(feature = "fleet")]
    #[arg(long, value_name = "COUNT", default_value = "4", help_heading = "Source")]
    pub(crate) files_at_once: usize,
    /// End after so many seconds
    #[arg(long, value_name = "SECONDS", value_parser = values::duration, help_heading = "Source")]
    pub(crate) duration: Option<Duration>,

    #[command(flatten)]
    pub(crate) limits: LimitArguments,

    /// Do not look for what is wrong when no session comes about, which takes up to 3 seconds
    #[arg(long)]
    pub(crate) no_diagnosis: bool,

    /// Read the number that is drawn into each frame, and add it to its line of JSON
    #[arg(long, hide = true, requires = "jsonl")]
    pub(crate) read_markers: bool,
}

impl RunArguments {
    /// What is streamed: one source, or several files.
    pub(crate) fn sources(&self) -> Result<Sources, Failure> {
        Sources::find(&self.source)
    }
}

/// How long is waited for what.
#[derive(Debug, Args)]
#[command(next_help_heading = "Time limits")]
pub(crate) struct LimitArguments {
    /// For the server's answer [default: 90]
    #[arg(long, value_name = "SECONDS", value_parser = values::limit)]
    pub(crate) timeout: Option<Duration>,
    /// From the answer to an open connection [default: 30]
    #[arg(long, value_name = "SECONDS", value_parser = values::limit)]
    pub(crate) connect_timeout: Option<Duration>,
    /// For an upload that stands still [default: 30]
    #[arg(long, value_name = "SECONDS", value_parser = values::limit)]
    pub(crate) upload_timeout: Option<Duration>,
    /// For the first result [default: 90]
    #[arg(long, value_name = "SECONDS", value_parser = values::limit)]
    pub(crate) first_result_timeout: Option<Duration>,
    /// Between two results [default: 60]
    #[arg(long, value_name = "SECONDS", value_parser = values::limit)]
    pub(crate) idle_timeout: Option<Duration>,
    /// For a server that is silent on the network [default: 15]
    #[arg(long, value_name = "SECONDS", value_parser = values::limit)]
    pub(crate) dead_after: Option<Duration>,
    /// How long a lost connection to the server is made anew: seconds without a result, `never` or `forever`
    /// [default: 120 for live sources, never for files, which are sent again from their start]
    #[arg(long, value_name = "SECONDS", value_parser = values::retry)]
    pub(crate) retry: Option<RetryPolicy>,
    /// After which the server ends the session, in whole seconds [default: the server's]
    #[arg(long, value_name = "SECONDS", value_parser = values::limit)]
    pub(crate) processing_timeout: Option<Duration>,
}
