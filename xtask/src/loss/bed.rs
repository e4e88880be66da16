//! Two namespaces, the link between them, and who is at its ends.

use std::path::{Path, PathBuf};
use std::time::Duration;

use anyhow::{Context, Result, ensure};
use serde_json::Value;

use super::grid::{Pair, Program, What};
use crate::clip::Clip;
use crate::namespaces::{self, at};
use crate::peers::{LinkEnd, LinkFaults, Peers, lay_slow_link};
use crate::process::{Background, Job, Output};
use crate::project;

const ADDRESSES: [&str; 2] = ["10.81.0.1", "10.81.0.2"];
const START_LIMIT: Duration = Duration::from_secs(30);
/// A session that takes longer has failed.
pub(super) const SESSION_LIMIT: Duration = Duration::from_secs(180);

/// What an upload leads to, and what is measured by its results.
const FEW: Clip = Clip { frames: 5, ..PICTURE };
const MANY: Clip = Clip { frames: 60, ..PICTURE };
const ONE: Clip = Clip { frames: 1, ..PICTURE };
const PICTURE: Clip = Clip { width: 240, height: 180, frames: 0 };
/// A picture of these, as JPEG.
pub(super) const RESULT_BYTES: u32 = 9000;
/// Results that a server may send ahead of the last that was acknowledged.
pub(super) const ACK_WINDOW: u32 = 8;

/// Removed when dropped.
pub(super) struct Bed {
    cli: PathBuf,
    python: PathBuf,
    directory: PathBuf,
    /// Ours, and aiortc's for few results and for many.
    _servers: [Background; 3],
    places: Places,
}

/// The namespaces of one bed.
struct Places {
    client: String,
    server: String,
}

impl Places {
    fn of(lane: usize) -> Self {
        let [client, server] = ["c", "s"].map(|end| format!("streamsdk-loss-{end}{lane}"));
        Self { client, server }
    }
}

impl Drop for Places {
    fn drop(&mut self) {
        namespaces::remove([&self.client, &self.server]);
    }
}

impl Bed {
    pub(super) fn new(
        cli: PathBuf,
        peers: &Peers,
        directory: PathBuf,
        lane: usize,
    ) -> Result<Self> {
        // What an interrupted run has left.
        drop(Places::of(lane));
        let places = Places::of(lane);
        [&places.client, &places.server]
            .into_iter()
            .try_for_each(|place| namespaces::add(place))?;
        let python = peers.python("client");
        let ours = at(&places.server, &cli).args([
            "worker",
            "--listen",
            &listen(Program::Ours, What::Upload),
        ]);
        let ours = ours.args(["--ack-window", &ACK_WINDOW.to_string(), "--max-sessions", "1000"]);
        let aiortc = |what: What| {
            let job = at(&places.server, &python).arg(script()).args(["serve", "0.0.0.0"]);
            let numbers =
                [port(Program::Aiortc, what), clip(what).frames, RESULT_BYTES, ACK_WINDOW];
            job.args(numbers.map(|number| number.to_string()))
        };
        let start = |job: Job, name: &str| -> Result<Background> {
            let mut server = job.start(directory.join(name))?;
            server.wait_for_line("listening on ", START_LIMIT)?;
            Ok(server)
        };
        let servers = [
            start(ours, "worker.log")?,
            start(aiortc(What::Upload), "aiortc-upload.log")?,
            start(aiortc(What::Results), "aiortc-results.log")?,
        ];
        Ok(Self { cli, python, directory, _servers: servers, places })
    }

    /// How long a session takes from its start to its last result, in seconds. An error says why it failed.
    pub(super) fn session(
        &self,
        pair: Pair,
        what: What,
        file: &Path,
        faults: LinkFaults,
    ) -> Result<f64> {
        let end =
            |place, device, address| LinkEnd { place, device, address: format!("{address}/24") };
        let Places { client, server } = &self.places;
        let ends = [end(client, "loss0", ADDRESSES[0]), end(server, "loss1", ADDRESSES[1])];
        let _link = lay_slow_link(faults, ends, &self.directory)?;
        let server = format!("http://{}:{}", ADDRESSES[1], port(pair.server, what));
        match pair.client {
            Program::Ours => self.ours(&server, what, file),
            Program::Aiortc => self.aiortc(&server, what, file),
        }
    }

    fn ours(&self, server: &str, what: What, file: &Path) -> Result<f64> {
        let finished = at(&self.places.client, &self.cli)
            .arg("run")
            .arg(file)
            .args(["--server", server, "--workspace", "local", "--workflow-id", "passthrough"])
            .args(["--data-output", "image", "--jsonl", "-"])
            .output(Output::Capture)
            .limit(SESSION_LIMIT)
            .run()?;
        finished.check()?;
        let lines = finished.stdout.lines().count();
        ensure!(lines == clip(what).frames as usize, "{lines} results");
        Ok(finished.last_output.context("nothing was printed")?.as_secs_f64())
    }

    fn aiortc(&self, server: &str, what: What, file: &Path) -> Result<f64> {
        let finished = at(&self.places.client, &self.python)
            .arg(script())
            .args(["session", server])
            .arg(file)
            .output(Output::Capture)
            .limit(SESSION_LIMIT)
            .run()?;
        finished.check()?;
        let report: Value = serde_json::from_str(&finished.stdout)?;
        ensure!(report["results"] == clip(what).frames, "{report}");
        report["last"].as_f64().context("it does not say when the last result came")
    }
}

/// A file for it, of about so many bytes if it is an upload.
pub(super) fn write_file(directory: &Path, what: What, bytes: u64) -> Result<PathBuf> {
    let path = directory.join(format!("{}.mp4", what.name()));
    match what {
        What::Upload => clip(what).write_filled(&path, bytes)?,
        What::Results | What::OneFrame => clip(what).write(&path)?,
    }
    Ok(path)
}

fn clip(what: What) -> Clip {
    match what {
        What::Upload => FEW,
        What::Results => MANY,
        What::OneFrame => ONE,
    }
}

fn script() -> PathBuf {
    project::peers_directory().join("loss_peer.py")
}

fn port(server: Program, what: What) -> u32 {
    match (server, what) {
        (Program::Ours, _) => 9001,
        (Program::Aiortc, What::Results) => 9003,
        (Program::Aiortc, _) => 9002,
    }
}

fn listen(server: Program, what: What) -> String {
    format!("0.0.0.0:{}", port(server, what))
}
