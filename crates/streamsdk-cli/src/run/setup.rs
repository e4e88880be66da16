use std::path::Path;
use std::time::Duration;

use serde_json::Value;
#[cfg(feature = "url")]
use streamsdk::SourceError;
use streamsdk::{
    ApiKey, BitrateLimits, IceServer, IceTransportPolicy, Session, StreamConfig, Timeouts, Workflow,
};
#[cfg(feature = "url")]
use streamsdk_fleet::{OpenSourceError, StreamError};
use streamsdk_fleet::{Processing, ServerAddress, SessionSettings, SourceName, SourceOptions};
#[cfg(feature = "worker")]
use streamsdk_worker::{Worker, WorkerConfig};

#[cfg(feature = "url")]
use super::download::DownloadBar;
use crate::args::{LimitArguments, RunArguments, VoiceArguments};
use crate::failure::Failure;
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

    fn address(&self) -> ServerAddress {
        match self {
            Self::Remote(url) => ServerAddress::Inference(url.clone()),
            Self::Backend(url) => ServerAddress::Backend(url.clone()),
            Self::Whip(url) => ServerAddress::Whip(url.clone()),
            #[cfg(feature = "worker")]
            Self::Embedded(worker) => ServerAddress::Inference(worker.url()),
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
    source: &SourceName,
    server: &RunServer,
    voice: &VoiceArguments,
) -> Result<Session, Failure> {
    let settings = settings(arguments, source, server, voice)?;
    if settings.client()?.is_local() && has_ice_servers(arguments) {
        let what = "--ice-server and --turn have no use: the server is on this machine";
        return Err(Failure::Usage(what.to_owned()));
    }
    let started = settings.start().await;
    #[cfg(feature = "url")]
    if started.as_ref().is_err_and(leads_to_private) {
        terminal::say("note: --allow-private allows addresses that are not public");
    }
    Ok(started?)
}

fn settings(
    arguments: &RunArguments,
    source: &SourceName,
    server: &RunServer,
    voice: &VoiceArguments,
) -> Result<SessionSettings, Failure> {
    let processing = processing(arguments, server)?;
    let mut settings = SessionSettings::new(source.clone(), server.address(), processing);
    settings.source_options = source_options(arguments, voice);
    settings.api_key = arguments.server.api_key.as_deref().map(ApiKey::new);
    settings.api_key_transport = arguments.server.api_key_transport.map(Into::into);
    settings.token = token(arguments)?;
    settings.answer_limit = arguments.limits.timeout;
    settings.config = config(arguments);
    Ok(settings)
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

#[allow(unused_mut, unused_variables, reason = "by feature")]
fn source_options(arguments: &RunArguments, voice: &VoiceArguments) -> SourceOptions {
    let mut options = SourceOptions::default()
        .frames_by_track(arguments.frames_by_track)
        .duration(arguments.duration);
    #[cfg(feature = "url")]
    {
        let mut bar = DownloadBar::new(voice.quiet);
        options = options
            .allow_private_addresses(arguments.allow_private)
            .use_cache(!arguments.no_cache)
            .on_progress(move |progress| bar.show(progress));
    }
    #[cfg(feature = "local-stream")]
    {
        options = options
            .reconnect(arguments.reconnect)
            .transcode(arguments.transcode)
            .rtsp_transport(arguments.rtsp_transport);
    }
    #[cfg(all(feature = "webcam", target_os = "linux"))]
    {
        options = options.resolution(arguments.resolution).frame_rate(arguments.fps);
    }
    options
}

#[cfg(feature = "url")]
fn leads_to_private(error: &StreamError) -> bool {
    use streamsdk::{DownloadError, DownloadRefusal};

    let StreamError::Source(OpenSourceError::Source(SourceError::Download(error))) = error else {
        return false;
    };
    let DownloadError::Refused { refusal, .. } = error else { return false };
    matches!(refusal, DownloadRefusal::PrivateAddress { .. })
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
fn processing(arguments: &RunArguments, server: &RunServer) -> Result<Processing, Failure> {
    if let RunServer::Whip(_) = server {
        return Ok(Processing::Nothing);
    }
    Ok(match &arguments.model {
        Some(id) => Processing::Model { id: id.clone(), task: arguments.task },
        None => Processing::Workflow {
            workflow: workflow(arguments, server)?,
            image_input: arguments.image_input.clone(),
        },
    })
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
