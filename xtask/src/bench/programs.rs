use std::path::{Path, PathBuf};

use anyhow::{Context, Result, bail};

use crate::project;

/// The measuring programs of the package `streamsdk-benches`.
const PROGRAMS: &[&str] = &["bench-client", "bench-connect", "bench-bound", "bench-sink"];
const PACKAGE: &str = "streamsdk-benches";

/// Everything of ours that is measured, as copies that the next build leaves alone.
pub struct Programs {
    directory: PathBuf,
}

impl Programs {
    /// Builds everything, optimised.
    pub fn build() -> Result<Self> {
        let programs = Self { directory: project::work_directory("bench/programs")? };
        programs.build_measuring_programs(&["--bin", "bench-client", "--features", "turbojpeg"])?;
        programs.keep(&built("bench-client")?, "bench-client-turbojpeg")?;
        programs.build_measuring_programs(&["--bins"])?;
        for name in PROGRAMS {
            programs.keep(&built(name)?, name)?;
        }
        project::cargo()
            .args(["build", "--release", "--package", "streamsdk-cli"])
            .run_successfully()?;
        programs.keep(&built("streamsdk")?, "streamsdk-default")?;
        match project::build_cli() {
            Ok(cli) => programs.keep(&cli, "streamsdk")?,
            // What needs it says that it is missing; the others are worth measuring all the same.
            Err(error) => {
                eprintln!("error: {error:#}");
                let _ = std::fs::remove_file(programs.directory.join("streamsdk"));
            }
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

    fn build_measuring_programs(&self, options: &[&str]) -> Result<()> {
        let build = ["build", "--release", "--package", PACKAGE];
        project::cargo().args(build).args(options).run_successfully().map(drop)
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

fn built(name: &str) -> Result<PathBuf> {
    Ok(project::target_directory()?.join("release").join(name))
}
