use std::path::PathBuf;
use std::time::Duration;

use clap::{Args, Subcommand};
use streamsdk_fleet::values;
use streamsdk_sinks::StreamName;

#[derive(Debug, Subcommand)]
pub(crate) enum FleetCommand {
    /// Run streams of the fleet on this machine until interrupted (SIGINT or SIGTERM) or asked to drain
    ///
    /// Exit status: 0 drained · 1 it cannot go on · 2 wrong usage · 130 interrupted; its streams have ended and others
    /// can take them.
    Node(NodeArguments),
    /// Have the fleet run the streams of a file, and no others
    Apply(ApplyArguments),
    /// Say which streams and nodes there are
    Status(StatusArguments),
    /// End a node, so that others take its streams at once
    Drain(DrainArguments),
}

/// Where the fleet is.
#[derive(Debug, Args)]
pub(crate) struct FleetPlaceArguments {
    /// The NATS servers of the fleet, with commas between them: nats://HOST:4222, or tls://HOST:4222 where TLS must be
    #[arg(long, value_name = "URL", env = "NATS_URL")]
    pub(crate) nats: String,
    /// File with the credentials for them, as `nsc` writes it
    #[arg(long, value_name = "FILE", conflicts_with = "nats_token_file")]
    pub(crate) nats_credentials: Option<PathBuf>,
    /// File with the token for them
    #[arg(long, value_name = "FILE")]
    pub(crate) nats_token_file: Option<PathBuf>,
    /// File with the certificates of those who vouch for them, in PEM; without it, whom the system trusts
    #[arg(long, value_name = "FILE")]
    pub(crate) nats_ca: Option<PathBuf>,
    /// File with a certificate to show them, in PEM
    #[arg(long, value_name = "FILE", requires = "nats_key")]
    pub(crate) nats_certificate: Option<PathBuf>,
    /// File with its key, in PEM
    #[arg(long, value_name = "FILE", requires = "nats_certificate")]
    pub(crate) nats_key: Option<PathBuf>,
}

#[derive(Debug, Args)]
pub(crate) struct NodeArguments {
    #[command(flatten)]
    pub(crate) place: FleetPlaceArguments,
    /// What the node is called, which no other is; letters, digits, `_` and `-`; without it, like the machine
    #[arg(long, value_name = "NAME")]
    pub(crate) name: Option<StreamName>,
    /// How long a stream stands still at most whose node has failed; the same for all nodes
    #[arg(long, value_name = "SECONDS", default_value = "10", value_parser = values::limit)]
    pub(crate) ttl: Duration,
    /// Most streams at a time
    #[arg(long, value_name = "COUNT", default_value = "100")]
    pub(crate) capacity: usize,
    /// Most files among them
    #[arg(long, value_name = "COUNT", default_value = "4")]
    pub(crate) files_at_once: usize,
    /// What paths in the descriptions of streams are relative to
    #[arg(long, value_name = "FOLDER", default_value = ".")]
    pub(crate) folder: PathBuf,
    /// How long ending a stream may take
    #[arg(long, value_name = "SECONDS", default_value = "10", value_parser = values::limit)]
    pub(crate) drain_limit: Duration,
    /// Go on however long NATS is away, which only the one node of a fleet may
    #[arg(long)]
    pub(crate) keep: bool,
}

#[derive(Debug, Args)]
pub(crate) struct ApplyArguments {
    #[command(flatten)]
    pub(crate) place: FleetPlaceArguments,
    /// The file
    #[arg(value_name = "STREAMS.toml")]
    pub(crate) config: PathBuf,
}

#[derive(Debug, Args)]
pub(crate) struct StatusArguments {
    #[command(flatten)]
    pub(crate) place: FleetPlaceArguments,
    /// As JSON: one object
    #[arg(long)]
    pub(crate) json: bool,
}

#[derive(Debug, Args)]
pub(crate) struct DrainArguments {
    #[command(flatten)]
    pub(crate) place: FleetPlaceArguments,
    /// The node
    #[arg(value_name = "NODE")]
    pub(crate) node: StreamName,
    /// How long it is waited for
    #[arg(long, value_name = "SECONDS", default_value = "30", value_parser = values::limit)]
    pub(crate) limit: Duration,
}
