use std::fs::File;
use std::io::BufReader;
use std::path::{Path, PathBuf};

use anyhow::{Context, Result, ensure};
use serde_json::Value;

use super::programs::{CLI, Programs};
use crate::clip::SHAPES;
use crate::peers::{InferenceServer, Peers, Worker};
use crate::project;

/// What every bench has at hand.
pub struct Lab {
    pub peers: Peers,
    pub programs: Programs,
    pub directory: PathBuf,
    pub quick: bool,
}

impl Lab {
    pub fn new(peers: Peers, programs: Programs, quick: bool) -> Result<Self> {
        Ok(Self { peers, programs, directory: project::work_directory("bench")?, quick })
    }

    /// How often something is measured: `usually`, or less often when in a hurry.
    pub fn times(&self, usually: usize) -> usize {
        if self.quick { usually.div_ceil(6).max(2).min(usually) } else { usually }
    }

    /// Starts our worker.
    pub fn worker(&self) -> Result<Worker> {
        Worker::start(&self.programs.find(CLI)?, &self.directory)
    }

    /// Starts the real server.
    pub fn real_server(&self) -> Result<InferenceServer> {
        InferenceServer::start(&self.peers, &self.directory)
    }

    /// A video of so many megabytes (10⁶ bytes), most of which decoders pass over, and the number of its
    /// frames: what is measured is the way of a file, to its last result, and not what is in it.
    pub fn file(&self, megabytes: u64) -> Result<(TemporaryFile, u32)> {
        let path = self.directory.join(format!("{megabytes}.mp4"));
        Ok((TemporaryFile::create(path, megabytes)?, SHAPES.frames))
    }
}

/// Everybody finds it in the kernel's cache.
fn read_once(path: &Path) -> Result<()> {
    let file = File::open(path)?;
    std::io::copy(&mut BufReader::with_capacity(1 << 20, file), &mut std::io::sink())?;
    Ok(())
}

/// A file that takes no place on the disk. It is deleted when this is dropped.
pub struct TemporaryFile(PathBuf);

impl TemporaryFile {
    fn create(path: PathBuf, megabytes: u64) -> Result<Self> {
        let this = Self(path);
        SHAPES.write_filled(&this.0, megabytes * 1_000_000)?;
        read_once(&this.0)?;
        Ok(this)
    }

    pub fn path(&self) -> &Path {
        &self.0
    }
}

impl Drop for TemporaryFile {
    fn drop(&mut self) {
        // The work directory is known; what cannot be deleted there is found.
        let _ = std::fs::remove_file(&self.0);
    }
}

/// The workflow that gives every frame back as it was.
pub fn passthrough() -> PathBuf {
    project::root().join("benches/passthrough.json")
}

/// The number at `pointer` in what a program reported.
pub fn number(report: &Value, pointer: &str) -> Result<f64> {
    let value = report.pointer(pointer).and_then(Value::as_f64);
    value.with_context(|| format!("{pointer} is not a number in {report}"))
}

/// An upload whose results do not come is worth nothing, however fast it was.
pub fn every_frame(report: &Value, frames: u32) -> Result<()> {
    ensure!(report["frames"] == frames, "not every frame came back: {report}");
    Ok(())
}

/// The JSON in the last line that a program wrote.
pub fn last_line(stdout: &str) -> Result<Value> {
    let line = stdout.lines().last().unwrap_or_default();
    serde_json::from_str(line).with_context(|| format!("this is no report: {line}"))
}
