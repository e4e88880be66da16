//! Where things are.

use std::env;
use std::path::{Path, PathBuf};
use std::sync::OnceLock;

use anyhow::{Context, Result};
use serde_json::Value;

use crate::process::{Job, Output};

/// What `cargo xtask test` builds. With less, the dependencies would have other features, and be built again.
const AS_TESTED: &[&str] = &["--workspace", "--all-features"];

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
///
/// It is not told which package this program is of. Some build scripts look at that (that of `ring` does), and half of
/// what there is would be built anew, once here and once when this program is run the next time.
pub fn cargo() -> Job {
    of_no_package(Job::new(cargo_program()))
}

/// The same for the cargo of another toolchain, of those that rustup has.
pub fn cargo_of(toolchain: &str) -> Job {
    of_no_package(Job::new("rustup").args(["run", toolchain, "cargo"]))
}

fn of_no_package(job: Job) -> Job {
    let is_of_package =
        |name: &str| ["CARGO_PKG_", "CARGO_MANIFEST_"].iter().any(|it| name.starts_with(it));
    let names = env::vars_os().filter_map(|(name, _)| name.into_string().ok());
    names.filter(|name| is_of_package(name)).fold(job.current_dir(root()), Job::env_remove)
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

/// Builds the command-line program as it is handed out, with everything in it, and says where it is. For what is
/// measured: it takes its time.
pub fn build_optimised_cli() -> Result<PathBuf> {
    let build = ["build", "--release", "--package", "streamsdk-cli", "--features", "full"];
    cargo().args(build).run_successfully()?;
    Ok(target_directory()?.join("release").join("streamsdk"))
}

/// Builds the command-line program from what `cargo xtask test` has built, and says where it is.
pub fn build_cli() -> Result<PathBuf> {
    build_program("streamsdk")
}

/// Builds the program of this name from what `cargo xtask test` has built, and says where it is.
pub fn build_program(name: &str) -> Result<PathBuf> {
    // Any test will do: with one, the dependencies have the features that they have in the tests.
    let program = ["--test", "programs", "--bin", name];
    cargo().arg("build").args(AS_TESTED).args(program).run_successfully()?;
    Ok(target_directory()?.join("debug").join(name))
}

/// Builds the integration test of this name, and says where its program is.
pub fn build_test(test: &str) -> Result<PathBuf> {
    let build = || cargo().args(["test", "--no-run"]).args(AS_TESTED).args(["--test", test]);
    build().run_successfully()?;
    // Nothing is left to be built: this only asks what was.
    let messages = build().arg("--message-format=json").output(Output::Capture);
    let messages = messages.run_successfully()?.stdout;
    test_program(&messages, test).with_context(|| format!("cargo names no program for {test}"))
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
