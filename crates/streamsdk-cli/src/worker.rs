use std::process::ExitCode;

use streamsdk_worker::{Worker, WorkerConfig};

use crate::args::WorkerArguments;
use crate::failure::Failure;

/// Serves until interrupted.
#[expect(clippy::print_stdout, reason = "scripts wait for this line")]
pub(crate) async fn run(arguments: WorkerArguments) -> Result<ExitCode, Failure> {
    let worker = Worker::start(&arguments.listen, WorkerConfig::default())
        .await
        .map_err(|error| Failure::Usage(error.to_string()))?;
    println!("listening on {}", worker.url());
    tokio::signal::ctrl_c().await.map_err(|error| Failure::Internal(error.to_string()))?;
    worker.shutdown().await;
    Ok(ExitCode::SUCCESS)
}
