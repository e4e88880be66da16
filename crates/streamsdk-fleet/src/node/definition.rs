//! What a stream of a fleet is, as all nodes are told.

use std::collections::BTreeMap;
use std::path::Path;
use std::sync::Arc;

use ring::digest::{SHA256, digest};
use serde::{Deserialize, Serialize};
use serde_json::{Map, Value};
use streamsdk_sinks::{Outlet, StreamName, WhenFull};

use crate::config::{FleetConfig, StreamEntry};
use crate::options::{SecretText, StreamOptions};
use crate::restart::{RestartPolicy, RestartWhen};
use crate::source_name::{SourceKind, SourceName};
use crate::streams::{Progress, Stream};

/// What this node makes of the description of a stream.
#[derive(Debug)]
pub(super) struct Definition {
    /// As it is in the bucket: a file of streams with this one alone.
    pub(super) text: Arc<str>,
    /// Tells what is done in the stream from everything else that might be: whoever goes on with it has to do the same. What it
    /// is done with, such as the server, does not matter.
    pub(super) work: String,
    entry: StreamEntry,
}

/// What decides which results there are.
#[derive(Serialize)]
struct Work<'a> {
    source: Option<String>,
    workflow: Option<&'a Path>,
    workflow_id: Option<&'a str>,
    workspace: Option<&'a str>,
    model: Option<&'a str>,
    task: Option<String>,
    image_input: Option<&'a str>,
    stream_output: Option<&'a [String]>,
    data_output: Option<&'a [String]>,
    params: Option<&'a Map<String, Value>>,
    realtime: bool,
}

impl Definition {
    /// Reads a description. Secrets, workflows and files are those of this machine; paths are relative to `folder`.
    ///
    /// # Errors
    ///
    /// What is wrong with it.
    pub(super) fn read(name: &StreamName, text: Arc<str>, folder: &Path) -> Result<Self, String> {
        let config = FleetConfig::parse(&text, &format!("description of {name}"), folder);
        let mut config = config.map_err(|error| error.to_string())?;
        let Some(entry) = config.streams.remove(name) else {
            return Err(format!("the description of {name} has no such stream"));
        };
        let outline = Outline::of(&text, name);
        let Some(Outline { work, .. }) = outline else {
            return Err(format!("the description of {name} cannot be read"));
        };
        Ok(Self { text, work, entry })
    }

    pub(super) fn is_file(&self) -> bool {
        matches!(self.entry.settings.source.kind(), SourceKind::File | SourceKind::Url)
    }

    /// What happens where its results find no room: a file waits, and a live stream leaves out the oldest.
    pub(super) fn when_full(&self) -> WhenFull {
        if self.is_file() { WhenFull::Wait } else { WhenFull::DropOldest }
    }

    /// The stream, which goes on where it is.
    pub(super) fn stream(
        &self,
        name: &StreamName,
        progress: Arc<Progress>,
        outlet: Arc<Outlet>,
    ) -> Stream {
        let settings = self.entry.settings.clone();
        let stream = match self.is_file() {
            true => {
                let restart = RestartPolicy::new(RestartWhen::UntilRunThrough);
                Stream::file(settings).restart(restart)
            }
            false => Stream::live(settings).restart(self.entry.restart),
        };
        let every_frame = self.entry.options.every_frame.unwrap_or_default();
        let limit = self.entry.options.duration;
        let limit =
            limit.and_then(|limit| self.entry.settings.source.closed_after(limit, every_frame));
        let stream = self.entry.with_images(stream, name);
        stream.session_limit(limit).outlet(outlet).going_on(progress)
    }
}

/// What a description is about, for those who do not run it.
pub(super) struct Outline {
    pub(super) work: String,
    /// As far as can be told without its secrets.
    pub(super) is_file: bool,
}

impl Outline {
    /// `None` if it cannot be read.
    pub(super) fn of(text: &str, name: &StreamName) -> Option<Self> {
        let options = described(text, name)?;
        let kind = match &options.source {
            Some(SecretText::Plain(source)) => source.parse().ok().map(|it: SourceName| it.kind()),
            _ => None,
        };
        let is_file = matches!(kind, Some(SourceKind::File | SourceKind::Url));
        Some(Self { work: work(&options), is_file })
    }
}

/// The options as they are described: secrets stay where they are.
fn described(text: &str, name: &StreamName) -> Option<StreamOptions> {
    #[derive(Deserialize)]
    struct Description {
        #[serde(default)]
        defaults: StreamOptions,
        streams: BTreeMap<String, StreamOptions>,
    }
    let mut description: Description = toml::from_str(text).ok()?;
    let own = description.streams.remove(name.as_str())?;
    Some(own.over(&description.defaults))
}

fn work(options: &StreamOptions) -> String {
    let place = |text: &SecretText| match text {
        SecretText::Plain(text) => text.clone(),
        SecretText::Env(name) => format!("env {name}"),
        SecretText::File(path) => format!("file {}", path.display()),
    };
    let work = Work {
        source: options.source.as_ref().map(place),
        workflow: options.workflow.as_deref(),
        workflow_id: options.workflow_id.as_deref(),
        workspace: options.workspace.as_deref(),
        model: options.model.as_deref(),
        task: options.task.map(|task| task.to_string()),
        image_input: options.image_input.as_deref(),
        stream_output: options.stream_output.as_deref(),
        data_output: options.data_output.as_deref(),
        params: options.params.as_ref(),
        realtime: options.realtime.unwrap_or_default(),
    };
    // Texts are always JSON.
    let json = serde_json::to_vec(&work).unwrap_or_default();
    let digest = digest(&SHA256, &json);
    digest.as_ref().iter().take(8).map(|byte| format!("{byte:02x}")).collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    fn read(more: &str) -> Definition {
        let text = format!(
            "[defaults]\nserver = \"http://127.0.0.1:9\"\n[streams.gate]\nmodel = \"m\"\n{more}\n"
        );
        let name = "gate".parse().unwrap();
        Definition::read(&name, text.into(), Path::new("")).unwrap()
    }

    #[test]
    fn another_model_or_source_is_other_work_and_another_limit_is_not() {
        let one = read("source = \"rtsp://10.0.0.7/1\"");
        assert_eq!(one.work.len(), 16);
        assert_eq!(read("source = \"rtsp://10.0.0.7/1\"\ntimeout = 3").work, one.work);
        assert_ne!(read("source = \"rtsp://10.0.0.8/1\"").work, one.work);
        assert_ne!(
            read("source = \"rtsp://10.0.0.7/1\"\ntask = \"keypoint-detection\"").work,
            one.work
        );
    }

    #[test]
    fn what_is_wrong_is_said_without_a_secret() {
        let text = "[streams.gate]\nsource = \"rtsp://u:s3cret@h/1\"\nmodle = \"m\"\n";
        let name = "gate".parse().unwrap();
        let error = Definition::read(&name, text.into(), Path::new("")).unwrap_err();
        assert!(error.contains("modle") && !error.contains("s3cret"), "{error}");
    }
}
