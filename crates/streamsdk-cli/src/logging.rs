//! Log lines: this project's own, and through the crate `log` the WebRTC engine's.

use tracing_subscriber::EnvFilter;
use tracing_subscriber::util::SubscriberInitExt;

use crate::args::VoiceArguments;
use crate::failure::Failure;
use crate::terminal;

/// Instead of `--log`.
const VARIABLE: &str = "STREAMSDK_LOG";

/// Shows log lines on standard error from now on.
pub(crate) fn start(voice: &VoiceArguments) -> Result<(), Failure> {
    let filter = filter(voice, std::env::var(VARIABLE).ok())?;
    tracing_subscriber::fmt()
        .with_env_filter(filter)
        .with_writer(std::io::stderr)
        .with_ansi(terminal::colors_stderr(voice.color))
        // They would be told to standard error, which is what failed.
        .log_internal_errors(false)
        .finish()
        .try_init()
        .map_err(|error| Failure::Internal(error.to_string()))
}

/// The option is stronger than the levels, and these than the variable.
fn filter(voice: &VoiceArguments, variable: Option<String>) -> Result<EnvFilter, Failure> {
    let (name, text) = match (&voice.log, voice.quiet, voice.verbose, variable) {
        (Some(text), ..) => ("--log", text.clone()),
        (None, true, ..) => ("--quiet", "error,async_nats=off".to_owned()),
        (None, _, level @ 1.., _) => ("--verbose", at_level(level)),
        (None, _, _, Some(text)) if !text.is_empty() => (VARIABLE, text),
        _ => ("the default", format!("warn,{ORDINARY}")),
    };
    let parsed = EnvFilter::builder().parse(&text);
    parsed.map_err(|error| Failure::Usage(format!("{name} cannot be understood: {error}")))
}

/// Names of crates are prefixes here: `streamsdk` stands for all of this project's.
fn at_level(level: u8) -> String {
    match level {
        1 => format!("warn,streamsdk=info,{ORDINARY}"),
        2 => "info,streamsdk=debug".to_owned(),
        _ => "debug,streamsdk=trace".to_owned(),
    }
}

/// Parts of the engine that warn in every session, or of every TURN server that cannot be used, which is told otherwise,
/// and say nothing else that is of use. What becomes of connections to NATS is told by those who need them.
const ORDINARY: &str = "rtc_dtls=error,rtc_sctp=error,rtc_ice::agent=error,rtc::peer_connection::handler=error,\
     webrtc::peer_connection::transport::turn_relayer=off,rustls_platform_verifier=off,async_nats=off";

#[cfg(test)]
mod tests {
    use clap::ColorChoice;

    use super::*;

    fn shown(log: Option<&str>, quiet: bool, verbose: u8, variable: Option<&str>) -> String {
        let log = log.map(str::to_owned);
        let voice = VoiceArguments { quiet, verbose, color: ColorChoice::Auto, log };
        filter(&voice, variable.map(str::to_owned)).unwrap().to_string()
    }

    #[test]
    fn the_option_is_stronger_than_the_levels_and_these_than_the_variable() {
        assert_eq!(shown(Some("trace"), true, 0, Some("info")), "trace");
        assert!(shown(None, true, 0, Some("info")).contains("error"));
        assert!(shown(None, false, 1, Some("error")).contains("streamsdk=info"));
        assert_eq!(shown(None, false, 0, Some("info")), "info");
        assert!(shown(None, false, 0, None).contains("warn"));
        assert_eq!(shown(None, false, 0, Some("")), shown(None, false, 0, None));
    }

    #[test]
    fn a_filter_that_cannot_be_understood_is_wrong_usage() {
        let log = Some("streamsdk=loud".to_owned());
        let voice = VoiceArguments { quiet: false, verbose: 0, color: ColorChoice::Auto, log };
        assert!(
            matches!(filter(&voice, None), Err(Failure::Usage(text)) if text.contains("--log"))
        );
    }
}
