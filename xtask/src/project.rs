//! Where things are.

use std::env;
use std::path::{Path, PathBuf};
use std::sync::OnceLock;

use anyhow::{Context, Result};
use serde_json::Value;

use crate::process::{Job, Output};

/// The repository's top directory.
pub fn root() -> &'static Path {
    let manifest = Path::new(env!("CARGO_MANIFEST_DIR"));
    manifest.parent().unwrap_or(manifest)
}

/// The directory that holds the peers' scripts and workflows.
pub fn peers_directory() -> PathBuf {
    root().join("tests/peers")
}

/// A new job for the cargo that runs this program, in the repository's top directory.
pub fn cargo() -> Job {
    Job::new(cargo_program()).current_dir(root())
}

/// Where cargo builds.
pub fn target_directory() -> Result<&'static Path> {
    static FOUND: OnceLock<PathBuf> = OnceLock::new();
    if let Some(found) = FOUND.get() {
        return Ok(found);
    }
    let metadata = metadata(&["--no-deps"])?;
    let directory = metadata["target_directory"].as_str();
    Ok(FOUND.get_or_init(|| directory.map_or_else(|| root().join("target"), PathBuf::from)))
}

/// A directory for a command's logs and intermediate files, made when it is missing.
pub fn work_directory(name: &str) -> Result<PathBuf> {
    let directory = target_directory()?.join("xtask").join(name);
    std::fs::create_dir_all(&directory)
        .with_context(|| format!("cannot make {}", directory.display()))?;
    Ok(directory)
}

/// What `cargo metadata` says.
pub fn metadata(arguments: &[&str]) -> Result<Value> {
    let job = cargo().args(["metadata", "--format-version", "1"]).args(arguments);
    let answer = job.output(Output::Capture).run_successfully()?;
    serde_json::from_str(&answer.stdout).context("cannot read what cargo metadata says")
}

/// Builds the command-line program with everything in it, optimised, and says where it is.
pub fn build_cli() -> Result<PathBuf> {
    let build = ["build", "--release", "--package", "streamsdk-cli", "--features", "full"];
    cargo().args(build).run_successfully()?;
    Ok(target_directory()?.join("release").join("streamsdk"))
}

fn cargo_program() -> String {
    env::var("CARGO").unwrap_or_else(|_| "cargo".into())
}
