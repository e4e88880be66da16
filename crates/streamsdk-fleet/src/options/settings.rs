//! What options come to: the settings of sessions.

use std::fmt::Display;
use std::path::Path;
use std::time::Duration;

use serde_json::Value;
use streamsdk::{
    ApiKey, ApiKeyTransport, BitrateLimits, IceServer, IceTransportPolicy, StreamConfig, Timeouts,
    Workflow,
};
use thiserror::Error;

use super::{KeyTransport, StreamOptions};
use crate::session_settings::{Processing, ServerAddress, SessionSettings};
use crate::source::SourceOptions;
use crate::source_name::SourceName;

/// An option that cannot be used as it is.
#[derive(Debug, Clone, PartialEq, Eq, Error)]
#[error("{}{what}", option.map(|option| format!("{option}: ")).unwrap_or_default())]
#[non_exhaustive]
pub struct WrongOption {
    /// Its name; `None` where one is missing.
    pub option: Option<&'static str>,
    /// What is wrong with it, without secrets.
    pub what: String,
}

impl StreamOptions {
    /// The settings of its sessions. Paths are relative to `folder`.
    ///
    /// # Errors
    ///
    /// The first [`WrongOption`].
    pub fn settings(&self, folder: &Path) -> Result<SessionSettings, WrongOption> {
        self.settings_for(self.source_name(folder)?, folder)
    }

    /// The same for that source, whatever is said here.
    ///
    /// # Errors
    ///
    /// As of [`StreamOptions::settings`].
    pub fn settings_for(
        &self,
        source: SourceName,
        folder: &Path,
    ) -> Result<SessionSettings, WrongOption> {
        let server = self.server_address(folder)?;
        let processing = self.processing(&server, folder)?;
        let secret = |option, text: &Option<super::SecretText>| {
            let text = text.as_ref().map(|text| text.read(folder));
            text.transpose().map_err(|error| wrong(option, error))
        };
        let mut settings = SessionSettings::new(source, server, processing);
        settings.source_options = self.source_options()?;
        settings.api_key = secret("api_key", &self.api_key)?.map(ApiKey::new);
        settings.api_key_transport = self.api_key_transport.map(Into::into);
        settings.token = secret("token", &self.token)?.map(ApiKey::new);
        settings.answer_limit = self.timeout;
        let turn_password = secret("turn_credential", &self.turn_credential)?;
        settings.config = self.config(turn_password.as_deref())?;
        settings.client().map_err(|error| wrong(self.server_option(), error))?;
        Ok(settings)
    }

    fn source_name(&self, folder: &Path) -> Result<SourceName, WrongOption> {
        let Some(source) = &self.source else { return Err(missing("a source is missing")) };
        let text = source.read(folder).map_err(|error| wrong("source", error))?;
        let in_folder = folder.join(&text);
        if in_folder.is_file() {
            return Ok(SourceName::File(in_folder));
        }
        match text.parse().map_err(|error| wrong("source", error))? {
            SourceName::File(path) => Ok(SourceName::File(folder.join(path))),
            source => Ok(source),
        }
    }

    /// Which of the options says what the video goes to.
    fn server_option(&self) -> &'static str {
        match self {
            Self { backend: Some(_), .. } => "backend",
            Self { whip: Some(_), .. } => "whip",
            _ => "server",
        }
    }

    fn server_address(&self, folder: &Path) -> Result<ServerAddress, WrongOption> {
        let read = |option, text: &super::SecretText| {
            text.read(folder).map_err(|error| wrong(option, error))
        };
        match (&self.server, &self.backend, &self.whip) {
            (Some(url), None, None) => read("server", url).map(ServerAddress::Inference),
            (None, Some(url), None) => read("backend", url).map(ServerAddress::Backend),
            (None, None, Some(url)) => read("whip", url).map(ServerAddress::Whip),
            (None, None, None) => {
                Err(missing("say what the video goes to: server, backend or whip"))
            }
            _ => Err(wrong(self.server_option(), "only one of server, backend and whip can be")),
        }
    }

    fn processing(&self, server: &ServerAddress, folder: &Path) -> Result<Processing, WrongOption> {
        let image_input = || self.image_input.clone().unwrap_or_else(|| "image".to_owned());
        let of = |workflow| Processing::Workflow { workflow, image_input: image_input() };
        if let ServerAddress::Whip(_) = server {
            return Ok(Processing::Nothing);
        }
        match (&self.workflow, &self.workflow_id, &self.model) {
            (Some(path), None, None) => {
                let specification = read_specification(&folder.join(path));
                specification
                    .map(|json| of(Workflow::specification(json)))
                    .map_err(|error| wrong("workflow", error))
            }
            (None, Some(id), None) => match &self.workspace {
                Some(workspace) => Ok(of(Workflow::id(workspace, id))),
                None => Err(wrong("workflow_id", "needs a workspace")),
            },
            (None, None, Some(id)) => Ok(Processing::Model { id: id.clone(), task: self.task }),
            (None, None, None) => Err(missing(
                "say what the server should run: workflow, workflow_id with workspace, or model",
            )),
            (_, _, Some(_)) => Err(wrong("model", "is in the place of a workflow")),
            _ => Err(wrong("workflow", "is in the place of a workflow_id")),
        }
    }

    fn source_options(&self) -> Result<SourceOptions, WrongOption> {
        let is = |option: Option<bool>| option.unwrap_or_default();
        let options = SourceOptions::default()
            .frames_by_track(is(self.frames_by_track))
            .duration(self.duration)
            .allow_private_addresses(is(self.allow_private))
            .use_cache(!is(self.no_cache))
            .reconnect(self.reconnect)
            .transcode(is(self.transcode))
            .resolution(self.resolution)
            .frame_rate(self.fps);
        #[cfg(feature = "local-stream")]
        let options = match &self.rtsp_transport {
            None => options,
            Some(text) => {
                let transport: streamsdk::Transport =
                    text.parse().map_err(|error| wrong("rtsp_transport", error))?;
                options.rtsp_transport(transport)
            }
        };
        Ok(options)
    }

    fn config(&self, turn_password: Option<&str>) -> Result<StreamConfig, WrongOption> {
        let mut config = StreamConfig::default()
            .stream_output(self.stream_output.iter().flatten())
            .data_output(self.data_output())
            .timeouts(self.timeouts())
            .diagnose_failures(self.no_diagnosis == Some(false));
        if self.realtime.is_some() || self.every_frame.is_some() {
            let realtime = self.realtime.unwrap_or(!self.every_frame.unwrap_or_default());
            config = config.realtime_processing(realtime);
        }
        for (name, value) in self.params.iter().flatten() {
            config = config.parameter(name, value.clone());
        }
        for url in self.ice_server.iter().flatten() {
            config = config.ice_server(IceServer::new(url));
        }
        for server in self.turn_servers(turn_password)? {
            config = config.ice_server(server);
        }
        if self.relay_only == Some(true) {
            if self.turn.is_none() {
                return Err(wrong("relay_only", "needs a TURN server: turn"));
            }
            config = config.ice_transport_policy(IceTransportPolicy::Relay);
        }
        if let Some(plan) = &self.plan {
            config = config.requested_plan(plan);
        }
        if let Some(region) = &self.region {
            config = config.requested_region(region);
        }
        if let Some(policy) = self.retry {
            config = config.retry(policy);
        }
        if let Some(limit) = self.processing_timeout {
            config = config.processing_timeout(limit);
        }
        if let Some(codec) = self.codec {
            config = config.video_codec(codec);
        }
        if let Some(bitrate) = self.bitrate {
            let BitrateLimits { min, start, .. } = BitrateLimits::default();
            config = config.bitrate(BitrateLimits::new(min.min(bitrate), start, bitrate));
        }
        Ok(config)
    }

    /// Everything but images, when nothing is asked for: results without results surprise.
    fn data_output(&self) -> Vec<String> {
        match (&self.data_output, &self.stream_output) {
            (None, None) if self.whip.is_none() => vec!["*".to_owned()],
            (names, _) => names.clone().unwrap_or_default(),
        }
    }

    fn timeouts(&self) -> Timeouts {
        type Set = fn(Timeouts, Duration) -> Timeouts;
        let given: [(Option<Duration>, Set); 5] = [
            (self.connect_timeout, Timeouts::connect),
            (self.upload_timeout, Timeouts::upload_progress),
            (self.first_result_timeout, Timeouts::first_frame),
            (self.idle_timeout, Timeouts::idle),
            (self.dead_after, Timeouts::dead_after),
        ];
        given.into_iter().fold(Timeouts::default(), |timeouts, (limit, set)| match limit {
            Some(limit) => set(timeouts, limit),
            None => timeouts,
        })
    }

    fn turn_servers(&self, password: Option<&str>) -> Result<Vec<IceServer>, WrongOption> {
        let Some(urls) = &self.turn else { return Ok(Vec::new()) };
        let (Some(user), Some(password)) = (&self.turn_user, password) else {
            return Err(wrong("turn", "needs turn_user and turn_credential"));
        };
        Ok(urls.iter().map(|url| IceServer::new(url).credentials(user, password)).collect())
    }
}

fn wrong(option: &'static str, what: impl Display) -> WrongOption {
    WrongOption { option: Some(option), what: what.to_string() }
}

fn missing(what: &str) -> WrongOption {
    WrongOption { option: None, what: what.to_owned() }
}

fn read_specification(path: &Path) -> Result<Value, String> {
    let unusable =
        |what: &dyn Display| format!("the workflow {} cannot be used: {what}", path.display());
    let text = std::fs::read(path).map_err(|error| unusable(&error))?;
    let value: Value = serde_json::from_slice(&text).map_err(|error| unusable(&error))?;
    if value.is_object() { Ok(value) } else { Err(unusable(&"it is not a JSON object")) }
}

impl From<KeyTransport> for ApiKeyTransport {
    fn from(transport: KeyTransport) -> Self {
        match transport {
            KeyTransport::Legacy => Self::Legacy,
            KeyTransport::Both => Self::Both,
            KeyTransport::Header => Self::Header,
        }
    }
}
