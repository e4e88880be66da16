//! Descriptions for several machines: one for each stream of a file.

use std::collections::BTreeMap;
use std::path::Path;

use streamsdk_sinks::StreamName;
use toml::{Table, Value};

use super::read::{self, Reading};
use super::{ConfigError, FleetConfig};

impl FleetConfig {
    /// Reads a file of streams for a fleet, and returns each stream as a file of its own. What only the nodes have is not looked
    /// for: files that are streamed, and secrets and workflows that are not found here. `[sinks]` and what is of one process cannot
    /// be in it.
    ///
    /// # Errors
    ///
    /// [`ConfigError`] with all that is wrong, each with its line and column.
    pub fn read_for_fleet(
        path: impl AsRef<Path>,
    ) -> Result<BTreeMap<StreamName, String>, ConfigError> {
        let path = path.as_ref();
        let name = path.display().to_string();
        let text = std::fs::read_to_string(path)
            .map_err(|error| ConfigError::unreadable(name.clone(), error.to_string()))?;
        Self::parse_for_fleet(&text, &name, path.parent().unwrap_or(Path::new("")))
    }

    /// The same for a text; `name` is for errors, and `folder` what paths in it are relative to.
    ///
    /// # Errors
    ///
    /// As of [`FleetConfig::read_for_fleet`].
    pub fn parse_for_fleet(
        text: &str,
        name: &str,
        folder: &Path,
    ) -> Result<BTreeMap<StreamName, String>, ConfigError> {
        read::read(text, name, folder, Reading::ForFleet)?;
        let unreadable = |what: String| ConfigError::unreadable(name.to_owned(), what);
        let mut whole: Table = text.parse().map_err(|error| unreadable(format!("{error}")))?;
        let streams = match whole.remove("streams") {
            Some(Value::Table(streams)) => streams,
            _ => Table::new(),
        };
        streams
            .into_iter()
            .map(|(stream, own)| {
                whole
                    .insert("streams".to_owned(), Table::from_iter([(stream.clone(), own)]).into());
                let text =
                    toml::to_string(&whole).map_err(|error| unreadable(error.to_string()))?;
                let stream = stream.parse::<StreamName>();
                Ok((stream.map_err(|error| unreadable(error.to_string()))?, text))
            })
            .collect()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn read(text: &str) -> Result<BTreeMap<StreamName, String>, String> {
        let read = FleetConfig::parse_for_fleet(text, "streams.toml", Path::new(""));
        read.map_err(|error| error.to_string())
    }

    const DEFAULTS: &str = "[defaults]\nserver = \"http://127.0.0.1:9\"\nmodel = \"m\"\n";

    #[test]
    fn each_stream_is_a_file_of_its_own_that_means_the_same() {
        let text = format!(
            "{DEFAULTS}[streams.gate]\nsource = \"pattern:64x48\"\n[streams.yard]\n\
             source = {{ env = \"NO_SUCH_VARIABLE\" }}\n[streams.old]\nsource = \"not/here.mp4\"\n"
        );
        let files = read(&text).unwrap();
        let names: Vec<&str> = files.keys().map(StreamName::as_str).collect();
        assert_eq!(names, ["gate", "old", "yard"]);
        let gate = FleetConfig::parse(&files[&"gate".parse().unwrap()], "gate", Path::new(""));
        assert_eq!(gate.unwrap().streams.len(), 1);
        let yard = &files[&"yard".parse().unwrap()];
        assert!(yard.contains("NO_SUCH_VARIABLE") && !yard.contains("pattern"), "{yard}");
    }

    #[test]
    fn what_is_of_one_process_cannot_be_in_it() {
        for (more, named) in [
            ("[sinks.a]\ntype = \"jsonl\"\npath = \"p\"\n", "4:2: in a fleet"),
            ("[streams.a]\nsource = \"pattern:64x48\"\nsinks = [\"b\"]\n", "6:9: in a fleet"),
            ("[streams.a]\nsauce = \"pattern:64x48\"\n", "sauce"),
        ] {
            let error = read(&format!("{DEFAULTS}{more}")).unwrap_err();
            assert!(error.contains(named), "{error}");
        }
        let error = read(&format!("admin = \"127.0.0.1:1\"\n{DEFAULTS}")).unwrap_err();
        assert!(error.contains("admin"), "{error}");
    }
}
