//! `streamsdk`: streams video to an inference server and shows what comes back.

mod args;
#[cfg(all(feature = "webcam", target_os = "linux"))]
mod devices;
mod doctor;
mod failure;
#[cfg(feature = "fleet")]
mod fleet;
mod generate;
mod logging;
mod run;
mod secrets;
mod signals;
#[cfg(feature = "fleet")]
mod streams;
mod terminal;
mod usage;
#[cfg(feature = "worker")]
mod worker;

use std::process::ExitCode;
use std::time::Duration;

use clap::ColorChoice;

use crate::args::{Arguments, Command};
use crate::failure::Failure;

/// How long threads that look something up or open a camera are waited for at the end.
const MAX_SHUTDOWN_TIME: Duration = Duration::from_millis(500);

fn main() -> ExitCode {
    let (colors, done) = match Arguments::read() {
        Ok(arguments) => (arguments.voice.color, start(arguments)),
        Err(failure) => (ColorChoice::Auto, Err(failure)),
    };
    done.unwrap_or_else(|failure| {
        terminal::report(&failure, terminal::colors_stderr(colors));
        failure.exit_code()
    })
}

fn start(arguments: Arguments) -> Result<ExitCode, Failure> {
    logging::start(&arguments.voice)?;
    let runtime = tokio::runtime::Builder::new_multi_thread()
        .worker_threads(2)
        .enable_all()
        .build()
        .map_err(|error| Failure::Internal(error.to_string()))?;
    let done = runtime.block_on(obey(arguments));
    runtime.shutdown_timeout(MAX_SHUTDOWN_TIME);
    done
}

async fn obey(Arguments { command, voice }: Arguments) -> Result<ExitCode, Failure> {
    match command {
        Command::Run(run) => run::run(*run, &voice).await,
        #[cfg(feature = "fleet")]
        Command::Check(arguments) => streams::check(&arguments),
        #[cfg(feature = "fleet")]
        Command::Fleet(command) => fleet::run(command, &voice).await,
        #[cfg(all(feature = "webcam", target_os = "linux"))]
        Command::Devices(arguments) => devices::run(&arguments),
        Command::Doctor(arguments) => doctor::run(*arguments, &voice).await,
        #[cfg(feature = "worker")]
        Command::Worker(arguments) => worker::run(arguments).await,
        Command::Completions(arguments) => generate::completions(&arguments),
        Command::Man(arguments) => generate::man(&arguments),
    }
}
