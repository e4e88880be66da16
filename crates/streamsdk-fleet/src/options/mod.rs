//! What people say of a stream: one set of names for the command line, files and requests.

mod applies;
mod inherit;
mod secret;
mod settings;
pub mod values;

use std::path::PathBuf;
use std::time::Duration;

use serde::Deserialize;
use serde_json::{Map, Value};
use streamsdk::{RetryPolicy, TaskType, VideoCodec};
use streamsdk_sinks::{ImageFolder, StreamName};

pub use self::applies::{OptionRule, SOURCE_RULES};
pub use self::secret::SecretText;
pub use self::settings::WrongOption;

use crate::restart::RestartWhen;
use crate::source_name::Size;

/// What people say of a stream, as in a file of streams; what is `None` has its default. The names are those of the options of
/// `streamsdk run`, and mean the same.
#[derive(Debug, Clone, Default, PartialEq, Deserialize)]
#[serde(default, deny_unknown_fields)]
#[non_exhaustive]
pub struct StreamOptions {
    /// What is streamed: [`SourceName`](crate::SourceName).
    pub source: Option<SecretText>,

    /// URL of the inference server.
    pub server: Option<SecretText>,
    /// URL of a backend of one's own between this machine and the server, in the place of a server.
    pub backend: Option<SecretText>,
    /// URL of a WHIP server that the video is published to, in the place of a server.
    pub whip: Option<SecretText>,
    /// The key for the server.
    pub api_key: Option<SecretText>,
    /// How the key travels: `legacy`, `both` or `header`.
    pub api_key_transport: Option<KeyTransport>,
    /// The bearer token for a backend or a WHIP server.
    pub token: Option<SecretText>,
    /// URLs of STUN servers, and of TURN servers that ask for no password.
    pub ice_server: Option<Vec<String>>,
    /// URLs of TURN servers, the preferred one first.
    pub turn: Option<Vec<String>>,
    /// User name for the TURN servers.
    pub turn_user: Option<String>,
    /// Password for the TURN servers.
    pub turn_credential: Option<SecretText>,
    /// Whether everything is sent by way of a TURN server.
    pub relay_only: Option<bool>,
    /// The compute plan to run on (hosted servers).
    pub plan: Option<String>,
    /// The region to run in (hosted servers).
    pub region: Option<String>,

    /// The workflow as a JSON file.
    pub workflow: Option<PathBuf>,
    /// Id of a workflow that the server knows.
    pub workflow_id: Option<String>,
    /// Workspace of that workflow.
    pub workspace: Option<String>,
    /// A model by its id or alias, in the place of a workflow.
    pub model: Option<String>,
    /// What the model does.
    #[serde(deserialize_with = "values::parsed_given")]
    pub task: Option<TaskType>,
    /// The workflow's input that takes the frame.
    pub image_input: Option<String>,
    /// Workflow outputs to be received as frames.
    pub stream_output: Option<Vec<String>>,
    /// Workflow outputs to be received as data; `*` for all but images.
    pub data_output: Option<Vec<String>>,
    /// Workflow inputs.
    pub params: Option<Map<String, Value>>,

    /// Whether a file is played at its own speed, dropping what is late.
    pub realtime: Option<bool>,
    /// Whether every frame of a live source is processed.
    pub every_frame: Option<bool>,
    /// Whether a file's frames come back as video.
    pub frames_by_track: Option<bool>,
    /// Whether a file may be downloaded from an address that is not public.
    pub allow_private: Option<bool>,
    /// Whether a file is downloaded anew each time.
    pub no_cache: Option<bool>,
    /// What a webcam should give.
    #[serde(deserialize_with = "values::parsed_given")]
    pub resolution: Option<Size>,
    /// Frames per second that a webcam should give.
    pub fps: Option<f64>,
    /// How often in a row a `local:` stream is connected again.
    pub reconnect: Option<u32>,
    /// Whether a `local:` stream is encoded anew even where it could be passed on.
    pub transcode: Option<bool>,
    /// What carries a `local:rtsp://` stream: `tcp`, `udp` or `auto`.
    pub rtsp_transport: Option<String>,
    /// Codec for video.
    #[serde(deserialize_with = "values::parsed_given")]
    pub codec: Option<VideoCodec>,
    /// Highest bitrate of video that is sent, in bits per second.
    #[serde(deserialize_with = "values::bitrate_given")]
    pub bitrate: Option<u32>,
    /// After which the stream is closed.
    #[serde(deserialize_with = "values::limit_given")]
    pub duration: Option<Duration>,

    /// For the server's answer.
    #[serde(deserialize_with = "values::limit_given")]
    pub timeout: Option<Duration>,
    /// From the answer to an open connection.
    #[serde(deserialize_with = "values::limit_given")]
    pub connect_timeout: Option<Duration>,
    /// For an upload that stands still.
    #[serde(deserialize_with = "values::limit_given")]
    pub upload_timeout: Option<Duration>,
    /// For the first result.
    #[serde(deserialize_with = "values::limit_given")]
    pub first_result_timeout: Option<Duration>,
    /// Between two results.
    #[serde(deserialize_with = "values::limit_given")]
    pub idle_timeout: Option<Duration>,
    /// For a server that is silent on the network.
    #[serde(deserialize_with = "values::limit_given")]
    pub dead_after: Option<Duration>,
    /// How long a lost connection is made anew.
    #[serde(deserialize_with = "values::retry_given")]
    pub retry: Option<RetryPolicy>,
    /// After which the server ends the session.
    #[serde(deserialize_with = "values::limit_given")]
    pub processing_timeout: Option<Duration>,
    /// Whether nothing is looked at where no session comes about. Default is `true` in a file of streams.
    pub no_diagnosis: Option<bool>,

    /// When the stream begins again: `never`, `on_failure` or `always`.
    pub restart: Option<RestartWhen>,
    /// The longest wait before it does.
    #[serde(deserialize_with = "values::limit_given")]
    pub max_restart_wait: Option<Duration>,
    /// The sinks that results are delivered to, by name.
    pub sinks: Option<Vec<String>>,
    /// What becomes of images in what is delivered: `off`, `inline`, or a folder that they are kept in.
    pub images: Option<ImagesOption>,
    /// Whether the stream is on the live page.
    pub view: Option<bool>,
}

/// How an API key travels.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Deserialize)]
#[serde(rename_all = "snake_case")]
#[non_exhaustive]
pub enum KeyTransport {
    /// In the body, which every server understands.
    Legacy,
    /// In the body and as a header.
    Both,
    /// As a header only.
    Header,
}

/// What becomes of images in what is delivered.
#[derive(Debug, Clone, PartialEq, Eq, Deserialize)]
#[serde(untagged, expecting = "expected `off`, `inline` or a table with a `folder`")]
#[non_exhaustive]
pub enum ImagesOption {
    /// They are left out, or are in it as they came.
    InResults(ImagesInResults),
    /// They are files, and results refer to them.
    InFolder(ImageFolderOptions),
}

/// What becomes of images that are not kept anywhere else.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Deserialize)]
#[serde(rename_all = "snake_case")]
#[non_exhaustive]
pub enum ImagesInResults {
    /// They are left out.
    Off,
    /// They are in it as they came.
    Inline,
}

/// Where images are kept.
#[derive(Debug, Clone, PartialEq, Eq, Deserialize)]
#[serde(deny_unknown_fields)]
#[non_exhaustive]
pub struct ImageFolderOptions {
    /// Each stream has a folder of its own there, by its name.
    pub folder: PathBuf,
    /// What URLs begin with, with the stream's name behind it. Default is the folder, as a `file:` URL.
    #[serde(default)]
    pub url: Option<String>,
    /// How many bytes the files of a stream may have together. Default is 1 GiB.
    #[serde(default)]
    pub max_bytes: Option<u64>,
}

impl ImageFolderOptions {
    /// The folder of a stream, in which nothing is looked at yet.
    pub(crate) fn of_stream(&self, name: &StreamName) -> ImageFolder {
        let mut folder = ImageFolder::new(self.folder.join(name.as_str()));
        if let Some(base) = &self.url {
            folder = folder.base_url(format!("{}/{name}", base.trim_end_matches('/')));
        }
        if let Some(bytes) = self.max_bytes {
            folder = folder.max_bytes(bytes);
        }
        folder
    }
}
