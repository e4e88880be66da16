//! What a file of streams describes, running: and made to be what the next file describes.

use std::collections::{BTreeMap, BTreeSet};
use std::fmt;
use std::io;
use std::path::PathBuf;
use std::sync::Arc;
use std::time::Duration;

use futures::future::join_all;
use serde::Serialize;
#[cfg(feature = "view")]
use streamsdk::view::{self, LivePage};
use streamsdk_sinks::{Counters, Ended, OpenError, Outlet, StreamName};
use thiserror::Error;

use crate::config::{FleetConfig, SinkEntry, StreamEntry};
use crate::observer::FleetObserver;
use crate::options::{ImagesOption, StreamOptions, WrongOption};
use crate::source_name::SourceKind;
use crate::streams::{EpochFileError, Stream, StreamEvents, StreamStatus, Streams, StreamsConfig};

/// The file of the last epoch, in the folder of what is remembered.
const EPOCH_FILE: &str = "epoch";

/// Streams and sinks as a [`FleetConfig`] describes them.
#[derive(Debug)]
pub struct Fleet {
    folder: PathBuf,
    defaults: StreamOptions,
    drain_limit: Duration,
    observer: FleetObserver,
    running: BTreeMap<StreamName, RunningStream>,
    /// Those whose outlets are open.
    sinks: BTreeMap<String, SinkEntry>,
    #[cfg(feature = "view")]
    page: Option<LivePage>,
}

#[derive(Debug)]
struct RunningStream {
    entry: StreamEntry,
    /// Somebody has put it there beside what the file has.
    is_put: bool,
}

/// What was different in a configuration.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
#[non_exhaustive]
pub struct Changes {
    /// Streams that were started.
    pub added: Vec<StreamName>,
    /// Streams that were ended and started again.
    pub changed: Vec<StreamName>,
    /// Streams that were ended.
    pub removed: Vec<StreamName>,
}

/// How a sink is.
#[derive(Debug, Clone, Serialize)]
#[non_exhaustive]
pub struct SinkStatus {
    /// Its name.
    pub name: String,
    /// What has become of the results that it took.
    #[serde(flatten)]
    pub counters: Counters,
}

/// How everything ended.
#[derive(Debug)]
#[non_exhaustive]
pub struct FleetEnd {
    /// The streams, by name.
    pub streams: Vec<StreamStatus>,
    /// The sinks, by name.
    pub sinks: Vec<(String, Ended)>,
}

/// What a configuration describes cannot be had.
#[derive(Debug, Error)]
#[non_exhaustive]
pub enum FleetError {
    /// What waits for a sink cannot be kept.
    #[error("the sink {name} cannot be opened")]
    Sink {
        /// The sink.
        name: String,
        /// Why not.
        source: OpenError,
    },
    /// A sink cannot be made, as when a file with a secret has gone.
    #[error("the sink {name} cannot be: {what}")]
    SinkSettings {
        /// The sink.
        name: String,
        /// Why not.
        what: String,
    },
    /// The folder of what is remembered cannot be used.
    #[error("cannot use {folder} as the state folder")]
    StateFolder {
        /// The folder.
        folder: String,
        /// Why not.
        source: io::Error,
    },
    /// Nor can the file in it.
    #[error(transparent)]
    Epochs(#[from] EpochFileError),
}

/// A stream cannot be put or taken away.
#[derive(Debug, Clone, PartialEq, Eq, Error)]
#[non_exhaustive]
pub enum PutError {
    /// Its options are wrong.
    #[error(transparent)]
    Option(#[from] WrongOption),
    /// A sink that it names is not there.
    #[error("there is no sink called {0}")]
    NoSuchSink(String),
    /// It is one of the file's, and only the file changes it.
    #[error("{0} is in the file of streams: change it there")]
    OfFile(StreamName),
    /// There is none.
    #[error("there is no stream called {0}")]
    NoSuchStream(StreamName),
}

impl Fleet {
    /// Nothing runs yet: [`Fleet::apply`] starts what `config` describes. Has to be used within tokio's runtime.
    ///
    /// # Errors
    ///
    /// [`FleetError`] if the state folder cannot be used.
    pub fn new(config: &FleetConfig) -> Result<(Self, StreamEvents), FleetError> {
        let mut streams = StreamsConfig::default();
        if let Some(count) = config.process.files_at_once {
            streams = streams.files_at_once(count);
        }
        if let Some(folder) = &config.process.state_folder {
            let folder = config.folder.join(folder);
            std::fs::create_dir_all(&folder).map_err(|source| FleetError::StateFolder {
                folder: folder.display().to_string(),
                source,
            })?;
            streams = streams.epoch_file(folder.join(EPOCH_FILE));
        }
        let (streams, events) = Streams::with_events(streams)?;
        let fleet = Self {
            folder: config.folder.clone(),
            defaults: config.defaults.clone(),
            drain_limit: config.drain_limit(),
            observer: FleetObserver::new(streams),
            running: BTreeMap::new(),
            sinks: BTreeMap::new(),
            #[cfg(feature = "view")]
            page: None,
        };
        Ok((fleet, events))
    }

    /// Shows on a page all streams that begin from now on, but those that do not want it.
    #[cfg(feature = "view")]
    pub fn show_on(&mut self, page: LivePage) {
        self.page = Some(page);
    }

    /// Makes everything be as `config` describes: ends streams that are not in it, begins new ones, and begins those again
    /// that are described differently, or whose sinks are. What is as before goes on as if nothing had been. Streams that were
    /// [put](Fleet::put) stay, unless the file has one of the name now.
    ///
    /// What is of the process as a whole, such as the state folder, stays as it was. Dropping the future before it is done may
    /// lose results of streams and sinks that were being ended.
    ///
    /// # Errors
    ///
    /// [`FleetError`] if a sink cannot be opened: then the streams that it is for do not run, and another call tries again.
    pub async fn apply(&mut self, config: FleetConfig) -> Result<Changes, FleetError> {
        let stale_sinks = self.stale_sinks(&config);
        let stale = self.stale_streams(&config, &stale_sinks);
        self.end_streams(&stale).await;
        self.close_sinks(&stale_sinks).await;
        self.folder = config.folder;
        self.defaults = config.defaults;
        let opened = self.open_sinks(config.sinks);

        let mut changes = Changes::default();
        for (name, entry) in config.streams {
            let was_there = stale.contains(&name);
            if self.running.contains_key(&name) || !self.has_sinks_of(&entry) {
                continue;
            }
            match was_there {
                true => changes.changed.push(name.clone()),
                false => changes.added.push(name.clone()),
            }
            self.start(name, entry, false);
        }
        let gone = stale.into_iter().filter(|name| !self.running.contains_key(name));
        changes.removed = gone.collect();
        self.observer.set_ready(opened.is_ok());
        opened.map(|()| changes)
    }

    /// Starts a stream beside those of the file, or in the place of one that was put before. What `options` do not say, the
    /// file's defaults say.
    ///
    /// # Errors
    ///
    /// [`PutError`] if it cannot be, and nothing has changed.
    pub async fn put(&mut self, name: StreamName, options: StreamOptions) -> Result<(), PutError> {
        if self.running.get(&name).is_some_and(|running| !running.is_put) {
            return Err(PutError::OfFile(name));
        }
        self.refuse_other_image_folder(&options)?;
        let entry = StreamEntry::of(options.over(&self.defaults), &self.folder)?;
        if let Some(sink) = entry.sinks().find(|sink| !self.sinks.contains_key(*sink)) {
            return Err(PutError::NoSuchSink(sink.to_owned()));
        }
        self.end_streams(&BTreeSet::from([name.clone()])).await;
        self.start(name, entry, true);
        Ok(())
    }

    /// Whoever puts streams does not choose where this machine writes files.
    fn refuse_other_image_folder(&self, options: &StreamOptions) -> Result<(), WrongOption> {
        let is_other = options.images != self.defaults.images;
        match &options.images {
            Some(ImagesOption::InFolder(_)) if is_other => {
                let what = "a folder can only be the one of [defaults]".to_owned();
                Err(WrongOption { option: Some("images"), what })
            }
            _ => Ok(()),
        }
    }

    /// Ends a stream that was put.
    ///
    /// # Errors
    ///
    /// [`PutError`] if there is none, or it is the file's.
    pub async fn take(&mut self, name: &StreamName) -> Result<(), PutError> {
        match self.running.get(name) {
            None => Err(PutError::NoSuchStream(name.clone())),
            Some(running) if !running.is_put => Err(PutError::OfFile(name.clone())),
            Some(_) => {
                self.end_streams(&BTreeSet::from([name.clone()])).await;
                Ok(())
            }
        }
    }

    /// For looking on.
    pub fn observer(&self) -> FleetObserver {
        self.observer.clone()
    }

    /// Ends all streams and then all sinks, each within the time that the configuration gives. What could not be delivered by
    /// then is in the sinks' spools, where they have one.
    pub async fn drain(&mut self) -> FleetEnd {
        self.observer.set_ready(false);
        let limit = self.drain_limit;
        let streams = self.observer.handle().drain(limit).await;
        self.running.clear();
        let names = self.sinks.keys().cloned().collect();
        let sinks = self.close_sinks(&names).await;
        FleetEnd { streams, sinks }
    }

    /// Sinks that are not there any more, or are something else.
    fn stale_sinks(&self, config: &FleetConfig) -> BTreeSet<String> {
        let stale =
            self.sinks.iter().filter(|(name, entry)| config.sinks.get(*name) != Some(entry));
        stale.map(|(name, _)| name.clone()).collect()
    }

    /// Streams that have to end: they are gone or something else, or one of their sinks is.
    fn stale_streams(
        &self,
        config: &FleetConfig,
        stale_sinks: &BTreeSet<String>,
    ) -> BTreeSet<StreamName> {
        let is_stale = |name: &StreamName, running: &RunningStream| {
            let loses_a_sink = running.entry.sinks().any(|sink| stale_sinks.contains(sink));
            loses_a_sink
                || match config.streams.get(name) {
                    Some(entry) => running.is_put || *entry != running.entry,
                    None => !running.is_put,
                }
        };
        let stale = self.running.iter().filter(|(name, running)| is_stale(name, running));
        stale.map(|(name, _)| name.clone()).collect()
    }

    async fn end_streams(&mut self, names: &BTreeSet<StreamName>) {
        let ends = names.iter().map(|name| self.observer.handle().remove(name, self.drain_limit));
        join_all(ends).await;
        for name in names {
            self.running.remove(name);
            #[cfg(feature = "view")]
            self.page.iter().for_each(|page| page.remove(name.as_str()));
        }
    }

    async fn close_sinks(&mut self, names: &BTreeSet<String>) -> Vec<(String, Ended)> {
        self.sinks.retain(|name, _| !names.contains(name));
        let outlets: Vec<_> = {
            let mut open = self.observer.outlets();
            names.iter().filter_map(|name| open.remove_entry(name)).collect()
        };
        let limit = self.drain_limit;
        let closing = outlets
            .into_iter()
            .map(|(name, outlet)| async move { Some((name, close(outlet, limit).await?)) });
        join_all(closing).await.into_iter().flatten().collect()
    }

    /// Opens those that are not open. The first failure is returned, and hinders no other.
    fn open_sinks(&mut self, sinks: BTreeMap<String, SinkEntry>) -> Result<(), FleetError> {
        let mut outcome = Ok(());
        for (name, entry) in sinks {
            if self.sinks.contains_key(&name) {
                continue;
            }
            match self.open_sink(&name, &entry) {
                Ok(outlet) => {
                    self.observer.outlets().insert(name.clone(), Arc::new(outlet));
                    self.sinks.insert(name, entry);
                }
                Err(error) => outcome = outcome.and(Err(error)),
            }
        }
        outcome
    }

    fn open_sink(&self, name: &str, entry: &SinkEntry) -> Result<Outlet, FleetError> {
        let sink = entry
            .sink(name, &self.folder)
            .map_err(|what| FleetError::SinkSettings { name: name.to_owned(), what })?;
        Outlet::open(sink, entry.outlet_config(&self.folder))
            .map_err(|source| FleetError::Sink { name: name.to_owned(), source })
    }

    fn has_sinks_of(&self, entry: &StreamEntry) -> bool {
        entry.sinks().all(|sink| self.sinks.contains_key(sink))
    }

    fn start(&mut self, name: StreamName, entry: StreamEntry, is_put: bool) {
        let settings = entry.settings.clone();
        let every_frame = entry.options.every_frame.unwrap_or_default();
        let limit = entry.options.duration;
        let limit = limit.and_then(|limit| settings.source.closed_after(limit, every_frame));
        let stream = match settings.source.kind() {
            SourceKind::File | SourceKind::Url => Stream::file(settings),
            _ => Stream::live(settings),
        };
        let stream = entry.with_images(stream, &name);
        let mut stream = stream.restart(entry.restart).session_limit(limit);
        for outlet in entry.sinks().filter_map(|sink| self.observer.outlets().get(sink).cloned()) {
            stream = stream.outlet(outlet);
        }
        #[cfg(feature = "view")]
        if let Some(page) = self.page.clone().filter(|_| entry.options.view != Some(false)) {
            let name = name.clone();
            stream = stream.on_session(move |session| page.show(name.as_str(), view::of(session)));
        }
        // Whoever was called so has ended.
        let _ = self.observer.handle().add(name.clone(), stream);
        self.running.insert(name, RunningStream { entry, is_put });
    }
}

/// Nobody else has it when all its streams have ended.
async fn close(outlet: Arc<Outlet>, limit: Duration) -> Option<Ended> {
    match Arc::try_unwrap(outlet) {
        Ok(outlet) => Some(outlet.close(limit).await),
        Err(outlet) => {
            outlet.stop_taking();
            None
        }
    }
}

impl Changes {
    /// Whether there were none.
    pub fn is_empty(&self) -> bool {
        self.added.is_empty() && self.changed.is_empty() && self.removed.is_empty()
    }
}

/// `added gate, yard; removed attic`.
impl fmt::Display for Changes {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let parts =
            [("added", &self.added), ("changed", &self.changed), ("removed", &self.removed)];
        let mut is_first = true;
        for (what, names) in parts.into_iter().filter(|(_, names)| !names.is_empty()) {
            let names: Vec<&str> = names.iter().map(StreamName::as_str).collect();
            let before = if is_first { "" } else { "; " };
            write!(f, "{before}{what} {}", names.join(", "))?;
            is_first = false;
        }
        if is_first { f.write_str("no stream is different") } else { Ok(()) }
    }
}
