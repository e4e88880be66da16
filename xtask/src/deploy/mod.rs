//! `cargo xtask deploy`: whether what is there for deploying holds what it says.
//!
//! No container is run. The Dockerfile's steps are taken in a Debian in a folder, manifests and units are held against the
//! schemas and the tools of those who read them, and every command line is read by the program itself.

mod command_lines;
mod compose;
mod dockerfile;
mod image;
mod kubernetes;
mod stages;
mod tools;
mod units;

use std::fs;
use std::path::{Path, PathBuf};

use anyhow::Result;

use self::compose::Compose;
use self::image::Image;
use self::kubernetes::Manifests;
use self::stages::{Built, Stages};
use self::tools::Tools;
use crate::distro::configured_mirror;
use crate::process::{Job, Output};
use crate::tally::{Tally, closing_line};
use crate::{project, setup};

#[derive(clap::Args)]
pub struct Options {
    /// Only the checks whose name has this in it
    #[arg(long, value_name = "TEXT")]
    only: Option<String>,
    /// Use this streamsdk instead of building it
    #[arg(long, value_name = "PROGRAM")]
    cli: Option<PathBuf>,
    /// Leave out the stages of the Dockerfile, which take root, and Debian's packages twice
    #[arg(long)]
    no_stages: bool,
    /// Build the program in the Dockerfile's first stage, too, and take that to the last
    #[arg(long, conflicts_with = "no_stages")]
    build: bool,
    /// Take Debian's packages from here. Default is where apt takes them from on this machine
    #[arg(long, value_name = "URL")]
    mirror: Option<String>,
}

/// Variables that the streams in the files name. Nobody reads their values.
const SECRETS: &[&str] = &["NATS_TOKEN", "ROBOFLOW_API_KEY", "WORKER_TOKEN"];

/// Whether everything was as it should be. The last line printed is the count of the checks.
pub fn run(options: &Options) -> Result<bool> {
    setup::ensure(setup::Scope::Deploy)?;
    let cli = options.cli.clone().map_or_else(project::build_cli, Ok)?;
    let directory = project::work_directory("deploy")?;
    let tools = Tools::install()?;
    let mut tally = Tally::new(options.only.clone());

    let image = Image::read()?;
    let compose = Compose::read(&tools)?;
    let manifests = Manifests::read(&tools)?;
    let units = units::read()?;
    tally.check("image: as the project is", || image.check());
    tally.check("compose: schema", || compose::check_schema(&tools));
    tally.check("compose: parts", || compose.check());
    tally.check("kubernetes: schemas", || kubernetes::check_schemas(&tools));
    tally.check("kubernetes: security", || manifests.check_security());
    tally.check("kubernetes: parts", || manifests.check_references());
    tally.check("systemd: verify", || units::verify(&units, &cli, &directory));
    tally.check("systemd: exposure", || units::check_exposure(&units));
    tally.check("nats: settings", check_nats);
    tally.check("streams: files", || check_streams(&manifests, &cli, &directory));
    tally.check("command lines", || {
        let mut lines = image.command_lines()?;
        lines.extend(compose.command_lines());
        lines.extend(manifests.command_lines());
        lines.extend(units.iter().flat_map(units::Unit::command_lines));
        lines.extend(of_documentation()?);
        lines.sort();
        lines.dedup();
        command_lines::check(&lines, &cli)
    });
    match cannot_have_stages(options) {
        Some(why) => tally.skip("stages of the Dockerfile", &why),
        None => take_stages(&mut tally, options, &image, &cli)?,
    }

    tally.print_table();
    println!("{}", closing_line(tally.passed(), tally.failed()));
    Ok(tally.failed() == 0)
}

/// What the text about it has people type.
fn of_documentation() -> Result<Vec<command_lines::CommandLine>> {
    let file = "docs/deploying.md";
    let text = fs::read_to_string(project::root().join(file))?;
    Ok(command_lines::in_markdown(file, &text))
}

fn check_nats() -> Result<String> {
    let file = project::root().join("deploy/nats.conf");
    let nats = setup::find_program("nats-server").unwrap_or_else(|| "nats-server".into());
    Job::new(nats).args(["-t", "--config"]).arg(file).output(Output::Capture).run_successfully()?;
    Ok("NATS takes them".into())
}

/// The files of streams, of the folder and of the manifests, are such as `streamsdk check` takes.
fn check_streams(manifests: &Manifests, cli: &Path, directory: &Path) -> Result<String> {
    manifests.write_streams(directory)?;
    let files = [project::root().join("deploy/streams"), directory.to_owned()];
    for file in files.map(|folder| folder.join("streams.toml")) {
        let check = Job::new(cli).arg("check").arg(file).output(Output::Capture);
        SECRETS.iter().fold(check, |check, name| check.env(name, "unknown")).run_successfully()?;
    }
    Ok("both can be run".into())
}

fn cannot_have_stages(options: &Options) -> Option<String> {
    if options.no_stages {
        return Some("--no-stages".into());
    }
    let can = cfg!(target_os = "linux") && nix::unistd::geteuid().is_root();
    (!can).then(|| "it takes root on Linux to change the root directory".into())
}

fn take_stages(tally: &mut Tally, options: &Options, image: &Image, cli: &Path) -> Result<()> {
    let mirror = options.mirror.clone().map_or_else(configured_mirror, Ok)?;
    let stages = Stages { release: image.release()?, mirror: &mirror };
    if options.build {
        // In there nothing is fetched but Debian's packages.
        let target = format!("{}-unknown-linux-gnu", std::env::consts::ARCH);
        project::cargo().args(["fetch", "--locked", "--target", &target]).run_successfully()?;
    }
    let build = || stages.build(&image.build, options.build);
    let built = tally.necessary("stage that builds", build);
    let program = built.as_ref().and_then(|Built { program, .. }| program.as_deref());
    let last = || stages.last(&image.last, program.unwrap_or(cli));
    if let Some(last) = tally.necessary("stage that runs", last) {
        tally.check("stage that runs: libraries", || stages::check_libraries(&last));
        tally.check("stage that runs: health", || stages::check_answers(&image.last, &last));
        last.remove()?;
    }
    built.map_or(Ok(()), |built| built.system.remove())
}
