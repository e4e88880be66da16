use std::path::PathBuf;
use std::time::Duration;

use clap::{Args, Parser, Subcommand};
use serde_json::Value;
use streamsdk::VideoCodec;

#[cfg(all(feature = "webcam", target_os = "linux"))]
use crate::source::Size;
use crate::source::Source;

/// Stream video to an inference server over WebRTC and get frames and predictions back.
#[derive(Debug, Parser)]
#[command(name = "streamsdk", version)]
pub(crate) struct Arguments {
    #[command(subcommand)]
    pub(crate) command: Command,
}

#[derive(Debug, Subcommand)]
pub(crate) enum Command {
    /// Stream video and write down what comes back
    ///
    /// Exit status: 0 done · 2 wrong usage · 3 the source cannot be used · 4 the server cannot be
    /// reached · 5 the server refused · 6 API key or quota · 7 something took too long · 8 the
    /// connection was lost · 9 the server could not process the file · 130 interrupted · 1 other.
    Run(Box<RunArguments>),
    /// List this machine's cameras and what they offer
    #[cfg(all(feature = "webcam", target_os = "linux"))]
    Devices(DevicesArguments),
    /// Serve sessions until interrupted
    #[cfg(feature = "worker")]
    Worker(WorkerArguments),
}

#[derive(Debug, Args)]
pub(crate) struct RunArguments {
    /// A video file; a camera that the server pulls (rtsp://… or http://….mjpeg); one that this machine
    /// pulls (local:rtsp://… or local:rtmp://…); a camera of this machine (`webcam`, `webcam:1`,
    /// `webcam:/dev/video1`, `webcam:NAME`); or a drawing (`pattern:1280x720` or `pattern:1280x720@30`)
    pub(crate) source: Source,
    /// URL of the server; without it, a worker is started inside
    #[arg(long, value_name = "URL")]
    pub(crate) server: Option<String>,
    /// The workflow as a JSON file
    #[arg(long, value_name = "FILE", conflicts_with_all = ["workflow_id", "workspace"])]
    pub(crate) workflow: Option<PathBuf>,
    /// Id of a workflow that the server knows
    #[arg(long, value_name = "ID")]
    pub(crate) workflow_id: Option<String>,
    /// Workspace of the workflow
    #[arg(long, value_name = "NAME", requires = "workflow_id")]
    pub(crate) workspace: Option<String>,
    /// Name of the workflow's input that takes the frame
    #[arg(long, value_name = "NAME", default_value = "image")]
    pub(crate) image_input: String,
    /// A workflow output to be received as frames; may be repeated
    #[arg(long, value_name = "NAME")]
    pub(crate) stream_output: Vec<String>,
    /// A workflow output to be received as data, or `*` for all but images; may be repeated
    #[arg(long, value_name = "NAME")]
    pub(crate) data_output: Vec<String>,
    /// A workflow input, as JSON or else as text; may be repeated
    #[arg(long = "param", value_name = "NAME=VALUE", value_parser = parse_parameter)]
    pub(crate) parameters: Vec<(String, Value)>,
    /// Write the received frames to a video file
    #[cfg(feature = "save")]
    #[arg(long, value_name = "OUT.mp4")]
    pub(crate) save: Option<PathBuf>,
    /// Write one JSON object per frame to a file
    #[arg(long, value_name = "OUT.jsonl")]
    pub(crate) jsonl: Option<PathBuf>,
    /// Write the summary as JSON to a file
    #[arg(long, value_name = "OUT.json")]
    pub(crate) summary_json: Option<PathBuf>,
    /// Play the file at its own speed, dropping what is late, instead of processing every frame
    #[arg(long)]
    pub(crate) realtime: bool,
    /// Have every frame of a live source processed, instead of dropping what is late
    #[arg(long, conflicts_with = "realtime")]
    pub(crate) every_frame: bool,
    /// Have a file's frames come back as video instead of single images
    #[arg(long)]
    pub(crate) frames_by_track: bool,
    /// What a webcam should give: WIDTHxHEIGHT; it takes what comes closest
    #[cfg(all(feature = "webcam", target_os = "linux"))]
    #[arg(long, value_name = "SIZE")]
    pub(crate) resolution: Option<Size>,
    /// Frames per second that a webcam should give; it takes what comes closest
    #[cfg(all(feature = "webcam", target_os = "linux"))]
    #[arg(long, value_name = "FPS")]
    pub(crate) fps: Option<f64>,
    /// How often in a row to connect again to a `local:` stream that breaks off; without it, as often as it
    /// takes
    #[cfg(feature = "local-stream")]
    #[arg(long, value_name = "TIMES")]
    pub(crate) reconnect: Option<u32>,
    /// Decode a `local:` stream and encode it anew even where it could be passed on
    #[cfg(feature = "local-stream")]
    #[arg(long)]
    pub(crate) transcode: bool,
    /// Codec for video: vp8 or h264
    #[arg(long, value_name = "CODEC")]
    pub(crate) codec: Option<VideoCodec>,
    /// Highest bitrate of video that is sent, in bits per second; 2500k and 2.5M are understood
    #[arg(long, value_name = "RATE", value_parser = parse_bitrate)]
    pub(crate) bitrate: Option<u32>,
    /// End after so many seconds
    #[arg(long, value_name = "SECONDS", value_parser = parse_duration)]
    pub(crate) duration: Option<Duration>,
    /// Read the number that is drawn into each frame, and add it to its line of JSON
    #[arg(long, hide = true)]
    pub(crate) read_markers: bool,
    /// API key
    #[arg(long, value_name = "KEY", env = "ROBOFLOW_API_KEY", hide_env_values = true)]
    pub(crate) api_key: Option<String>,
}

#[cfg(all(feature = "webcam", target_os = "linux"))]
#[derive(Debug, Args)]
pub(crate) struct DevicesArguments {
    /// As JSON: one array of cameras
    #[arg(long)]
    pub(crate) json: bool,
}

#[cfg(feature = "worker")]
#[derive(Debug, Args)]
pub(crate) struct WorkerArguments {
    /// Address to listen on
    #[arg(long, value_name = "ADDRESS", default_value = "127.0.0.1:9001")]
    pub(crate) listen: String,
}

fn parse_bitrate(text: &str) -> Result<u32, String> {
    let (number, unit) = match text.strip_suffix(['k', 'K']) {
        Some(number) => (number, 1e3),
        None => text.strip_suffix('M').map_or((text, 1.0), |number| (number, 1e6)),
    };
    let bits = number.parse::<f64>().map_err(|error| error.to_string())? * unit;
    if (10_000.0..=1e9).contains(&bits) {
        Ok(bits as u32)
    } else {
        Err("expected 10k to 1000M".to_owned())
    }
}

fn parse_duration(text: &str) -> Result<Duration, String> {
    let seconds = text.parse::<f64>().map_err(|error| error.to_string())?;
    Duration::try_from_secs_f64(seconds).map_err(|error| error.to_string())
}

fn parse_parameter(text: &str) -> Result<(String, Value), String> {
    let (name, value) = text.split_once('=').ok_or("expected NAME=VALUE")?;
    if name.is_empty() {
        return Err("expected a name before the =".to_owned());
    }
    let value = serde_json::from_str(value).unwrap_or_else(|_| Value::from(value));
    Ok((name.to_owned(), value))
}

#[cfg(test)]
mod tests {
    use clap::CommandFactory;

    use super::*;

    #[test]
    fn the_command_line_is_consistent() {
        Arguments::command().debug_assert();
    }

    #[test]
    fn bitrates_have_units() {
        assert_eq!(parse_bitrate("2500k"), Ok(2_500_000));
        assert_eq!(parse_bitrate("2.5M"), Ok(2_500_000));
        assert_eq!(parse_bitrate("300000"), Ok(300_000));
        assert!(parse_bitrate("3").is_err() && parse_bitrate("x").is_err());
        assert!(parse_bitrate("-3M").is_err() && parse_bitrate("NaN").is_err());
    }

    #[test]
    fn parameters_are_json_or_else_text() {
        let parse = |text| parse_parameter(text).map(|(_, value)| value);
        assert_eq!(parse("a=3"), Ok(Value::from(3)));
        assert_eq!(parse("a=x=y"), Ok(Value::from("x=y")));
        assert_eq!(parse("a=[1]"), Ok(serde_json::json!([1])));
        assert!(parse("a").is_err() && parse("=3").is_err());
    }
}
