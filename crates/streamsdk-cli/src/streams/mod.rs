//! `streamsdk run` with many streams: from a file, or of several sources.

mod check;
mod report;
mod watch;

use std::path::Path;
use std::process::ExitCode;
use std::sync::Arc;

#[cfg(feature = "view")]
use streamsdk::view::{PageConfig, PageServer};
use streamsdk::{ApiKey, FileError, SourceError};
use streamsdk_fleet::{
    AdminServer, Counters, Ended, Fleet, FleetConfig, FleetEnd, SourceName, StreamEvents,
    StreamState, StreamStatus,
};
use tokio::sync::Mutex;
use tokio::task::JoinHandle;

pub(crate) use self::check::check;
pub(crate) use self::report::NewsLine;
use self::report::StreamsReport;
use self::watch::FileWatch;
use crate::args::{RunArguments, VoiceArguments};
use crate::failure::{Failure, INCOMPLETE, INTERRUPTED};
use crate::run::options;
use crate::run::setup::RunServer;
use crate::run::target::emptied_jsonl;
use crate::signals::{Hangups, Signals};
use crate::terminal;

pub(crate) async fn run(
    path: &Path,
    arguments: &RunArguments,
    voice: &VoiceArguments,
) -> Result<ExitCode, Failure> {
    let config = FleetConfig::read(path).map_err(Failure::usage)?;
    let signals = Signals::listen()?;
    run_until_over(config, Some(path), signals, arguments, voice).await
}

/// Streams several sources, until all are over or the program is told to end.
pub(crate) async fn run_many(
    sources: Vec<SourceName>,
    arguments: &RunArguments,
    voice: &VoiceArguments,
) -> Result<ExitCode, Failure> {
    for source in &sources {
        refuse_missing(source)?;
    }
    let lines = emptied_jsonl(arguments, &sources)?;
    let signals = Signals::listen()?;
    let server = RunServer::find(arguments).await?;
    let options = options::of(arguments, &server)?;
    let config = FleetConfig::of_sources(sources, &options).map_err(Failure::usage)?;
    let mut config = config.files_at_once(arguments.files_at_once);
    if let Some(path) = lines {
        config = config.deliver_to(path);
    }
    let ended = run_until_over(config, None, signals, arguments, voice).await;
    server.stop().await;
    ended
}

/// Runs what is configured, as `file` has it by then where there is one.
async fn run_until_over(
    config: FleetConfig,
    file: Option<&Path>,
    mut signals: Signals,
    arguments: &RunArguments,
    voice: &VoiceArguments,
) -> Result<ExitCode, Failure> {
    let (fleet, events) = Fleet::new(&config).map_err(Failure::internal)?;
    let running = RunningFleet::start(fleet, events, &config, arguments, voice).await?;
    running.apply(config).await?;
    let following = async {
        match file {
            Some(path) => running.follow_file(path).await,
            None => std::future::pending().await,
        }
    };
    let is_interrupted = tokio::select! {
        () = following => false,
        () = running.all_over() => false,
        () = signals.next() => true,
    };
    signals.end_at_once_from_now_on();
    let end = running.end().await;
    Ok(match is_interrupted {
        true => ExitCode::from(INTERRUPTED),
        false if is_complete(&end) => ExitCode::SUCCESS,
        false => ExitCode::from(INCOMPLETE),
    })
}

/// Before anything is sent.
fn refuse_missing(source: &SourceName) -> Result<(), Failure> {
    match source {
        SourceName::File(path) if !path.exists() => {
            Err(SourceError::from(FileError::NotFound { path: path.clone() }).into())
        }
        _ => Ok(()),
    }
}

/// Whether every stream is complete, and all that came of it is where it should be.
fn is_complete(end: &FleetEnd) -> bool {
    let is_stream = |stream: &StreamStatus| {
        stream.state == StreamState::Complete && stream.totals.undelivered == 0
    };
    let is_sink = |(_, ended): &(String, Ended)| {
        let Counters { waiting, refused, dropped, damaged, .. } = ended.counters;
        ended.lost + waiting + refused + dropped + damaged == 0
    };
    end.streams.iter().all(is_stream) && end.sinks.iter().all(is_sink)
}

/// A fleet and what belongs to it in this program.
struct RunningFleet {
    fleet: Arc<Mutex<Fleet>>,
    report: Arc<StreamsReport>,
    reporting: JoinHandle<()>,
    admin: Option<AdminServer>,
    #[cfg(feature = "view")]
    page: Option<PageServer>,
}

impl RunningFleet {
    async fn start(
        fleet: Fleet,
        events: StreamEvents,
        config: &FleetConfig,
        arguments: &RunArguments,
        voice: &VoiceArguments,
    ) -> Result<Self, Failure> {
        #[cfg(feature = "view")]
        let (fleet, page) = with_page(fleet, arguments).await?;
        #[cfg(not(feature = "view"))]
        let _ = arguments;
        let report = Arc::new(StreamsReport::new(fleet.observer(), voice));
        // Streams wait until what happens in them is taken.
        let reporting = tokio::spawn(Arc::clone(&report).follow(events));
        let fleet = Arc::new(Mutex::new(fleet));
        let admin = match config.admin() {
            Some(address) => {
                let token = config.admin_token().map_err(Failure::Usage)?.map(ApiKey::new);
                let admin = AdminServer::start(address, token, Arc::clone(&fleet)).await;
                let admin = admin.map_err(Failure::internal)?;
                terminal::say(format_args!("admin address: http://{}", admin.address()));
                Some(admin)
            }
            None => None,
        };
        Ok(Self {
            fleet,
            report,
            reporting,
            admin,
            #[cfg(feature = "view")]
            page,
        })
    }

    async fn apply(&self, config: FleetConfig) -> Result<(), Failure> {
        let fleet = Arc::clone(&self.fleet);
        // It goes on to its end though the program is told to end meanwhile: streams and sinks that are being ended deliver.
        let applying = tokio::spawn(async move { fleet.lock().await.apply(config).await });
        let changes = applying.await.map_err(Failure::internal)?.map_err(Failure::internal)?;
        self.report.tell(&changes);
        Ok(())
    }

    /// Goes along with changes of the file, and with SIGHUP. A file that cannot be used changes nothing.
    async fn follow_file(&self, path: &Path) {
        let (mut file, mut hangups) = (FileWatch::new(path), Hangups::listen());
        loop {
            tokio::select! {
                () = file.changed() => {}
                () = hangups.next() => {}
            }
            match FleetConfig::read(path) {
                Err(error) => self.report.tell(&format_args!("nothing is changed: {error}")),
                Ok(config) => {
                    if let Err(failure) = self.apply(config).await {
                        self.report.tell_failure(&failure);
                    }
                }
            }
        }
    }

    /// Returns when no stream does anything more, and nobody can ask for others.
    async fn all_over(&self) {
        loop {
            self.report.stream_over().await;
            // While the file is gone along with, some have ended of which others take the place.
            let are_over = self.fleet.lock().await.observer().are_over();
            if are_over && self.admin.is_none() {
                return;
            }
        }
    }

    async fn end(self) -> FleetEnd {
        let end = self.fleet.lock().await.drain().await;
        if let Some(admin) = self.admin {
            admin.shutdown().await;
        }
        #[cfg(feature = "view")]
        if let Some(page) = self.page {
            page.shutdown().await;
        }
        self.reporting.abort();
        self.report.finish(&end);
        end
    }
}

#[cfg(feature = "view")]
async fn with_page(
    mut fleet: Fleet,
    arguments: &RunArguments,
) -> Result<(Fleet, Option<PageServer>), Failure> {
    let Some(address) = &arguments.view else { return Ok((fleet, None)) };
    let page = PageServer::start(address, PageConfig::default()).await;
    let page = page.map_err(Failure::usage)?;
    terminal::say(format_args!("live page: {}", page.url()));
    fleet.show_on((*page).clone());
    Ok((fleet, Some(page)))
}
