//! `cargo xtask test`: everything that must hold before a change is merged.

mod minimum_rust;
mod packages;
mod runner;

use std::collections::{BTreeMap, BTreeSet};

use anyhow::Result;

use crate::counts::closing_line;
use crate::process::{Job, Output};
use crate::steps::{Outcome, Steps};
use crate::{project, setup, tally};

#[derive(clap::Args)]
pub struct Options {
    /// Take every step, even after one has failed
    #[arg(long)]
    keep_going: bool,
}

/// Whether every step succeeded. The last line printed is the count of the tests.
pub fn run(options: &Options) -> Result<bool> {
    let mut steps = Steps::new(options.keep_going);
    let mut counts = BTreeMap::new();
    steps.take("setup", || setup::ensure(setup::Scope::Test).map(done));
    steps.take("format", || cargo(&["fmt", "--all", "--check"]));
    steps.take("clippy", clippy);
    for (name, suite) in runner::SUITES {
        steps.take(name, || {
            let (counted, result) = suite()?;
            counts.insert(*name, counted);
            result.map(|()| Outcome::Done(tally::closing_line(counted.passed, counted.failed)))
        });
    }
    steps.take("documentation", documentation);
    steps.take("default features", need_no_system_libraries);
    steps.take("capture alone", capture_stands_alone);
    steps.take("download alone", download_stands_alone);
    steps.take("VP8 alone", vp8_needs_no_ffmpeg_and_no_libclang);
    steps.take("packages", packages::check);
    steps.take("minimum Rust", minimum_rust::check);
    steps.take("fuzz targets", check_fuzz_targets);
    steps.take("licences", check_licences);

    steps.print_table();
    println!("{}", closing_line(&steps, &counts));
    Ok(!steps.failed())
}

fn clippy() -> Result<Outcome> {
    cargo(&["clippy", "--workspace", "--all-targets", "--all-features", "--", "-D", "warnings"])
}

fn documentation() -> Result<Outcome> {
    let doc = ["doc", "--workspace", "--no-deps", "--all-features"];
    finish(project::cargo().args(doc).env("RUSTDOCFLAGS", "-D warnings"))
}

/// With a pkg-config that always fails, the build script of every crate that asks for a system library fails.
fn need_no_system_libraries() -> Result<Outcome> {
    finish(project::cargo().arg("check").env("PKG_CONFIG", "false"))
}

/// Who embeds the capture crate, and has webcams of it, gets no network stack and no runtime with it.
fn capture_stands_alone() -> Result<Outcome> {
    lacks(&["--package", "embed_capture"], &["webrtc", "rtc", "reqwest", "hyper", "tokio"])
}

/// Who wants files by URL gets no WebRTC and no pictures with them.
fn download_stands_alone() -> Result<Outcome> {
    let above = ["webrtc", "rtc", "streamsdk-transport", "streamsdk-media", "streamsdk-signaling"];
    lacks(&["--package", "streamsdk-download"], &above)
}

/// Who sends VP8 only is spared the hundred libraries behind FFmpeg, and what generates bindings.
fn vp8_needs_no_ffmpeg_and_no_libclang() -> Result<Outcome> {
    let vp8 = ["--package", "streamsdk", "--no-default-features", "--features", "vp8"];
    lacks(&vp8, &["ffmpeg-next", "ffmpeg-sys-next", "bindgen", "clang-sys"])
}

/// An error if what is `selected` depends on one of the `unwanted` packages, when it runs or to be built.
fn lacks(selected: &[&str], unwanted: &[&str]) -> Result<Outcome> {
    let tree = project::cargo().args(["tree", "--edges", "normal,build", "--prefix", "none"]);
    let listed = tree.args(selected).output(Output::Capture).run_successfully()?.stdout;
    let packages: BTreeSet<_> =
        listed.lines().filter_map(|line| line.split_whitespace().next()).collect();
    for name in unwanted {
        anyhow::ensure!(!packages.contains(name), "{} depends on {name}", selected.join(" "));
    }
    Ok(Outcome::Done(format!("{} packages", packages.len())))
}

/// What they call is built and run by the tests of its crate.
fn check_fuzz_targets() -> Result<Outcome> {
    let manifest = project::root().join("fuzz/Cargo.toml");
    if !manifest.is_file() {
        return Ok(Outcome::Skipped("there are none".into()));
    }
    let target = project::target_directory()?.join("fuzz");
    let check = project::cargo().arg("check").arg("--manifest-path").arg(manifest);
    finish(check.arg("--target-dir").arg(target))
}

fn check_licences() -> Result<Outcome> {
    if setup::find_program("cargo-deny").is_none() {
        return Ok(Outcome::Skipped("cargo-deny is not installed".into()));
    }
    cargo(&["deny", "--all-features", "check", "bans", "licenses", "sources"])
}

fn cargo(arguments: &[&str]) -> Result<Outcome> {
    finish(project::cargo().args(arguments))
}

fn finish(job: Job) -> Result<Outcome> {
    job.run_successfully().map(|_| done(()))
}

fn done((): ()) -> Outcome {
    Outcome::Done(String::new())
}
