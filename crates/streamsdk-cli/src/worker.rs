use std::path::Path;
use std::process::ExitCode;

use streamsdk::{ApiKey, Limits};
use streamsdk_worker::{Worker, WorkerConfig};

use crate::args::WorkerArguments;
use crate::failure::Failure;
use crate::signals::Signals;
use crate::terminal;

/// Serves until it is told to end.
pub(crate) async fn run(arguments: WorkerArguments) -> Result<ExitCode, Failure> {
    let config = with_page(config(&arguments)?, &arguments);
    let mut signals = Signals::listen()?;
    let worker = Worker::start(&arguments.listen, config)
        .await
        .map_err(|error| Failure::Usage(error.to_string()))?;
    // Scripts wait for this line.
    terminal::print(format_args!("listening on {}", worker.url()))?;
    signals.next().await;
    signals.end_at_once_from_now_on();
    worker.drain(arguments.drain_limit).await;
    Ok(ExitCode::SUCCESS)
}

fn config(arguments: &WorkerArguments) -> Result<WorkerConfig, Failure> {
    let mut config = WorkerConfig::default()
        .max_sessions(arguments.max_sessions)
        .ack_window(arguments.ack_window)
        .interfaces(arguments.interfaces)
        .gzip(arguments.gzip)
        .token(arguments.token_file.as_deref().map(read_token).transpose()?)
        .allow_private_sources(arguments.allow_private_sources);
    if let Some(bytes) = arguments.max_upload {
        config = config.limits(Limits::default().upload_bytes(bytes));
    }
    if !arguments.allow_origin.is_empty() {
        config = config.allowed_origins(&arguments.allow_origin);
    }
    Ok(config)
}

/// Whoever reaches the page may use the worker: everywhere but on this machine that takes a token.
#[cfg(feature = "view")]
fn with_page(config: WorkerConfig, arguments: &WorkerArguments) -> WorkerConfig {
    let is_of_this_machine = || {
        let address = arguments.listen.parse::<std::net::SocketAddr>();
        address.is_ok_and(|address| address.ip().is_loopback())
    };
    match !arguments.no_page && (arguments.token_file.is_some() || is_of_this_machine()) {
        true => config.routes(streamsdk_view::worker_page()),
        false => config,
    }
}

#[cfg(not(feature = "view"))]
fn with_page(config: WorkerConfig, _arguments: &WorkerArguments) -> WorkerConfig {
    config
}

/// The first line, which has to be something that can be sent as a header.
fn read_token(path: &Path) -> Result<ApiKey, Failure> {
    let wrong = |what: &dyn std::fmt::Display| {
        Failure::Usage(format!("the token of {} cannot be used: {what}", path.display()))
    };
    let text = std::fs::read_to_string(path).map_err(|error| wrong(&error))?;
    let token = text.lines().next().unwrap_or_default().trim();
    match token {
        "" => Err(wrong(&"its first line is empty")),
        _ if !token.bytes().all(|byte| byte.is_ascii_graphic()) => {
            Err(wrong(&"it has spaces or letters in it that no header can carry"))
        }
        _ => Ok(ApiKey::new(token)),
    }
}
