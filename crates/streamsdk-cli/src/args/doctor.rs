use clap::Args;

use super::run::KeyTransport;

#[derive(Debug, Args)]
pub(crate) struct DoctorArguments {
    /// URL of the server; without it, this machine and the given STUN and TURN servers are looked at
    #[arg(long, value_name = "URL", help_heading = "Server")]
    pub(crate) server: Option<String>,
    /// API key
    #[arg(
        long,
        value_name = "KEY",
        env = "ROBOFLOW_API_KEY",
        hide_env_values = true,
        help_heading = "Server"
    )]
    pub(crate) api_key: Option<String>,
    /// How the API key travels: in the body, as `Authorization: Bearer`, or both
    #[arg(long, value_name = "HOW", requires = "server", help_heading = "Server")]
    pub(crate) api_key_transport: Option<KeyTransport>,
    /// A STUN server, such as stun:stun.example.org:3478; may be repeated
    #[arg(long, value_name = "URL", help_heading = "Server")]
    pub(crate) stun: Vec<String>,
    /// A TURN server, such as turn:turn.example.org:3478?transport=tcp; may be repeated
    #[arg(
        long,
        value_name = "URL",
        requires = "turn_user",
        requires = "turn_credential",
        help_heading = "Server"
    )]
    pub(crate) turn: Vec<String>,
    /// User name for the TURN servers
    #[arg(long, value_name = "NAME", requires = "turn", help_heading = "Server")]
    pub(crate) turn_user: Option<String>,
    /// Password for the TURN servers
    #[arg(
        long,
        value_name = "PASSWORD",
        env = "STREAMSDK_TURN_CREDENTIAL",
        hide_env_values = true,
        help_heading = "Server"
    )]
    pub(crate) turn_credential: Option<String>,
    /// Leave the cameras alone, instead of opening each for a moment
    #[cfg(all(feature = "webcam", target_os = "linux"))]
    #[arg(long)]
    pub(crate) no_cameras: bool,
    /// As JSON: one object with all findings
    #[arg(long)]
    pub(crate) json: bool,
}
