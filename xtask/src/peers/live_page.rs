use std::ffi::OsString;
use std::path::{Path, PathBuf};
use std::time::Duration;

use anyhow::{Context, Result, ensure};
use serde_json::Value;

use super::web_page::{self, Browser};
use super::workflow;
use crate::namespaces;
use crate::process::{Background, Job, Output};

const START_LIMIT: Duration = Duration::from_secs(30);
/// What the script has left of the limit, so that it can still report.
const OWN_LIMIT: f32 = 0.9;

/// `streamsdk run` with a live page, that is about to be started: a drawing goes to a worker, which finds what moves.
pub struct LiveRun<'a> {
    cli: &'a Path,
    directory: &'a Path,
    name: &'a str,
    place: Option<&'a str>,
    address: &'a str,
    source: &'a str,
    options: Vec<OsString>,
    reads_markers: bool,
}

/// A run and its page. Ends when dropped.
pub struct LivePage {
    program: Background,
    url: String,
    lines: Option<PathBuf>,
}

impl<'a> LiveRun<'a> {
    /// Its files go to `directory`, and are called `name`.
    pub fn new(cli: &'a Path, directory: &'a Path, name: &'a str) -> Self {
        let (place, address, source) = (None, "127.0.0.1:0", "pattern:640x360@30");
        Self {
            cli,
            directory,
            name,
            place,
            address,
            source,
            options: Vec::new(),
            reads_markers: true,
        }
    }

    /// In a network namespace, with its page on an address of that. Default is the machine's loopback address.
    pub fn at(self, place: &'a str, address: &'a str) -> Self {
        Self { place: Some(place), address, ..self }
    }

    pub fn options(mut self, options: &[&str]) -> Self {
        self.options.extend(options.iter().map(OsString::from));
        self
    }

    /// It does nothing but what it would do for anybody. Default is that it notes which number each frame shows.
    pub fn plain(self) -> Self {
        Self { reads_markers: false, ..self }
    }

    pub fn start(self) -> Result<LivePage> {
        let file = |ending: &str| self.directory.join(format!("{}.{ending}", self.name));
        let job = match self.place {
            Some(place) => namespaces::at(place, self.cli),
            None => Job::new(self.cli),
        };
        let mut job = job
            .args(["run", self.source, &format!("--view={}", self.address), "--workflow"])
            .arg(workflow("boxes"))
            .args(["--stream-output", "image", "--data-output", "predictions"])
            .args(&self.options);
        let lines = self.reads_markers.then(|| file("jsonl"));
        if let Some(lines) = &lines {
            let _ = std::fs::remove_file(lines);
            job = job.arg("--read-markers").arg("--jsonl").arg(lines);
        }
        let mut program = job.start(file("log"))?;
        let url = program.wait_for_line("live page: ", START_LIMIT)?;
        Ok(LivePage { program, url, lines })
    }
}

impl LivePage {
    pub fn program(&self) -> &Background {
        &self.program
    }

    /// A browser that is about to open the page; `what` it does there, `tests/peers/js/view_page.js` says.
    pub fn visit(&self, browser: Browser, what: &str) -> Result<Visit> {
        let visit = Visit::to(&self.url, browser, what)?;
        Ok(match &self.lines {
            Some(lines) => visit.option("--lines", lines.display()),
            None => visit,
        })
    }
}

pub struct Visit {
    arguments: Vec<OsString>,
    place: Option<String>,
}

impl Visit {
    /// A browser that is about to open any page.
    pub fn to(url: &str, browser: Browser, what: &str) -> Result<Self> {
        let mut arguments: Vec<OsString> = vec![what.into(), "--browser".into()];
        arguments.push(browser.program()?.into());
        arguments.extend(["--url".into(), url.into()]);
        Ok(Self { arguments, place: None })
    }

    pub fn option(mut self, name: &str, value: impl ToString) -> Self {
        self.arguments.extend([name.into(), value.to_string().into()]);
        self
    }

    pub fn flag(mut self, name: &str) -> Self {
        self.arguments.push(name.into());
        self
    }

    /// In a network namespace. Default is where this program is.
    pub fn at(mut self, place: Option<&str>) -> Self {
        self.place = place.map(String::from);
        self
    }

    /// Goes there, and says what was seen. That something went wrong on the way is an error.
    pub fn run(self, limit: Duration) -> Result<Value> {
        let finished = self.job(limit).output(Output::Capture).limit(limit).run()?;
        let line = finished.stdout.lines().last().unwrap_or_default();
        let report: Value = serde_json::from_str(line).with_context(|| {
            format!("the visit ended with {}: {}", finished.ending(), finished.last_words())
        })?;
        ensure!(report["exception"].is_null(), "{}", report["exception"]);
        Ok(report)
    }

    /// Goes there, and stays for a while.
    pub fn start(self, log: PathBuf, limit: Duration) -> Result<Background> {
        self.job(limit).start(log)
    }

    fn job(self, limit: Duration) -> Job {
        let job = match &self.place {
            Some(place) => namespaces::at(place, "node"),
            None => Job::new("node"),
        };
        let own_limit = limit.mul_f32(OWN_LIMIT).as_secs().to_string();
        let script = web_page::directory().join("view_page.js");
        job.arg(script).args(self.arguments).args(["--limit", &own_limit])
    }
}

/// Why browsers cannot be sent to live pages, if they cannot.
pub fn pages_can_be_visited() -> Result<()> {
    let driver = web_page::directory().join("node_modules/puppeteer-core");
    ensure!(driver.exists(), "what drives browsers is not installed");
    Browser::Chromium.program().and(Browser::Firefox.program()).map(drop)
}
