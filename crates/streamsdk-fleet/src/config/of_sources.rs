//! Streams without a file that describes them: several sources with the same options.

use std::collections::BTreeMap;
use std::path::{Path, PathBuf};
use std::sync::Arc;

use streamsdk_sinks::{MAX_NAME, StreamName};

use super::sinks::SinkEntry;
use super::{FleetConfig, ProcessOptions, StreamEntry};
use crate::options::{StreamOptions, WrongOption};
use crate::source_name::SourceName;
use crate::stream_settings::StreamSettings;

/// The name of the sink of [`FleetConfig::deliver_to`].
const SINK: &str = "results";

impl FleetConfig {
    /// A stream for each of several sources, all with the same options. They are called like their files, with `_` for what no
    /// name can have, and with a number behind it where several are called alike.
    ///
    /// # Errors
    ///
    /// The first [`WrongOption`].
    pub fn of_sources(
        sources: impl IntoIterator<Item = SourceName>,
        options: &StreamOptions,
    ) -> Result<Self, WrongOption> {
        let shared_options = Arc::new(options.clone());
        let mut settings: Option<StreamSettings> = None;
        let mut streams = BTreeMap::new();
        let mut alike = BTreeMap::new();
        for source in sources {
            let name = unused_name(&source, &streams, &mut alike);
            let own = match &settings {
                Some(settings) => settings.with_source(source),
                None => options.settings_for(source, Path::new(""))?.into(),
            };
            settings.get_or_insert_with(|| own.clone());
            streams.insert(name, StreamEntry::new(Arc::clone(&shared_options), own));
        }
        Ok(Self {
            folder: PathBuf::new(),
            process: ProcessOptions::default(),
            defaults: options.clone(),
            sinks: BTreeMap::new(),
            streams,
        })
    }

    /// Has the results of all streams written to a file, a line each.
    #[must_use]
    pub fn deliver_to(mut self, path: impl AsRef<Path>) -> Self {
        self.sinks.insert(SINK.to_owned(), SinkEntry::jsonl(path.as_ref()));
        let mut before: Option<[Arc<StreamOptions>; 2]> = None;
        for entry in self.streams.values_mut() {
            // Options that were shared stay so.
            let delivering = match &before {
                Some([options, delivering]) if Arc::ptr_eq(options, &entry.options) => {
                    delivering.clone()
                }
                _ => Arc::new(delivering(&entry.options)),
            };
            before = Some([std::mem::replace(&mut entry.options, delivering.clone()), delivering]);
        }
        self
    }

    /// How many files are streamed at a time. Default is 4.
    #[must_use]
    pub fn files_at_once(mut self, count: usize) -> Self {
        self.process.files_at_once = Some(count);
        self
    }
}

fn delivering(options: &StreamOptions) -> StreamOptions {
    let mut options = options.clone();
    options.sinks.get_or_insert_default().push(SINK.to_owned());
    options
}

fn unused_name(
    source: &SourceName,
    streams: &BTreeMap<StreamName, StreamEntry>,
    alike: &mut BTreeMap<String, u32>,
) -> StreamName {
    let stem = stem(source);
    let count = alike.entry(stem.clone()).or_default();
    loop {
        *count += 1;
        let name = match *count {
            1 => stem.clone(),
            number => format!("{stem}-{number}"),
        };
        // What is in a stem is what names may have, and it is short enough for a number.
        if let Ok(name) = name.parse()
            && !streams.contains_key(&name)
        {
            return name;
        }
    }
}

fn stem(source: &SourceName) -> String {
    /// What a number may take.
    const ROOM: usize = 11;
    let label = match source {
        SourceName::File(path) => {
            path.file_stem().unwrap_or_default().to_string_lossy().into_owned()
        }
        other => other.label(),
    };
    let allowed = |letter: char| match letter {
        'a'..='z' | 'A'..='Z' | '0'..='9' | '-' => letter,
        _ => '_',
    };
    let name: String = label.chars().map(allowed).take(MAX_NAME - ROOM).collect();
    if name.is_empty() { "stream".to_owned() } else { name }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn streams_are_called_like_their_files_and_no_two_alike() {
        let long = format!("{}.mp4", "x".repeat(100));
        let files = ["a b.mp4", "d/a_b.mp4", "a-2.mp4", "a.mp4", "e/a.mp4", "ü.mp4", ".mp4", &long];
        let sources = files.map(|file| SourceName::File(file.into()));
        let options = StreamOptions {
            server: Some("http://127.0.0.1:9".to_owned().into()),
            model: Some("m".to_owned()),
            ..StreamOptions::default()
        };
        let config = FleetConfig::of_sources(sources, &options).unwrap();
        let names: Vec<&str> = config.stream_names().map(StreamName::as_str).collect();
        let long = "x".repeat(53);
        assert_eq!(names, ["_", "_mp4", "a", "a-2", "a-3", "a_b", "a_b-2", &long]);
    }
}
