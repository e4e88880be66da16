//! `streamsdk fleet`: streams on more than one machine.

mod node;
mod status;

use std::path::Path;
use std::process::ExitCode;

use streamsdk_fleet::node::{FleetControl, NodeError};
use streamsdk_fleet::{FleetConfig, SecretText, TlsFiles};
use streamsdk_sinks::nats::NatsServers;

use crate::args::{FleetCommand, FleetPlaceArguments, VoiceArguments};
use crate::failure::Failure;
use crate::terminal;

pub(crate) async fn run(
    command: FleetCommand,
    voice: &VoiceArguments,
) -> Result<ExitCode, Failure> {
    match command {
        FleetCommand::Node(arguments) => node::run(arguments, voice).await,
        FleetCommand::Apply(arguments) => apply(&arguments.place, &arguments.config).await,
        FleetCommand::Status(arguments) => {
            let status = connect(&arguments.place).await?.status().await.map_err(Failure::from)?;
            status::print(&status, arguments.json)?;
            Ok(ExitCode::SUCCESS)
        }
        FleetCommand::Drain(arguments) => {
            let control = connect(&arguments.place).await?;
            control.drain(&arguments.node, arguments.limit).await?;
            terminal::print(format_args!("{} is drained", arguments.node))?;
            Ok(ExitCode::SUCCESS)
        }
    }
}

async fn apply(place: &FleetPlaceArguments, config: &Path) -> Result<ExitCode, Failure> {
    let streams = FleetConfig::read_for_fleet(config).map_err(Failure::usage)?;
    let changes = connect(place).await?.apply(&streams).await?;
    terminal::print(changes)?;
    Ok(ExitCode::SUCCESS)
}

async fn connect(place: &FleetPlaceArguments) -> Result<FleetControl, Failure> {
    Ok(FleetControl::connect(&servers(place)?).await?)
}

fn servers(place: &FleetPlaceArguments) -> Result<NatsServers, Failure> {
    let files = TlsFiles {
        ca_file: place.nats_ca.clone(),
        certificate_file: place.nats_certificate.clone(),
        key_file: place.nats_key.clone(),
    };
    let tls = files.read(Path::new("")).map_err(Failure::Usage)?;
    let mut servers = NatsServers::with_tls(&place.nats, &tls).map_err(Failure::usage)?;
    if let Some(path) = &place.nats_credentials {
        servers = servers.credentials_file(path);
    }
    if let Some(path) = &place.nats_token_file {
        let token = SecretText::File(path.clone()).read(Path::new(""));
        servers = servers.token(token.map_err(Failure::Usage)?);
    }
    Ok(servers)
}

impl From<NodeError> for Failure {
    fn from(error: NodeError) -> Self {
        Self::internal(error)
    }
}
