//! The command line.

mod applies;
mod doctor;
#[cfg(feature = "fleet")]
mod fleet;
mod run;
mod server;
mod sources;
mod values;
mod voice;
#[cfg(feature = "worker")]
mod worker;

use std::ffi::OsString;

use clap::builder::ValueParser;
use clap::{ArgMatches, Args, CommandFactory, FromArgMatches, Parser, Subcommand};
use clap_complete::Shell;

pub(crate) use self::doctor::DoctorArguments;
#[cfg(feature = "fleet")]
pub(crate) use self::fleet::{FleetCommand, FleetPlaceArguments, NodeArguments};
pub(crate) use self::run::{LimitArguments, RunArguments};
pub(crate) use self::server::ServerArguments;
pub(crate) use self::sources::Sources;
pub(crate) use self::voice::VoiceArguments;
#[cfg(feature = "worker")]
pub(crate) use self::worker::WorkerArguments;
use crate::failure::Failure;
use crate::terminal;

/// Stream video to an inference server over WebRTC and get frames and predictions back.
#[derive(Debug, Parser)]
#[command(name = "streamsdk", version, propagate_version = true)]
pub(crate) struct Arguments {
    #[command(flatten)]
    pub(crate) voice: VoiceArguments,
    #[command(subcommand)]
    pub(crate) command: Command,
}

#[derive(Debug, Subcommand)]
pub(crate) enum Command {
    /// Stream video and write down what comes back
    ///
    /// Exit status: 0 done · 2 wrong usage · 3 the source cannot be used · 4 the server cannot be
    /// reached · 5 the server refused · 6 API key or quota · 7 something took too long · 8 the
    /// connection was lost · 9 the server could not process it, or nothing came back · 10 something that was
    /// promised is missing, damaged or failed · 130 interrupted (SIGINT or SIGTERM) · 141 whoever read the
    /// output went away · 1 other.
    Run(Box<RunArguments>),
    /// Say what is wrong with a file of streams, without starting anything
    ///
    /// Exit status: 0 it can be used · 2 it cannot.
    #[cfg(feature = "fleet")]
    Check(CheckArguments),
    /// Run streams on more than one machine, by way of NATS
    #[cfg(feature = "fleet")]
    #[command(subcommand)]
    Fleet(FleetCommand),
    /// List this machine's cameras and what they offer
    #[cfg(all(feature = "webcam", target_os = "linux"))]
    Devices(DevicesArguments),
    /// Say what is wrong between this machine and a server, and what to try
    ///
    /// No session is started. Exit status: 0 nothing is wrong · 2 wrong usage · 11 something is wrong.
    Doctor(Box<DoctorArguments>),
    /// Serve sessions until interrupted (SIGINT or SIGTERM)
    #[cfg(feature = "worker")]
    Worker(WorkerArguments),
    /// Print a script that completes this program's options in a shell
    Completions(CompletionsArguments),
    /// Print a manual page, for `man -l -`
    Man(ManArguments),
}

#[cfg(feature = "fleet")]
#[derive(Debug, Args)]
pub(crate) struct CheckArguments {
    /// The file
    #[arg(value_name = "STREAMS.toml")]
    pub(crate) config: std::path::PathBuf,
}

#[cfg(all(feature = "webcam", target_os = "linux"))]
#[derive(Debug, Args)]
pub(crate) struct DevicesArguments {
    /// As JSON: one array of cameras
    #[arg(long)]
    pub(crate) json: bool,
}

#[derive(Debug, Args)]
pub(crate) struct CompletionsArguments {
    /// The shell
    pub(crate) shell: Shell,
}

#[derive(Debug, Args)]
pub(crate) struct ManArguments {
    /// The command that the page is about; without it, the whole program
    #[arg(value_name = "COMMAND", value_parser = subcommand_names())]
    pub(crate) command: Option<String>,
}

impl Arguments {
    /// Takes the process's arguments. What asks for help ends the program here.
    pub(crate) fn read() -> Result<Self, Failure> {
        let given: Vec<OsString> = std::env::args_os().collect();
        let colors = voice::colors_of(&given);
        let command = Self::command().color(colors);
        let matches =
            command.try_get_matches_from(&given).map_err(|error| misread(&error, &given))?;
        let arguments =
            Self::from_arg_matches(&matches).map_err(|error| misread(&error, &given))?;
        arguments.check(&matches)?;
        Ok(arguments)
    }

    fn check(&self, matches: &ArgMatches) -> Result<(), Failure> {
        match (&self.command, matches.subcommand()) {
            (Command::Run(arguments), Some((_, given))) => applies::check(arguments, given),
            _ => Ok(()),
        }
    }
}

/// Help and versions are printed and end the program; everything else is a failure.
fn misread(error: &clap::Error, given: &[OsString]) -> Failure {
    if !error.use_stderr() {
        error.exit();
    }
    let colored = terminal::colors_stderr(voice::colors_of(given));
    let text = error.render();
    let text = if colored { text.ansi().to_string() } else { text.to_string() };
    Failure::CommandLine(text)
}

fn subcommand_names() -> ValueParser {
    let mut names = vec!["run", "doctor", "completions", "man"];
    if cfg!(all(feature = "webcam", target_os = "linux")) {
        names.push("devices");
    }
    if cfg!(feature = "fleet") {
        names.extend([
            "check",
            "fleet",
            "fleet-node",
            "fleet-apply",
            "fleet-status",
            "fleet-drain",
        ]);
    }
    if cfg!(feature = "worker") {
        names.push("worker");
    }
    names.into()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_command_line_is_consistent() {
        Arguments::command().debug_assert();
    }

    #[test]
    fn there_is_a_manual_page_for_every_command() {
        let has_page = |name: &str| Arguments::try_parse_from(["streamsdk", "man", name]).is_ok();
        for command in Arguments::command().get_subcommands() {
            let name = command.get_name();
            assert!(has_page(name), "{name}");
            for part in command.get_subcommands() {
                let name = format!("{name}-{}", part.get_name());
                assert!(has_page(&name), "{name}");
            }
        }
    }
}
