//! The stages of the Dockerfile, each in a Debian that is installed into a folder, as no image is needed for that.

use std::fs;
use std::path::{Path, PathBuf};

use anyhow::{Context, Result, ensure};

use super::dockerfile::{Instruction, Stage};
use crate::distro::System;
use crate::process::{Job, Output};
use crate::{peers, project};

/// What the image of Rust has beside Debian's smallest, as it is said there.
const OF_THE_RUST_IMAGE: &[&str] = &["--include", "ca-certificates,gcc,libc6-dev"];

/// Where the stages have the program.
const PROGRAM: &str = "/usr/local/bin/streamsdk";

/// Starts a worker, asks it as the image's health check does, and ends it. Whoever runs this has no rights.
const ANSWERS: &str = r#"
streamsdk worker --listen "127.0.0.1:$1" &
export STREAMSDK_HEALTH="127.0.0.1:$1/info"
tries=0
until streamsdk-health 2>/dev/null; do
    tries=$((tries + 1))
    [ "$tries" -lt 100 ] || exit 1
    sleep 0.1
done
kill -TERM $!
wait $!
! streamsdk-health 2>/dev/null
"#;

/// What all steps of the stages need to know.
pub struct Stages<'a> {
    pub release: &'a str,
    pub mirror: &'a str,
}

impl Stages<'_> {
    /// The first stage, up to where it builds the program; with `build`, that as well.
    pub fn build(&self, stage: &Stage, build: bool) -> Result<(String, Built)> {
        let name = "deploy/build";
        let system = System::install_as(name, self.release, OF_THE_RUST_IMAGE, self.mirror)?;
        for run in stage.all("RUN").filter(|run| build || !builds(run)) {
            shell(&system, &as_it_is_there(&run.text)).run_successfully()?;
        }
        let packages = stage.packages().len();
        let program = build.then(|| system.outside(PROGRAM));
        let seen = match build {
            true => format!("{packages} packages installed, and the program built"),
            false => format!("{packages} packages installed; the program was not built there"),
        };
        Ok((seen, Built { system, program }))
    }

    /// The last stage as a whole, with the program from the first.
    pub fn last(&self, stage: &Stage, program: &Path) -> Result<(String, System)> {
        let system = System::install_as("deploy/last", self.release, &[], self.mirror)?;
        for instruction in &stage.instructions {
            match instruction.keyword.as_str() {
                "RUN" => drop(shell(&system, &instruction.text).run_successfully()?),
                "COPY" => copy(instruction, program, &system)?,
                _ => {}
            }
        }
        Ok((format!("{} packages installed", stage.packages().len()), system))
    }
}

/// The first stage, and the program that was built there.
pub struct Built {
    pub system: System,
    pub program: Option<PathBuf>,
}

/// Whether every shared library of the program is there.
pub fn check_libraries(system: &System) -> Result<String> {
    let answer = system.job("ldd").arg(PROGRAM).output(Output::Capture).run_successfully()?;
    let missing: Vec<_> = answer.stdout.lines().filter(|line| line.contains("not found")).collect();
    ensure!(missing.is_empty(), "{}", missing.join(", "));
    Ok(format!("{} shared libraries, all there", answer.stdout.lines().count()))
}

/// Whether a worker answers there that is run by the image's user.
pub fn check_answers(stage: &Stage, system: &System) -> Result<String> {
    let user = &stage.last("USER")?.text;
    let (user, group) = user.split_once(':').context("the user has no group")?;
    let port = peers::free_port()?.to_string();
    let job = system.job("setpriv").args(["--reuid", user, "--regid", group, "--clear-groups"]);
    let job = job.args(["--no-new-privs", "--bounding-set=-all", "bash", "-ec", ANSWERS, "bash"]);
    job.arg(&port).output(Output::Capture).run_successfully()?;
    Ok(format!("a worker of user {user} is healthy, and ends at SIGTERM"))
}

/// There, cargo builds in another folder. And optimised it would take a quarter of an hour more; what is to be shown is that
/// it is built with these packages.
fn as_it_is_there(script: &str) -> String {
    let script = script.replace("cp target/", "cp /target/");
    format!("export CARGO_PROFILE_RELEASE_OPT_LEVEL=0\n{script}")
}

fn builds(run: &Instruction) -> bool {
    run.text.contains("cargo build")
}

fn shell(system: &System, script: &str) -> Job {
    system.job("sh").args(["-ec", script])
}

fn copy(instruction: &Instruction, program: &Path, system: &System) -> Result<()> {
    let (from, to) = instruction.text.split_once(' ').context("COPY takes two names")?;
    let is_of_a_stage = instruction.options.iter().any(|option| option.starts_with("--from="));
    let from = if is_of_a_stage { program.to_owned() } else { project::root().join(from) };
    fs::copy(&from, system.outside(to))
        .with_context(|| format!("cannot copy {} to {to}", from.display()))?;
    Ok(())
}
