//! `streamsdk fleet node`: one of the machines of a fleet.

use std::process::ExitCode;
use std::time::Duration;

use streamsdk_fleet::StreamEvents;
use streamsdk_fleet::node::{Node, NodeConfig, NodeError};
use streamsdk_sinks::nats::NatsServers;
use streamsdk_sinks::{MAX_NAME, StreamName};

use super::servers;
use crate::args::{NodeArguments, VoiceArguments};
use crate::failure::{Failure, INTERRUPTED, with_causes};
use crate::signals::Signals;
use crate::streams::NewsLine;
use crate::terminal;

/// Before it is tried again to start.
const PAUSE: Duration = Duration::from_secs(1);

pub(super) async fn run(
    arguments: NodeArguments,
    voice: &VoiceArguments,
) -> Result<ExitCode, Failure> {
    let mut signals = Signals::listen()?;
    let name = match arguments.name.clone() {
        Some(name) => name,
        None => name_of_machine()?,
    };
    let config = NodeConfig::new(name)
        .capacity(arguments.capacity)
        .files_at_once(arguments.files_at_once)
        .ttl(arguments.ttl)
        .folder(&arguments.folder)
        .drain_limit(arguments.drain_limit)
        .keep(arguments.keep);
    let servers = servers(&arguments.place)?;
    let started = tokio::select! {
        started = start(&servers, config) => started,
        () = signals.next() => return Ok(ExitCode::from(INTERRUPTED)),
    };
    let (mut node, events) = started?;
    let is_quiet = voice.quiet;
    tokio::spawn(tell(events, is_quiet));
    if !is_quiet {
        // Scripts wait for this line.
        terminal::say(format_args!("node {} runs", node.name()));
    }
    let ended = tokio::select! {
        ended = node.ended() => Some(ended),
        () = signals.next() => None,
    };
    signals.end_at_once_from_now_on();
    match ended {
        Some(ended) => ended.map(|()| ExitCode::SUCCESS).map_err(Failure::from),
        None => {
            node.drain().await?;
            Ok(ExitCode::from(INTERRUPTED))
        }
    }
}

/// Waits for servers that are not there or not ready, as after a machine has started.
async fn start(
    servers: &NatsServers,
    config: NodeConfig,
) -> Result<(Node, StreamEvents), NodeError> {
    let mut is_told = false;
    loop {
        match Node::start(servers, config.clone()).await {
            Err(error) if error.may_pass() => {
                if !is_told {
                    let error = with_causes(&error);
                    terminal::say(format_args!("waits until this is otherwise: {error}"));
                }
                is_told = true;
                tokio::time::sleep(PAUSE).await;
            }
            outcome => return outcome,
        }
    }
}

async fn tell(mut events: StreamEvents, is_quiet: bool) {
    while let Some(event) = events.next().await {
        match NewsLine::of(&event) {
            Some(line) if line.is_failure || !is_quiet => terminal::say(line.text),
            _ => {}
        }
    }
}

/// With `_` for what no name of a node can have.
fn name_of_machine() -> Result<StreamName, Failure> {
    let unknown =
        || Failure::Usage("the machine has no name: give the node one (--name)".to_owned());
    let machine = machine().ok_or_else(unknown)?;
    let allowed = |letter: char| match letter {
        'a'..='z' | 'A'..='Z' | '0'..='9' | '-' => letter,
        _ => '_',
    };
    let name: String = machine.chars().map(allowed).take(MAX_NAME).collect();
    name.parse().map_err(|_| unknown())
}

#[cfg(unix)]
fn machine() -> Option<String> {
    let name = rustix::system::uname().nodename().to_string_lossy().into_owned();
    Some(name).filter(|name| !name.is_empty())
}

#[cfg(not(unix))]
fn machine() -> Option<String> {
    std::env::var("COMPUTERNAME").ok()
}
