use std::path::Path;
use std::process::ExitCode;

use anyhow::{Context, Result};
use serde_json::Value;
use streamsdk::Workflow;
use tokio::runtime::{Builder, Runtime};

/// Reads a file that holds one JSON value.
pub fn read_json(path: &Path) -> Result<Value> {
    let text =
        std::fs::read_to_string(path).with_context(|| format!("cannot read {}", path.display()))?;
    serde_json::from_str(&text).with_context(|| format!("{} is not JSON", path.display()))
}

/// The workflow of a specification in a file, or else of an id.
pub fn workflow(specification: Option<&Path>, id: Option<&str>) -> Result<Workflow> {
    match (specification, id) {
        (Some(path), _) => read_json(path).map(Workflow::specification),
        (None, id) => Ok(Workflow::id("local", id.context("no workflow was given")?)),
    }
}

/// A runtime like that of the command-line program, which has two threads. One of one thread has the
/// caller's: the cheapest for who only looks at data.
pub fn runtime(threads: usize) -> Result<Runtime> {
    let mut builder = match threads {
        1 => Builder::new_current_thread(),
        _ => Builder::new_multi_thread(),
    };
    builder.worker_threads(threads).enable_all().build().context("cannot start the runtime")
}

/// Says how it went: the report as one line on the standard output, or the error on the other.
pub fn conclude(outcome: Result<Value>) -> ExitCode {
    match outcome {
        Ok(report) => {
            println!("{report}");
            ExitCode::SUCCESS
        }
        Err(error) => {
            eprintln!("error: {error:#}");
            ExitCode::FAILURE
        }
    }
}
