use std::path::{Path, PathBuf};
use std::time::Duration;

use anyhow::{Context, Result};
use serde_json::Value;

use super::{API_KEY, cost, workflow};
use crate::process::{Finished, Job, Output};
use crate::{project, setup};

/// The camera that Firefox makes up changes its colour, slowly.
const SENSITIVE: &str = r#"{"sensitivity": 1}"#;

/// A web browser.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Browser {
    Chromium,
    Firefox,
}

impl Browser {
    pub(super) fn program(self) -> Result<PathBuf> {
        let names = match self {
            Self::Chromium => setup::CHROMIUM_PROGRAMS,
            Self::Firefox => setup::FIREFOX_PROGRAMS,
        };
        let found = names.iter().find_map(|name| setup::find_program(name));
        found.with_context(|| format!("{self:?} is not installed"))
    }
}

/// Where the frames of a page come from.
#[derive(Clone, Copy, Debug)]
pub enum PageSource<'a> {
    /// It uploads this file.
    File(&'a Path),
    /// It sends a track of what it draws.
    Drawing,
    /// The same of a camera, which the browser makes up.
    Camera,
    /// It has the server pull this one.
    Rtsp(&'a str),
}

/// When a page with a live source is done.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum LiveEnd {
    /// The page has seen pictures, and so many messages with predictions. A busy machine takes longer for it.
    Enough(u32),
    /// The server ends the session this long after it was asked for it, whatever has come by then.
    TimeLimit(Duration),
}

/// How a page reaches the server.
#[derive(Clone, Copy, Debug)]
enum Way<'a> {
    /// By a backend that is one of the SDK's own functions.
    Backend,
    /// By this backend.
    BackendAt(&'a str),
    /// By itself, so that the server sees its origin.
    Direct(Origin),
}

/// The host of a page that is this machine's, and that the browser takes for another one.
pub const ANOTHER_HOST: &str = "cameras.example";

/// Where a page comes from.
#[derive(Clone, Copy, Debug)]
pub enum Origin {
    /// This machine, at any port.
    Loopback,
    /// [`ANOTHER_HOST`], at this port.
    Another(u16),
}

/// A session of the real JavaScript SDK in a web page that is about to be run.
pub struct PageRun<'a> {
    browser: Browser,
    server: String,
    source: PageSource<'a>,
    way: Way<'a>,
    live_end: LiveEnd,
    sessions: u32,
    then_outputs: &'a [&'a str],
}

/// What the page saw.
pub struct PageReport {
    pub finished: Finished,
    /// The JSON line that `tests/peers/js/client.js` printed.
    pub report: Value,
}

/// Installs the SDK, or finds it installed.
pub fn install_javascript_sdk() -> Result<()> {
    setup::ensure(setup::Scope::Browsers)?;
    let install = ["install", "--no-package-lock", "--no-audit", "--no-fund", "--prefix"];
    let job = Job::new("npm").args(install).arg(directory()).output(Output::Capture);
    job.run_successfully().map(drop).context("cannot install the JavaScript SDK")
}

/// Why pages cannot be run, if they cannot.
pub fn pages_can_be_run() -> Result<()> {
    let sdk = directory().join("node_modules/@roboflow/inference-sdk");
    anyhow::ensure!(sdk.exists(), "the JavaScript SDK is not installed");
    Browser::Chromium.program().and(Browser::Firefox.program()).map(drop)
}

pub(super) fn directory() -> PathBuf {
    project::peers_directory().join("js")
}

impl<'a> PageRun<'a> {
    pub fn new(browser: Browser, server: impl Into<String>, source: PageSource<'a>) -> Self {
        Self {
            browser,
            server: server.into(),
            source,
            way: Way::Backend,
            live_end: LiveEnd::Enough(10),
            sessions: 1,
            then_outputs: &[],
        }
    }

    /// When it is done with what is live. Default is after 10 messages with predictions.
    pub fn live_until(mut self, end: LiveEnd) -> Self {
        self.live_end = end;
        self
    }

    /// How many sessions it has, one after the other. Default is 1.
    pub fn sessions(mut self, sessions: u32) -> Self {
        self.sessions = sessions;
        self
    }

    /// What comes as data from the first message on. Default is what came before.
    pub fn then_outputs(mut self, names: &'a [&'a str]) -> Self {
        self.then_outputs = names;
        self
    }

    /// The offer goes through this backend. Default is one of the SDK's own functions, as it recommends.
    pub fn backend(self, url: &'a str) -> Self {
        Self { way: Way::BackendAt(url), ..self }
    }

    /// The page asks the server itself. Default is through a backend.
    pub fn directly_from(self, origin: Origin) -> Self {
        Self { way: Way::Direct(origin), ..self }
    }

    /// Runs it with the workflow `motion`. A session that fails is no error: the report says how it failed.
    pub fn run(self, limit: Duration) -> Result<PageReport> {
        // A little less than the limit, so that the script itself can still report.
        let own_limit = limit.mul_f32(0.8).as_secs().to_string();
        let job = Job::new("node")
            .arg(directory().join("client.js"))
            .arg("--browser")
            .arg(self.browser.program()?)
            .args(["--server", &self.server, "--api-key", API_KEY])
            .args(["--timeout", &own_limit, "--data-output", "predictions", "--workflow"])
            .arg(workflow("motion"))
            .args(["--parameters", SENSITIVE])
            .args(self.then_outputs.iter().flat_map(|name| ["--then-output", name]))
            .args(["--sessions", &self.sessions.to_string()]);
        let job = match self.way {
            Way::Backend => job.arg("--backend"),
            Way::BackendAt(url) => job.args(["--backend", "--backend-url", url]),
            Way::Direct(Origin::Loopback) => job,
            Way::Direct(Origin::Another(port)) => {
                job.args(["--page-host", ANOTHER_HOST, "--page-port", &port.to_string()])
            }
        };
        let live = |job: Job, what| {
            let job = job.args(["--stream-output", "image", "--live", what]);
            match self.live_end {
                // The server's own limit is there for a page that never gets so far.
                LiveEnd::Enough(messages) => {
                    job.args(["--seconds", &own_limit, "--enough", &messages.to_string()])
                }
                LiveEnd::TimeLimit(limit) => job.args(["--seconds", &limit.as_secs().to_string()]),
            }
        };
        let job = match self.source {
            PageSource::File(video) => job.arg("--video").arg(video),
            PageSource::Drawing => live(job, "drawing"),
            PageSource::Camera => live(job, "camera"),
            PageSource::Rtsp(url) => live(job, url),
        };
        let finished = job.output(Output::Capture).limit(limit).run()?;
        let line = finished.stdout.lines().last().unwrap_or_default();
        let report = serde_json::from_str(line).with_context(|| {
            format!("the page ended with {}: {}", finished.ending(), finished.last_words())
        })?;
        Ok(PageReport { finished, report })
    }
}

impl PageReport {
    pub fn cost(&self) -> String {
        cost(&self.finished)
    }
}
