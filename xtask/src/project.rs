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

/// A directory for what is fetched once and serves every checkout. It need not exist yet.
pub fn cache_directory() -> Result<PathBuf> {
    let named = env::var_os("XDG_CACHE_HOME").filter(|name| !name.is_empty()).map(PathBuf::from);
    let cache = named.or_else(|| Some(env::home_dir()?.join(".cache")));
    Ok(cache.context("there is neither a cache nor a home directory")?.join("streamsdk"))
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

/// Builds the program of `examples/backend`, and says where it is.
pub fn build_backend() -> Result<PathBuf> {
    cargo().args(["build", "--release", "--package", "backend"]).run_successfully()?;
    Ok(target_directory()?.join("release").join("backend"))
}

/// Builds the integration test of this name, and says where its program is.
pub fn build_test(package: &str, features: &str, test: &str) -> Result<PathBuf> {
    let wanted = ["--package", package, "--features", features, "--test", test];
    let build = || cargo().args(["test", "--no-run"]).args(wanted);
    build().run_successfully()?;
    // Nothing is left to be built: this only asks what was.
    let messages = build().arg("--message-format=json").output(Output::Capture);
    let messages = messages.run_successfully()?.stdout;
    test_program(&messages, test).with_context(|| format!("cargo names no program for {test}"))
}

/// Builds the programs of `examples/client` exactly as `cargo xtask test` does, so that nothing is built twice, and
/// says where this one is.
pub fn build_example(name: &str) -> Result<PathBuf> {
    let build = ["test", "--no-run", "--workspace", "--all-features", "--test", "programs"];
    cargo().args(build).run_successfully()?;
    Ok(target_directory()?.join("debug").join(name))
}

/// The program among cargo's messages, of which each is a line of JSON.
fn test_program(messages: &str, test: &str) -> Option<PathBuf> {
    let messages = messages.lines().filter_map(|line| serde_json::from_str::<Value>(line).ok());
    let mut tests = messages.filter(|message| message["target"]["name"] == test);
    tests.find_map(|message| message["executable"].as_str().map(PathBuf::from))
}

fn cargo_program() -> String {
    env::var("CARGO").unwrap_or_else(|_| "cargo".into())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_program_of_a_test_is_found_in_what_cargo_says() {
        let messages = concat!(
            r#"{"reason":"compiler-artifact","target":{"name":"v4l"},"executable":null}"#,
            "\n",
            r#"{"reason":"compiler-artifact","target":{"name":"webcam"},"executable":"/t/webcam-1f"}"#,
            "\n",
            r#"{"reason":"build-finished","success":true}"#,
        );
        assert_eq!(test_program(messages, "webcam"), Some("/t/webcam-1f".into()));
        assert_eq!(test_program(messages, "other"), None);
    }
}
