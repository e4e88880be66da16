use std::path::{Path, PathBuf};
use std::time::Duration;

use anyhow::{Context, Result};
use serde_json::Value;

use super::{API_KEY, cost, workflow};
use crate::process::{Finished, Job, Output};
use crate::{project, setup};

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
    /// It sends a track of what it draws until the server ends the session after two seconds.
    Drawing,
    /// The same of a camera, which the browser makes up.
    Camera,
    /// It has the server pull this one.
    Rtsp(&'a str),
}

/// A session of the real JavaScript SDK in a web page that is about to be run. The offer goes through a backend
/// of the page's, as the SDK recommends.
pub struct PageRun<'a> {
    browser: Browser,
    server: String,
    source: PageSource<'a>,
    backend_url: Option<String>,
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
        let (server, sessions) = (server.into(), 1);
        Self { browser, server, source, backend_url: None, sessions, then_outputs: &[] }
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

    /// Where the page's backend is. Default is one of the SDK's own functions.
    pub fn backend(mut self, url: &str) -> Self {
        self.backend_url = Some(url.into());
        self
    }

    /// Runs it with the workflow `motion`. A session that fails is no error: the report says how it failed.
    pub fn run(self, limit: Duration) -> Result<PageReport> {
        // A little less than the limit, so that the script itself can still report.
        let own_limit = limit.mul_f32(0.8).as_secs().to_string();
        let job = Job::new("node")
            .arg(directory().join("client.js"))
            .arg("--browser")
            .arg(self.browser.program()?)
            .args(["--server", &self.server, "--backend", "--api-key", API_KEY])
            .args(["--timeout", &own_limit, "--data-output", "predictions", "--workflow"])
            .arg(workflow("motion"))
            .args(self.backend_url.iter().flat_map(|url| ["--backend-url", url]))
            .args(self.then_outputs.iter().flat_map(|name| ["--then-output", name]))
            .args(["--sessions", &self.sessions.to_string()]);
        let live = |what| ["--stream-output", "image", "--live", what];
        let job = match self.source {
            PageSource::File(video) => job.arg("--video").arg(video),
            PageSource::Drawing => job.args(live("drawing")),
            PageSource::Camera => job.args(live("camera")),
            PageSource::Rtsp(url) => job.args(live(url)),
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
