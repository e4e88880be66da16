//! How a fleet is, for people and for programs.

use streamsdk_fleet::node::{FleetStatus, FleetStreamState, FleetStreamStatus};

use crate::failure::Failure;
use crate::terminal;

pub(super) fn print(status: &FleetStatus, as_json: bool) -> Result<(), Failure> {
    if as_json {
        let json = serde_json::to_string(status).map_err(Failure::internal)?;
        return terminal::print(json);
    }
    for node in &status.nodes {
        terminal::print(format_args!(
            "node {:24} {:5} of {} streams",
            node.name, node.streams, node.capacity
        ))?;
    }
    for stream in &status.streams {
        terminal::print(row(stream))?;
    }
    Ok(())
}

fn row(stream: &FleetStreamStatus) -> String {
    let state = match stream.state {
        FleetStreamState::Running => "running",
        FleetStreamState::Waiting => "waiting",
        FleetStreamState::Complete => "complete",
        FleetStreamState::Incomplete => "incomplete",
        _ => "unknown",
    };
    let node = stream.node.as_deref().unwrap_or("-");
    let frame = match stream.frame {
        Some(frame) => format!("frame {frame}"),
        None => String::new(),
    };
    let name = stream.name.as_str();
    format!("{name:24} {state:10} {node:24} {frame}").trim_end().to_owned()
}
