//! From the text to what it means, with the place of everything that is wrong.

use std::collections::{BTreeMap, BTreeSet};
use std::ops::Range;
use std::path::Path;
use std::sync::Arc;

use serde::de::DeserializeOwned;
use streamsdk::Images;
use streamsdk_sinks::StreamName;
use toml::Spanned;
use toml::de::{DeTable, DeValue, ValueDeserializer};

use super::error::Problems;
use super::sinks::{OUTLET_KEYS, SINK_TYPES, SinkEntry, SinkKind};
use super::{ConfigError, FleetConfig, ProcessOptions, StreamEntry};
use crate::options::{ImagesInResults, ImagesOption, SOURCE_RULES, SecretText, StreamOptions};
use crate::restart::{RestartPolicy, RestartWhen};
use crate::session_settings::ServerAddress;
use crate::source_name::{SourceKind, SourceName};
use crate::stream_settings::StreamSettings;
use crate::streams::Stream;

#[cfg(feature = "nats")]
const NO_SINKS: &str = "in a fleet all results go to its log: there are no sinks";

/// What a file is read for.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Reading {
    /// To run what it says here.
    ForThisProcess,
    /// To tell other machines.
    #[cfg(feature = "nats")]
    ForFleet,
}

pub(super) fn read(
    text: &str,
    name: &str,
    folder: &Path,
    reading: Reading,
) -> Result<FleetConfig, ConfigError> {
    let mut problems = Problems::new(text);
    let (document, errors) = DeTable::parse_recoverable(text);
    for error in &errors {
        problems.add_error(error, document.span());
    }
    if !problems.is_empty() {
        return Err(problems.into_error(name));
    }
    let reader = Reader { problems, folder, reading };
    reader.read(document).map_err(|problems| problems.into_error(name))
}

struct Reader<'a> {
    problems: Problems<'a>,
    folder: &'a Path,
    reading: Reading,
}

/// A table, and the place of what it is called.
struct Named<'i> {
    name: String,
    place: Range<usize>,
    table: DeTable<'i>,
}

impl<'a> Reader<'a> {
    fn read(mut self, document: Spanned<DeTable<'a>>) -> Result<FleetConfig, Problems<'a>> {
        let whole = document.span();
        let mut document = document.into_inner();
        #[cfg(feature = "nats")]
        if self.reading == Reading::ForFleet {
            self.refuse_what_is_of_one_process(&document);
        }
        let defaults = self.section(&mut document, "defaults");
        let sinks = self.section(&mut document, "sinks");
        let streams = self.section(&mut document, "streams");
        let process = self.typed::<ProcessOptions>(document, whole.clone());

        let defaults_table = defaults.unwrap_or_default();
        let defaults = self.typed(defaults_table.clone(), whole.clone()).unwrap_or_default();
        let sinks = self.tables(sinks.unwrap_or_default());
        // Those that cannot be are not missing as well.
        let sink_names: BTreeSet<String> = sinks.iter().map(|sink| sink.name.clone()).collect();
        let sinks = sinks
            .into_iter()
            .filter_map(|sink| Some((sink.name.clone(), self.sink(sink)?)))
            .collect();
        let mut found = BTreeMap::new();
        for stream in self.tables(streams.unwrap_or_default()) {
            let name = stream.name.parse::<StreamName>();
            match name {
                Err(error) => self.problems.add(stream.place, error),
                Ok(name) => {
                    let entry = self.stream(stream, &defaults, &defaults_table, &sink_names);
                    found.extend(entry.map(|entry| (name, entry)));
                }
            }
        }
        match process {
            Some(process) if self.problems.is_empty() => Ok(FleetConfig {
                folder: self.folder.to_owned(),
                process,
                defaults,
                sinks,
                streams: found,
            }),
            _ => Err(self.problems),
        }
    }

    #[cfg(feature = "nats")]
    fn refuse_what_is_of_one_process(&mut self, document: &DeTable<'a>) {
        for (name, value) in document {
            match name.get_ref().as_ref() {
                "defaults" | "streams" => {}
                "sinks" => self.problems.add(name.span(), NO_SINKS),
                other => {
                    let what = format!("{other} is for one process, and not for a fleet");
                    self.problems.add(value.span(), what);
                }
            }
        }
    }

    /// Takes a table out of the document.
    fn section(&mut self, document: &mut DeTable<'a>, name: &str) -> Option<DeTable<'a>> {
        let value = document.remove(name)?;
        let place = value.span();
        match value.into_inner() {
            DeValue::Table(table) => Some(table),
            other => {
                let what = format!("expected a table, but {name} is a {}", other.type_str());
                self.problems.add(place, what);
                None
            }
        }
    }

    /// The tables in a table.
    fn tables(&mut self, section: DeTable<'a>) -> Vec<Named<'a>> {
        let mut tables = Vec::new();
        for (name, value) in section {
            let place = name.span();
            let name = name.into_inner().into_owned();
            match value.into_inner() {
                DeValue::Table(table) => tables.push(Named { name, place, table }),
                other => {
                    let what = format!("expected a table, but {name} is a {}", other.type_str());
                    self.problems.add(place, what);
                }
            }
        }
        tables
    }

    /// What a table means.
    fn typed<T: DeserializeOwned>(&mut self, table: DeTable<'a>, place: Range<usize>) -> Option<T> {
        let value = Spanned::new(place.clone(), DeValue::Table(table));
        match T::deserialize(ValueDeserializer::from(value)) {
            Ok(typed) => Some(typed),
            Err(error) => {
                self.problems.add_error(&error, place);
                None
            }
        }
    }

    fn sink(&mut self, sink: Named<'a>) -> Option<SinkEntry> {
        let Named { name, place, mut table } = sink;
        let mut outlet = DeTable::new();
        for key in OUTLET_KEYS {
            outlet.extend(table.remove_entry(*key));
        }
        let outlet = self.typed(outlet, place.clone());
        let Some(kind) = table.remove("type") else {
            let types = SINK_TYPES.join(", ");
            self.problems.add(place, format!("a type is missing: one of {types}"));
            return None;
        };
        let at = kind.span();
        let kind = match kind.get_ref().as_str().unwrap_or_default() {
            "jsonl" => SinkKind::Jsonl(self.typed(table, place.clone())?),
            "webhook" => SinkKind::Webhook(self.typed(table, place.clone())?),
            "mqtt" => SinkKind::Mqtt(self.typed(table, place.clone())?),
            "nats" => SinkKind::Nats(self.typed(table, place.clone())?),
            "redis" => SinkKind::Redis(self.typed(table, place.clone())?),
            "kafka" => SinkKind::Kafka(self.typed(table, place.clone())?),
            _ => {
                let types = SINK_TYPES.join(", ");
                self.problems.add(at, format!("there is no such sink: expected one of {types}"));
                return None;
            }
        };
        let entry = SinkEntry { outlet: outlet?, kind };
        if let Err(error) = entry.sink(&name, self.folder) {
            self.problems.add(place, format!("the sink {name} cannot be: {error}"));
            return None;
        }
        Some(entry)
    }

    fn stream(
        &mut self,
        stream: Named<'a>,
        defaults: &StreamOptions,
        defaults_table: &DeTable<'a>,
        sinks: &BTreeSet<String>,
    ) -> Option<StreamEntry> {
        let Named { name, place, table } = stream;
        let place_of = |option: Option<&str>| {
            let own = option.and_then(|option| table.get(option));
            let inherited = option.and_then(|option| defaults_table.get(option));
            own.or(inherited).map_or(place.clone(), Spanned::span)
        };
        let own: StreamOptions = self.typed(table.clone(), place.clone())?;
        let options = own.over(defaults);
        #[cfg(feature = "nats")]
        if self.reading == Reading::ForFleet {
            if options.sinks.is_some() {
                self.problems.add(place_of(Some("sinks")), NO_SINKS);
            }
            if !options.all_is_here(self.folder) {
                return None;
            }
        }
        let entry = match StreamEntry::of(options, self.folder) {
            Ok(entry) => entry,
            Err(wrong) => {
                let what = format!("the stream {name} cannot be: {wrong}");
                self.problems.add(place_of(wrong.option), what);
                return None;
            }
        };
        let settings = &entry.settings;
        let is_published = matches!(settings.server(), ServerAddress::Whip(_));
        for rule in SOURCE_RULES {
            let own = table.get(rule.option);
            if let Some(value) = own.filter(|_| !rule.takes(settings.source.kind(), is_published)) {
                self.problems.add(value.span(), format!("{} is for {}", rule.option, rule.about));
            }
        }
        if let SourceName::File(path) = &settings.source
            && self.reading == Reading::ForThisProcess
            && !path.is_file()
        {
            let what = format!("there is no file {}", path.display());
            self.problems.add(place_of(Some("source")), what);
        }
        for sink in entry.sinks().filter(|sink| !sinks.contains(*sink)) {
            self.problems.add(place_of(Some("sinks")), format!("there is no sink called {sink}"));
        }
        Some(entry)
    }
}

impl StreamEntry {
    /// What options come to.
    pub(crate) fn of(
        options: StreamOptions,
        folder: &Path,
    ) -> Result<Self, crate::options::WrongOption> {
        let settings = StreamSettings::of(&options, folder)?;
        let mut entry = Self::new(Arc::new(options.with_secrets(folder)), settings);
        if let ImagesOption::InFolder(kept) = &mut entry.images {
            kept.folder = folder.join(&kept.folder);
        }
        Ok(entry)
    }

    /// With what goes beyond single sessions.
    pub(super) fn new(options: Arc<StreamOptions>, settings: StreamSettings) -> Self {
        let is_file = matches!(settings.source.kind(), SourceKind::File | SourceKind::Url);
        let when = options.restart.unwrap_or(match (is_file, options.duration) {
            (true, _) => RestartWhen::Never,
            (false, Some(_)) => RestartWhen::OnFailure,
            (false, None) => RestartWhen::Always,
        });
        let mut restart = RestartPolicy::new(when);
        if let Some(wait) = options.max_restart_wait {
            restart = restart.max_wait(wait);
        }
        let images =
            options.images.clone().unwrap_or(ImagesOption::InResults(ImagesInResults::Off));
        Self { options, settings, restart, images }
    }

    /// Does with the images of a stream, which has that name, what is said about them.
    pub(crate) fn with_images(&self, stream: Stream, name: &StreamName) -> Stream {
        match &self.images {
            ImagesOption::InResults(ImagesInResults::Off) => stream.images(Images::Off),
            ImagesOption::InResults(ImagesInResults::Inline) => stream.images(Images::Inline),
            ImagesOption::InFolder(kept) => stream.image_folder(kept.of_stream(name)),
        }
    }

    /// The sinks that its results go to.
    pub(crate) fn sinks(&self) -> impl Iterator<Item = &str> {
        self.options.sinks.iter().flatten().map(String::as_str)
    }
}

impl StreamOptions {
    /// Whether everything that is elsewhere than in the description is to be found by this process.
    #[cfg(feature = "nats")]
    fn all_is_here(&self, folder: &Path) -> bool {
        let mut options = self.clone();
        let mut secrets = options.secrets().into_iter().flatten();
        let workflow = self.workflow.as_ref();
        secrets.all(|secret| secret.read(folder).is_ok())
            && workflow.is_none_or(|path| folder.join(path).is_file())
    }

    /// With what its secrets are in the place of where they are. What cannot be read stays as it is.
    fn with_secrets(mut self, folder: &Path) -> Self {
        for secret in self.secrets().into_iter().flatten() {
            if let Ok(text) = secret.read(folder) {
                *secret = SecretText::Plain(text);
            }
        }
        self
    }

    fn secrets(&mut self) -> [&mut Option<SecretText>; 7] {
        [
            &mut self.source,
            &mut self.server,
            &mut self.backend,
            &mut self.whip,
            &mut self.api_key,
            &mut self.token,
            &mut self.turn_credential,
        ]
    }
}
