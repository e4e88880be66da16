use std::path::Path;
use std::time::Duration;

use serde_json::Value;
#[cfg(feature = "local-stream")]
use streamsdk::LocalStreamSource;
#[cfg(all(feature = "webcam", target_os = "linux"))]
use streamsdk::WebcamSource;
use streamsdk::{
    ApiKey, BitrateLimits, Client, IceServer, IceTransportPolicy, MjpegSource, ProducerSource,
    ProxySignaling, RtspSource, Session, SourceError, StreamBuilder, StreamConfig, TaskType,
    TestPattern, Timeouts, VideoFileSource, WhipSignaling, Workflow,
};
#[cfg(feature = "worker")]
use streamsdk_worker::{Worker, WorkerConfig};

#[cfg(feature = "url")]
use super::download::DownloadBar;
use crate::args::{LimitArguments, RunArguments, VoiceArguments};
use crate::failure::Failure;
#[cfg(all(feature = "webcam", target_os = "linux"))]
use crate::source::WebcamName;
use crate::source::{Pattern, SourceArgument};
#[cfg(feature = "url")]
use crate::terminal;

/// What the embedded worker runs when nothing is asked for.
#[cfg(feature = "worker")]
const DEFAULT_WORKFLOW: &str = "motion";

/// The server that a run talks to.
pub(super) enum RunServer {
    Remote(String),
    /// Somebody between this machine and the server.
    Backend(String),
    /// Video is published to it.
    Whip(String),
    #[cfg(feature = "worker")]
    Embedded(Worker),
}

impl RunServer {
    pub(super) async fn find(arguments: &RunArguments) -> Result<Self, Failure> {
        let RunArguments { server, backend, whip, .. } = arguments;
        let remote = server.url.clone().map(Self::Remote);
        let remote = remote.or(backend.clone().map(Self::Backend));
        if let Some(server) = remote.or(whip.clone().map(Self::Whip)) {
            return Ok(server);
        }
        #[cfg(feature = "worker")]
        return Worker::start("127.0.0.1:0", WorkerConfig::default())
            .await
            .map(Self::Embedded)
            .map_err(|error| Failure::Internal(error.to_string()));
        #[cfg(not(feature = "worker"))]
        return Err(Failure::Usage(
            "give --server URL: this program was built without the embedded worker (feature `worker`)"
                .to_owned(),
        ));
    }

    fn url(&self) -> String {
        match self {
            Self::Remote(url) | Self::Backend(url) | Self::Whip(url) => url.clone(),
            #[cfg(feature = "worker")]
            Self::Embedded(worker) => worker.url(),
        }
    }

    pub(super) async fn stop(self) {
        match self {
            Self::Remote(_) | Self::Backend(_) | Self::Whip(_) => {}
            #[cfg(feature = "worker")]
            Self::Embedded(worker) => worker.shutdown().await,
        }
    }
}

pub(super) async fn start(
    arguments: &RunArguments,
    source: &SourceArgument,
    server: &RunServer,
    voice: &VoiceArguments,
) -> Result<Session, Failure> {
    let client = client(arguments, server)?;
    let config = config(arguments);
    if client.is_local() && has_ice_servers(arguments) {
        let what = "--ice-server and --turn have no use: the server is on this machine";
        return Err(Failure::Usage(what.to_owned()));
    }
    if let SourceArgument::Url(_) = source {
        // What is wrong with it is told before anything is downloaded.
        Processing::of(arguments, server)?;
    }
    let stream = stream(&client, source, arguments, server, voice).await?.config(config);
    Ok(Processing::of(arguments, server)?.set(stream, arguments).start().await?)
}

fn client(arguments: &RunArguments, server: &RunServer) -> Result<Client, Failure> {
    let mut client = Client::builder(server.url());
    client = match server {
        RunServer::Backend(url) => client.signaling(backend(url, arguments)?),
        RunServer::Whip(url) => client.signaling(whip(url, arguments)?),
        _ => client,
    };
    if let Some(key) = &arguments.server.api_key {
        client = client.api_key(key.as_str());
    }
    if let Some(transport) = arguments.server.api_key_transport {
        client = client.api_key_transport(transport.into());
    }
    if let Some(limit) = arguments.limits.timeout {
        client = client.timeout(limit);
    }
    Ok(client.build()?)
}

fn backend(url: &str, arguments: &RunArguments) -> Result<ProxySignaling, Failure> {
    let mut backend = ProxySignaling::builder(url);
    if let Some(token) = token(arguments)? {
        backend = backend.bearer_token(token);
    }
    if let Some(limit) = arguments.limits.timeout {
        backend = backend.timeout(limit);
    }
    backend.build().map_err(|error| Failure::Usage(error.to_string()))
}

fn whip(url: &str, arguments: &RunArguments) -> Result<WhipSignaling, Failure> {
    let mut whip = WhipSignaling::builder(url);
    if let Some(token) = token(arguments)? {
        whip = whip.bearer_token(token);
    }
    if let Some(limit) = arguments.limits.timeout {
        whip = whip.timeout(limit);
    }
    whip.build().map_err(|error| Failure::Usage(error.to_string()))
}

/// What is in the token file, without what editors put at its end.
fn token(arguments: &RunArguments) -> Result<Option<ApiKey>, Failure> {
    let Some(path) = &arguments.token_file else { return Ok(None) };
    let text = std::fs::read_to_string(path).map_err(|error| {
        Failure::Usage(format!("the token file {} cannot be read: {error}", path.display()))
    })?;
    Ok(Some(ApiKey::new(text.trim())))
}

fn config(arguments: &RunArguments) -> StreamConfig {
    let mut config = StreamConfig::default()
        .stream_output(&arguments.stream_output)
        .data_output(data_output(arguments))
        .timeouts(timeouts(&arguments.limits))
        .diagnose_failures(!arguments.no_diagnosis);
    if arguments.realtime || arguments.every_frame {
        config = config.realtime_processing(arguments.realtime);
    }
    for (name, value) in &arguments.parameters {
        config = config.parameter(name, value.clone());
    }
    for server in ice_servers(arguments) {
        config = config.ice_server(server);
    }
    if arguments.relay_only {
        config = config.ice_transport_policy(IceTransportPolicy::Relay);
    }
    if let Some(plan) = &arguments.plan {
        config = config.requested_plan(plan);
    }
    if let Some(region) = &arguments.region {
        config = config.requested_region(region);
    }
    if let Some(policy) = arguments.limits.retry {
        config = config.retry(policy);
    }
    if let Some(limit) = arguments.limits.processing_timeout {
        config = config.processing_timeout(limit);
    }
    if let Some(codec) = arguments.codec {
        config = config.video_codec(codec);
    }
    if let Some(bitrate) = arguments.bitrate {
        let BitrateLimits { min, start, .. } = BitrateLimits::default();
        config = config.bitrate(BitrateLimits::new(min.min(bitrate), start, bitrate));
    }
    config
}

fn timeouts(limits: &LimitArguments) -> Timeouts {
    type Set = fn(Timeouts, Duration) -> Timeouts;
    let given: [(Option<Duration>, Set); 5] = [
        (limits.connect_timeout, Timeouts::connect),
        (limits.upload_timeout, Timeouts::upload_progress),
        (limits.first_result_timeout, Timeouts::first_frame),
        (limits.idle_timeout, Timeouts::idle),
        (limits.dead_after, Timeouts::dead_after),
    ];
    given.into_iter().fold(Timeouts::default(), |timeouts, (limit, set)| match limit {
        Some(limit) => set(timeouts, limit),
        None => timeouts,
    })
}

fn has_ice_servers(arguments: &RunArguments) -> bool {
    !(arguments.ice_server.is_empty() && arguments.server.turn.is_empty())
}

fn ice_servers(arguments: &RunArguments) -> impl Iterator<Item = IceServer> {
    let open = arguments.ice_server.iter().map(IceServer::new);
    open.chain(arguments.server.turn_servers())
}

async fn stream(
    client: &Client,
    source: &SourceArgument,
    arguments: &RunArguments,
    server: &RunServer,
    voice: &VoiceArguments,
) -> Result<StreamBuilder, Failure> {
    #[cfg(not(feature = "url"))]
    let _ = voice;
    if let (RunServer::Whip(_), SourceArgument::File(path)) = (server, source) {
        return Ok(client.stream(played(path)?));
    }
    let file = |file: VideoFileSource| {
        client.stream(if arguments.frames_by_track { file.frames_by_track() } else { file })
    };
    Ok(match source {
        SourceArgument::File(path) => file(VideoFileSource::open(path).map_err(SourceError::from)?),
        #[cfg(feature = "url")]
        SourceArgument::Url(url) => file(download(url, arguments, voice).await?),
        #[cfg(not(feature = "url"))]
        SourceArgument::Url(_) => return Err(not_built("downloads", "url")),
        SourceArgument::Rtsp(url) => {
            client.stream(RtspSource::new(url).map_err(SourceError::from)?)
        }
        SourceArgument::Mjpeg(url) => {
            client.stream(MjpegSource::new(url).map_err(SourceError::from)?)
        }
        #[cfg(feature = "local-stream")]
        SourceArgument::Local(url) => client.stream(local_stream(url, arguments).await?),
        #[cfg(not(feature = "local-stream"))]
        SourceArgument::Local(_) => return Err(not_built("local streams", "local-stream")),
        #[cfg(all(feature = "webcam", target_os = "linux"))]
        SourceArgument::Webcam(name) => client.stream(webcam(name, arguments)?),
        #[cfg(not(all(feature = "webcam", target_os = "linux")))]
        SourceArgument::Webcam(_) => return Err(not_built("webcams on Linux", "webcam")),
        SourceArgument::Pattern(Pattern { size, fps }) => {
            let pattern = TestPattern::new(size.width, size.height, *fps);
            let frames = arguments.duration.map(|duration| duration.as_secs_f64() * fps);
            client.stream(ProducerSource::new(match frames {
                Some(frames) => pattern.limit(frames.ceil() as u64),
                None => pattern,
            }))
        }
    })
}

#[cfg(feature = "url")]
async fn download(
    url: &str,
    arguments: &RunArguments,
    voice: &VoiceArguments,
) -> Result<VideoFileSource, Failure> {
    let mut video =
        streamsdk::VideoUrl::new(url).map_err(SourceError::from)?.use_cache(!arguments.no_cache);
    if arguments.allow_private {
        video = video.allow_private_addresses(true);
    }
    let mut bar = DownloadBar::new(voice.quiet);
    let opened = video.on_progress(move |progress| bar.show(progress)).open().await;
    opened.map_err(|error| {
        if leads_to_private(&error) {
            terminal::say("note: --allow-private allows addresses that are not public");
        }
        error.into()
    })
}

#[cfg(feature = "url")]
fn leads_to_private(error: &SourceError) -> bool {
    use streamsdk::{DownloadError, DownloadRefusal};

    let SourceError::Download(DownloadError::Refused { refusal, .. }) = error else { return false };
    matches!(refusal, DownloadRefusal::PrivateAddress { .. })
}

#[cfg(feature = "local-stream")]
async fn local_stream(url: &str, arguments: &RunArguments) -> Result<LocalStreamSource, Failure> {
    use streamsdk::{NetworkStream, Reconnect, Transcode};

    let reconnect = arguments.reconnect.map_or_else(Reconnect::always, Reconnect::attempts);
    let mut options = NetworkStream::options(url).reconnect(reconnect);
    if let Some(transport) = arguments.rtsp_transport {
        options = options.transport(transport);
    }
    let source = LocalStreamSource::open_with(options);
    let transcode = if arguments.transcode { Transcode::Always } else { Transcode::Auto };
    Ok(source.await?.transcode(transcode))
}

#[cfg(all(feature = "webcam", target_os = "linux"))]
fn webcam(name: &WebcamName, arguments: &RunArguments) -> Result<WebcamSource, Failure> {
    use streamsdk::Webcam;

    let mut options = match name {
        WebcamName::Number(number) => Webcam::options(*number),
        WebcamName::Text(text) => Webcam::options(text.as_str()),
    };
    if let Some(size) = arguments.resolution {
        options = options.resolution(size.width, size.height);
    }
    if let Some(fps) = arguments.fps {
        options = options.frame_rate(fps);
    }
    Ok(WebcamSource::new(options.open().map_err(SourceError::from)?))
}

#[cfg(not(all(
    feature = "local-stream",
    feature = "url",
    feature = "video",
    feature = "webcam",
    target_os = "linux"
)))]
fn not_built(what: &str, feature: &str) -> Failure {
    Failure::Usage(format!("this program was built without {what} (feature `{feature}`)"))
}

/// A file whose frames this program sends, each at its time.
#[cfg(feature = "video")]
fn played(path: &Path) -> Result<ProducerSource, Failure> {
    let video = streamsdk_capture::VideoFile::options().paced(true).open(path);
    Ok(ProducerSource::new(video.map_err(|error| SourceError::Other(error.into()))?))
}

#[cfg(not(feature = "video"))]
fn played(_path: &Path) -> Result<ProducerSource, Failure> {
    Err(not_built("publishing of files", "video"))
}

/// Everything but images, when nothing is asked for: results without results surprise.
fn data_output(arguments: &RunArguments) -> Vec<String> {
    if arguments.whip.is_some() {
        return Vec::new();
    }
    if arguments.data_output.is_empty() && arguments.stream_output.is_empty() {
        vec!["*".to_owned()]
    } else {
        arguments.data_output.clone()
    }
}

/// What the server runs on every frame.
enum Processing {
    /// Nothing comes back.
    Nothing,
    Workflow(Workflow),
    Model {
        id: String,
        task: Option<TaskType>,
    },
}

impl Processing {
    fn of(arguments: &RunArguments, server: &RunServer) -> Result<Self, Failure> {
        if let RunServer::Whip(_) = server {
            return Ok(Self::Nothing);
        }
        Ok(match &arguments.model {
            Some(id) => Self::Model { id: id.clone(), task: arguments.task },
            None => Self::Workflow(workflow(arguments, server)?),
        })
    }

    fn set(self, stream: StreamBuilder, arguments: &RunArguments) -> StreamBuilder {
        match self {
            Self::Nothing => stream,
            Self::Workflow(workflow) => {
                stream.workflow(workflow).image_input(&arguments.image_input)
            }
            Self::Model { id, task: Some(task) } => stream.model(id).task(task),
            Self::Model { id, task: None } => stream.model(id),
        }
    }
}

fn workflow(arguments: &RunArguments, server: &RunServer) -> Result<Workflow, Failure> {
    if let Some(path) = &arguments.workflow {
        return read_specification(path).map(Workflow::specification);
    }
    if let Some(id) = &arguments.workflow_id {
        let workspace = match (&arguments.workspace, server) {
            (Some(workspace), _) => workspace.as_str(),
            #[cfg(feature = "worker")]
            (None, RunServer::Embedded(_)) => "local",
            (None, _) => {
                return Err(Failure::Usage("--workflow-id needs --workspace".to_owned()));
            }
        };
        return Ok(Workflow::id(workspace, id));
    }
    match server {
        #[cfg(feature = "worker")]
        RunServer::Embedded(_) => Ok(Workflow::id("local", DEFAULT_WORKFLOW)),
        _ => Err(Failure::Usage(
            "say what the server should run: --workflow FILE, --workflow-id ID --workspace NAME, or --model ID"
                .to_owned(),
        )),
    }
}

fn read_specification(path: &Path) -> Result<Value, Failure> {
    let wrong = |what: &dyn std::fmt::Display| {
        Failure::Usage(format!("the workflow {} cannot be used: {what}", path.display()))
    };
    let text = std::fs::read(path).map_err(|error| wrong(&error))?;
    let value: Value = serde_json::from_slice(&text).map_err(|error| wrong(&error))?;
    if value.is_object() { Ok(value) } else { Err(wrong(&"it is not a JSON object")) }
}
