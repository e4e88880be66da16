//! `streamsdk`: streams video to an inference server and shows what comes back.

mod args;
#[cfg(all(feature = "webcam", target_os = "linux"))]
mod devices;
mod failure;
mod run;
mod source;
mod usage;
#[cfg(feature = "worker")]
mod worker;

use std::process::ExitCode;

use clap::Parser;

use crate::args::{Arguments, Command};
use crate::failure::Failure;

fn main() -> ExitCode {
    let arguments = Arguments::parse();
    tracing_subscriber::fmt()
        .with_env_filter(tracing_subscriber::EnvFilter::from_env("STREAMSDK_LOG"))
        .with_writer(std::io::stderr)
        .init();
    match start(arguments) {
        Ok(code) => code,
        Err(failure) => {
            failure.print();
            failure.exit_code()
        }
    }
}

fn start(arguments: Arguments) -> Result<ExitCode, Failure> {
    let runtime = tokio::runtime::Builder::new_multi_thread()
        .worker_threads(2)
        .enable_all()
        .build()
        .map_err(|error| Failure::Internal(error.to_string()))?;
    runtime.block_on(async {
        match arguments.command {
            Command::Run(arguments) => run::run(*arguments).await,
            #[cfg(all(feature = "webcam", target_os = "linux"))]
            Command::Devices(arguments) => devices::run(&arguments),
            #[cfg(feature = "worker")]
            Command::Worker(arguments) => worker::run(arguments).await,
        }
    })
}
