//! `streamsdk completions` and `streamsdk man`, made from the command line's own description.

use std::process::ExitCode;

use clap::{Command, CommandFactory};

use crate::args::{Arguments, CompletionsArguments, ManArguments};
use crate::failure::Failure;
use crate::terminal;

pub(crate) fn completions(arguments: &CompletionsArguments) -> Result<ExitCode, Failure> {
    let (mut command, mut script) = (Arguments::command(), Vec::new());
    let name = command.get_name().to_owned();
    clap_complete::generate(arguments.shell, &mut command, name, &mut script);
    terminal::write(&script)?;
    Ok(ExitCode::SUCCESS)
}

pub(crate) fn man(arguments: &ManArguments) -> Result<ExitCode, Failure> {
    let mut page = Vec::new();
    clap_mangen::Man::new(about(arguments.command.as_deref()))
        .render(&mut page)
        .map_err(|error| Failure::Internal(error.to_string()))?;
    terminal::write(&page)?;
    Ok(ExitCode::SUCCESS)
}

/// The description of a subcommand, such as `fleet-node`, or else of the whole program.
fn about(name: Option<&str>) -> Command {
    let mut program = Arguments::command();
    program.build();
    let find = |command: &Command, part| command.find_subcommand(part).cloned();
    let found = name.and_then(|name| {
        name.split('-').try_fold(program.clone(), |command, part| find(&command, part))
    });
    match (name, found) {
        (Some(name), Some(command)) => {
            let title = format!("{}-{name}", program.get_name());
            command.display_name(title)
        }
        _ => program,
    }
}
