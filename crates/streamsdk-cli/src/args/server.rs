//! Where a server is, and what it takes to get there: the same for whoever streams and for whoever looks what is wrong.

use clap::Args;
use clap::builder::{PossibleValue, PossibleValuesParser, TypedValueParser};
use streamsdk::IceServer;
use streamsdk_fleet::KeyTransport;

#[derive(Debug, Args)]
#[command(next_help_heading = "Server")]
pub(crate) struct ServerArguments {
    /// URL of the server; without it, `run` starts a worker inside, and `doctor` looks at the rest
    #[arg(long = "server", value_name = "URL")]
    pub(crate) url: Option<String>,
    /// API key
    #[arg(long, value_name = "KEY", env = "ROBOFLOW_API_KEY", hide_env_values = true)]
    pub(crate) api_key: Option<String>,
    /// How the API key travels: in the body, as `Authorization: Bearer`, or both
    #[arg(long, value_name = "HOW", requires = "url", value_parser = key_transport())]
    pub(crate) api_key_transport: Option<KeyTransport>,
    /// A TURN server, such as turn:turn.example.org:3478, turn:…?transport=tcp or turns:…, the preferred one first; may
    /// be repeated
    #[arg(long, value_name = "URL", requires = "turn_user", requires = "turn_credential")]
    pub(crate) turn: Vec<String>,
    /// User name for the TURN servers
    #[arg(long, value_name = "NAME", requires = "turn")]
    pub(crate) turn_user: Option<String>,
    /// Password for the TURN servers
    #[arg(
        long,
        value_name = "PASSWORD",
        env = "STREAMSDK_TURN_CREDENTIAL",
        hide_env_values = true
    )]
    pub(crate) turn_credential: Option<String>,
}

impl ServerArguments {
    /// The TURN servers, in order, with the name and the password.
    pub(crate) fn turn_servers(&self) -> impl Iterator<Item = IceServer> {
        let credentials = self.turn_user.as_ref().zip(self.turn_credential.as_ref());
        self.turn.iter().map(move |url| match credentials {
            Some((user, password)) => IceServer::new(url).credentials(user, password),
            None => IceServer::new(url),
        })
    }
}

/// How a key travels, with what each way is for.
fn key_transport() -> impl TypedValueParser<Value = KeyTransport> {
    let ways = [
        PossibleValue::new("legacy").help("In the body, which every server understands"),
        PossibleValue::new("both").help("In the body and as a header"),
        PossibleValue::new("header").help("As a header only"),
    ];
    PossibleValuesParser::new(ways).map(|way| match way.as_str() {
        "both" => KeyTransport::Both,
        "header" => KeyTransport::Header,
        _ => KeyTransport::Legacy,
    })
}
