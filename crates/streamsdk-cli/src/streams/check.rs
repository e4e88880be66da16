//! `streamsdk check`: whether a file of streams can be used, without starting anything.

use std::process::ExitCode;

use streamsdk_fleet::FleetConfig;

use crate::args::CheckArguments;
use crate::failure::Failure;
use crate::terminal;

/// Says what is in the file, or all that is wrong with it.
pub(crate) fn check(arguments: &CheckArguments) -> Result<ExitCode, Failure> {
    let config = FleetConfig::read(&arguments.config).map_err(Failure::usage)?;
    let (streams, sinks) = (config.stream_names().count(), config.sink_names().count());
    let name = arguments.config.display();
    terminal::print(format_args!("{name}: streams: {streams}, sinks: {sinks}"))?;
    Ok(ExitCode::SUCCESS)
}
