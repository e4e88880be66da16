use std::path::Path;

use streamsdk::Session;
#[cfg(feature = "url")]
use streamsdk_fleet::OpenSourceError;
use streamsdk_fleet::{SessionSettings, SourceName, StreamError, StreamOptions};
#[cfg(feature = "worker")]
use streamsdk_worker::{Worker, WorkerConfig};

#[cfg(feature = "url")]
use super::download::DownloadBar;
use super::options;
use crate::args::{RunArguments, VoiceArguments};
use crate::failure::Failure;
#[cfg(feature = "url")]
use crate::terminal;

/// The server that a run talks to.
pub(crate) enum RunServer {
    Remote(String),
    /// Somebody between this machine and the server.
    Backend(String),
    /// Video is published to it.
    Whip(String),
    #[cfg(feature = "worker")]
    Embedded(Worker),
}

impl RunServer {
    pub(crate) async fn find(arguments: &RunArguments) -> Result<Self, Failure> {
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

    pub(super) fn set(&self, options: &mut StreamOptions) {
        let (option, url) = match self {
            Self::Remote(url) => (&mut options.server, url.clone()),
            Self::Backend(url) => (&mut options.backend, url.clone()),
            Self::Whip(url) => (&mut options.whip, url.clone()),
            #[cfg(feature = "worker")]
            Self::Embedded(worker) => (&mut options.server, worker.url()),
        };
        *option = Some(url.into());
    }

    pub(super) fn is_embedded(&self) -> bool {
        match self {
            Self::Remote(_) | Self::Backend(_) | Self::Whip(_) => false,
            #[cfg(feature = "worker")]
            Self::Embedded(_) => true,
        }
    }

    pub(crate) async fn stop(self) {
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
    let options = options::of(arguments, server)?;
    let settings = options.settings_for(source.clone(), Path::new("")).map_err(Failure::usage)?;
    if settings.client()?.is_local() && has_ice_servers(arguments) {
        let what = "--ice-server and --turn have no use: the server is on this machine";
        return Err(Failure::Usage(what.to_owned()));
    }
    let started = with_progress(settings, voice).start().await;
    started.inspect_err(hint_at_private).map_err(Failure::from)
}

#[cfg(feature = "url")]
fn with_progress(mut settings: SessionSettings, voice: &VoiceArguments) -> SessionSettings {
    let mut bar = DownloadBar::new(voice.quiet);
    settings.source_options =
        settings.source_options.on_progress(move |progress| bar.show(progress));
    settings
}

#[cfg(not(feature = "url"))]
fn with_progress(settings: SessionSettings, _voice: &VoiceArguments) -> SessionSettings {
    settings
}

fn has_ice_servers(arguments: &RunArguments) -> bool {
    !(arguments.ice_server.is_empty() && arguments.server.turn.is_empty())
}

#[cfg(feature = "url")]
fn hint_at_private(error: &StreamError) {
    use streamsdk::{DownloadError, DownloadRefusal, SourceError};

    let StreamError::Source(OpenSourceError::Source(SourceError::Download(error))) = error else {
        return;
    };
    let DownloadError::Refused { refusal, .. } = error else { return };
    if matches!(refusal, DownloadRefusal::PrivateAddress { .. }) {
        terminal::say("note: --allow-private allows addresses that are not public");
    }
}

#[cfg(not(feature = "url"))]
fn hint_at_private(_error: &StreamError) {}
