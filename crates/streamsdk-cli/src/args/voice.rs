//! How much the program says, and how.

use std::ffi::OsString;

use clap::{ArgAction, Args, ColorChoice, ValueEnum};

/// Name of the option that has to be known before the others can be read: their errors have colours.
const COLOR: &str = "--color";

#[derive(Debug, Args)]
pub(crate) struct VoiceArguments {
    /// Say nothing but errors: no progress, no summary
    #[arg(short, long, global = true, conflicts_with = "verbose", help_heading = "Messages")]
    pub(crate) quiet: bool,
    /// Say more of what happens (-v), and still more (-vv, -vvv)
    #[arg(short, long, global = true, action = ArgAction::Count, help_heading = "Messages")]
    pub(crate) verbose: u8,
    /// When messages have colours
    #[arg(
        long,
        global = true,
        value_name = "WHEN",
        default_value = "auto",
        help_heading = "Messages"
    )]
    pub(crate) color: ColorChoice,
    /// Which log lines are shown on standard error, as `LEVEL` or `CRATE=LEVEL,…`, such as
    /// `info,rtc_ice=debug`; instead of this, the environment variable STREAMSDK_LOG can be set
    #[arg(long, global = true, value_name = "FILTER", help_heading = "Messages")]
    pub(crate) log: Option<String>,
}

/// What `--color` says, in arguments that were not read yet.
pub(super) fn colors_of(given: &[OsString]) -> ColorChoice {
    let mut texts = given.iter().filter_map(|argument| argument.to_str());
    let value = texts.find_map(|text| match text.strip_prefix(COLOR)? {
        "" => Some(None),
        rest => rest.strip_prefix('=').map(Some),
    });
    let value = value.and_then(|value| value.or_else(|| texts.next()));
    value.and_then(|value| ColorChoice::from_str(value, false).ok()).unwrap_or_default()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn colours_are_known_before_anything_else_is() {
        let colors =
            |given: &[&str]| colors_of(&given.iter().map(OsString::from).collect::<Vec<_>>());
        assert_eq!(colors(&["streamsdk", "--color=never", "--nonsense"]), ColorChoice::Never);
        assert_eq!(colors(&["streamsdk", "run", "--color", "always"]), ColorChoice::Always);
        for odd in [&["streamsdk"][..], &["--color"], &["--color", "blue"], &["--colorful=never"]] {
            assert_eq!(colors(odd), ColorChoice::Auto, "{odd:?}");
        }
    }
}
