use std::path::PathBuf;
use std::time::Duration;

use anyhow::Result;

use super::{Peers, PythonReport, repeated, workflow};
use crate::process::Job;
use crate::project;

/// Where the real Python SDK takes its video from.
#[derive(Clone, Debug)]
pub enum TrackSource {
    /// It is drawn and sent on a track: so many frames of this size, at 30 per second.
    Manual { frames: u64, size: &'static str },
    /// The server fetches it from this URL.
    Rtsp(String),
}

/// A session of the real Python SDK with video tracks that is about to be run.
pub struct PythonTracks<'a> {
    peers: &'a Peers,
    server: String,
    source: TrackSource,
    workflow: PathBuf,
    data_output: Vec<String>,
    codec: Option<&'static str>,
}

impl<'a> PythonTracks<'a> {
    pub fn new(peers: &'a Peers, server: impl Into<String>, source: TrackSource) -> Self {
        Self {
            peers,
            server: server.into(),
            source,
            workflow: workflow("passthrough"),
            data_output: Vec::new(),
            codec: None,
        }
    }

    /// A workflow of `tests/peers/workflows` that returns frames as `image`. Default is `passthrough`.
    pub fn workflow(mut self, name: &str) -> Self {
        self.workflow = workflow(name);
        self
    }

    /// Default is none.
    pub fn data_output(mut self, name: &str) -> Self {
        self.data_output.push(name.into());
        self
    }

    /// `VP8` or `H264`. Default is the SDK's own choice.
    pub fn codec(mut self, name: &'static str) -> Self {
        self.codec = Some(name);
        self
    }

    /// Runs it. A session that fails is no error: the report says how it failed.
    pub fn run(self, limit: Duration) -> Result<PythonReport> {
        let script = Job::new(self.peers.python("client"))
            .arg(project::peers_directory().join("tracks_client.py"));
        let script = match self.source {
            TrackSource::Manual { frames, size } => {
                script.args(["manual", "--frames", &frames.to_string(), "--size", size])
            }
            TrackSource::Rtsp(url) => script.args(["rtsp", "--url", &url]),
        };
        let script = script
            .args(["--server", &self.server, "--stream-output", "image"])
            .arg("--workflow")
            .arg(self.workflow)
            .args(repeated("--data-output", &self.data_output))
            .args(self.codec.into_iter().flat_map(|codec| ["--codec", codec]));
        PythonReport::of(script, limit)
    }
}
