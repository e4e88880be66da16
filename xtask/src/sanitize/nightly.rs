//! The toolchain that has the sanitizers.

use std::path::PathBuf;

use anyhow::{Context, Result, ensure};

use crate::process::{Job, Output};
use crate::{project, setup};

const TOOLCHAIN: &str = "nightly";

/// A cargo of the nightly toolchain that tests what is built with a sanitizer. What runs while others are built is the
/// same for all sanitizers, so that they share a folder.
pub(super) fn test_with(sanitizer: &str) -> Result<Job> {
    let target = project::target_directory()?.join("sanitize/nightly");
    let test = ["test", "--no-fail-fast", "--target", &host()?];
    let cargo = project::cargo_of(TOOLCHAIN).args(test).arg("--target-dir").arg(target);
    Ok(cargo.env("RUSTFLAGS", format!("-Zsanitizer={sanitizer}")))
}

/// An error that says how to get them if the sources of the standard library are not there.
pub(super) fn need_sources() -> Result<()> {
    let sysroot = PathBuf::from(rustc(&["--print", "sysroot"])?.trim());
    let are_there = sysroot.join("lib/rustlib/src/rust/library").is_dir();
    ensure!(
        are_there,
        "the sources of the standard library are missing: rustup component add rust-src --toolchain {TOOLCHAIN}"
    );
    Ok(())
}

/// Build scripts are for the host, and stay plain only where a target is named.
fn host() -> Result<String> {
    let version = rustc(&["-vV"])?;
    let host = version.lines().find_map(|line| line.strip_prefix("host: "));
    host.map(String::from).context("rustc does not say what it is for")
}

fn rustc(arguments: &[&str]) -> Result<String> {
    let how = || format!("no {TOOLCHAIN} toolchain: rustup toolchain install {TOOLCHAIN}");
    ensure!(setup::find_program("rustup").is_some(), "{}, with rustup of rustup.rs", how());
    let rustc = Job::new("rustup").args(["run", TOOLCHAIN, "rustc"]).args(arguments);
    Ok(rustc.output(Output::Capture).run_successfully().with_context(how)?.stdout)
}
