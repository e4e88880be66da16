use std::path::{Path, PathBuf};

use anyhow::{Context, Result, bail};

use crate::project;

/// Sends a file.
pub const CLIENT: &str = "bench-client";
/// [`CLIENT`] with libjpeg-turbo.
pub const CLIENT_TURBOJPEG: &str = "bench-client-turbojpeg";
/// Connects and closes.
pub const CONNECT: &str = "bench-connect";
/// How fast data can leave at all.
pub const BOUND: &str = "bench-bound";
/// A server that takes a file and does nothing with it.
pub const SINK: &str = "bench-sink";
/// Sends video on a track, in one codec.
pub const TRACK_VP8: &str = "bench-track-vp8";
pub const TRACK_H264: &str = "bench-track-h264";
/// Captures and encodes.
pub const CAPTURE: &str = "bench-capture";
/// Sends on what a camera of the network gives.
pub const LOCAL: &str = "bench-local";
/// The same with many cameras.
pub const PASS_ON: &str = "bench-pass-on";
/// Many sessions in one process.
pub const MANY: &str = "bench-many";
/// The command-line program with every feature, the worker among them.
pub const CLI: &str = "streamsdk";
/// The command-line program as it is built by default.
pub const CLI_DEFAULT: &str = "streamsdk-default";

/// A program of the package `streamsdk-benches`.
struct Measuring {
    name: &'static str,
    binary: &'static str,
    features: &'static str,
}

const fn measuring(name: &'static str, binary: &'static str, features: &'static str) -> Measuring {
    Measuring { name, binary, features }
}

/// Those with the same features one after the other: less is built anew.
const MEASURING: &[Measuring] = &[
    measuring(CLIENT_TURBOJPEG, CLIENT, "turbojpeg"),
    measuring(CLIENT, CLIENT, ""),
    measuring(CONNECT, CONNECT, ""),
    measuring(MANY, MANY, ""),
    measuring(BOUND, BOUND, ""),
    measuring(SINK, SINK, ""),
    measuring(TRACK_VP8, "bench-track", "vp8"),
    measuring(TRACK_H264, "bench-track", "h264"),
    measuring(CAPTURE, CAPTURE, "video"),
    measuring(LOCAL, LOCAL, "video"),
    measuring(PASS_ON, PASS_ON, "video"),
];

/// Everything of ours that is measured, as copies that the next build leaves alone.
pub struct Programs {
    directory: PathBuf,
}

impl Programs {
    /// Builds the `wanted` ones, optimised.
    pub fn build(wanted: &[&str]) -> Result<Self> {
        let programs = Self { directory: project::work_directory("bench/programs")? };
        for Measuring { name, binary, features } in MEASURING {
            if wanted.contains(name) {
                build("streamsdk-benches", &["--bin", binary, "--features", features])?;
                programs.keep(&built(binary)?, name)?;
            }
        }
        if wanted.contains(&CLI_DEFAULT) {
            build("streamsdk-cli", &[])?;
            programs.keep(&built(CLI)?, CLI_DEFAULT)?;
        }
        if wanted.contains(&CLI) {
            programs.keep_cli(project::build_optimised_cli())?;
        }
        Ok(programs)
    }

    /// Those that were built before.
    pub fn at(directory: &Path) -> Self {
        Self { directory: directory.into() }
    }

    pub fn directory(&self) -> &Path {
        &self.directory
    }

    /// Where the program of this name is.
    pub fn find(&self, name: &str) -> Result<PathBuf> {
        let path = self.directory.join(name);
        if !path.exists() {
            bail!("{name} is missing: it could not be built");
        }
        Ok(path)
    }

    /// What needs the program says that it is missing; the others are worth measuring all the same.
    fn keep_cli(&self, cli: Result<PathBuf>) -> Result<()> {
        match cli {
            Ok(cli) => self.keep(&cli, CLI),
            Err(error) => {
                eprintln!("error: {error:#}");
                let _ = std::fs::remove_file(self.directory.join(CLI));
                Ok(())
            }
        }
    }

    fn keep(&self, program: &Path, name: &str) -> Result<()> {
        let kept = self.directory.join(name);
        // A program that is running cannot be written, but its name can be given to another.
        let _ = std::fs::remove_file(&kept);
        std::fs::copy(program, &kept)
            .map(drop)
            .with_context(|| format!("cannot copy {}", program.display()))
    }
}

fn build(package: &str, options: &[&str]) -> Result<()> {
    let build = ["build", "--release", "--package", package];
    project::cargo().args(build).args(options).run_successfully().map(drop)
}

fn built(name: &str) -> Result<PathBuf> {
    Ok(project::target_directory()?.join("release").join(name))
}
