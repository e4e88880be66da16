use clap::Args;

use super::server::ServerArguments;

#[derive(Debug, Args)]
pub(crate) struct DoctorArguments {
    #[command(flatten)]
    pub(crate) server: ServerArguments,
    /// A STUN server, such as stun:stun.example.org:3478; may be repeated
    #[arg(long, value_name = "URL", help_heading = "Server")]
    pub(crate) stun: Vec<String>,
    /// Leave the cameras alone, instead of opening each for a moment
    #[cfg(all(feature = "webcam", target_os = "linux"))]
    #[arg(long)]
    pub(crate) no_cameras: bool,
    /// As JSON: one object with all findings
    #[arg(long)]
    pub(crate) json: bool,
}
