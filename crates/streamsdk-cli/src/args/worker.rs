use std::path::PathBuf;
use std::time::Duration;

use clap::{Args, value_parser};
use streamsdk::Interfaces;
use streamsdk_fleet::values;
use streamsdk_worker::Gzip;

use super::values::parse_bytes;

#[derive(Debug, Args)]
pub(crate) struct WorkerArguments {
    /// Address to listen on
    #[arg(long, value_name = "ADDRESS", default_value = "127.0.0.1:9001")]
    pub(crate) listen: String,
    /// Most sessions at a time; more are refused with status 429
    #[arg(long, value_name = "COUNT", default_value = "16", value_parser = parse_sessions)]
    pub(crate) max_sessions: usize,
    /// Results of a lossless session that are sent ahead of the last that its client has acknowledged
    #[arg(long, value_name = "COUNT", default_value = "1", value_parser = value_parser!(u32).range(1..))]
    pub(crate) ack_window: u32,
    /// How long sessions may go on to their end when the worker is told to end; it takes no new ones meanwhile
    #[arg(long, value_name = "SECONDS", default_value = "0", value_parser = values::duration)]
    pub(crate) drain_limit: Duration,
    /// Largest file that a client may upload, in bytes; 500k, 64M and 2G are understood
    #[arg(long, value_name = "BYTES", value_parser = parse_bytes)]
    pub(crate) max_upload: Option<u64>,
    /// Which of this machine's addresses are offered for media: external (all but loopback), loopback,
    /// this-machine (all, for clients on this machine only) or all; without it, this-machine when listening on
    /// a loopback address, and all otherwise
    #[arg(long, value_name = "WHICH")]
    pub(crate) interfaces: Option<Interfaces>,
    /// Which clients get compressed results: auto (those that are known to read them), always or never
    #[arg(long, value_name = "WHO", default_value_t)]
    pub(crate) gzip: Gzip,
    /// Origin of web pages that may use the worker, such as https://example.org, or `*` for all; may be
    /// repeated; without it, pages of this machine when listening on a loopback address, those of the same server
    /// where there is a token, and none otherwise
    #[arg(long, value_name = "ORIGIN", value_parser = parse_origin)]
    pub(crate) allow_origin: Vec<String>,
    /// File with a token that clients have to show, as `Authorization: Bearer TOKEN`
    #[arg(long, value_name = "FILE")]
    pub(crate) token_file: Option<PathBuf>,
    /// Serve no page at `/`; there is one when listening on a loopback address, or when there is a token
    #[cfg(feature = "view")]
    #[arg(long)]
    pub(crate) no_page: bool,
    /// Whether clients may have cameras pulled that are on this machine or its private networks; without it, when
    /// listening on a loopback address
    #[arg(long, value_name = "BOOL", num_args = 0..=1, default_missing_value = "true")]
    pub(crate) allow_private_sources: Option<bool>,
}

fn parse_sessions(text: &str) -> Result<usize, String> {
    match text.parse::<u16>() {
        Ok(count) if count > 0 => Ok(count.into()),
        _ => Err(format!("expected 1 to {}", u16::MAX)),
    }
}

/// An origin has a scheme and a host, and maybe a port, and nothing else: a browser sends no more.
fn parse_origin(text: &str) -> Result<String, String> {
    let is_host = |host: &str| {
        !host.is_empty() && host.bytes().all(|byte| byte.is_ascii_graphic() && byte != b'/')
    };
    match text.split_once("://") {
        _ if text == "*" => Ok(text.to_owned()),
        Some((scheme, host)) if !scheme.is_empty() && is_host(host) => Ok(text.to_owned()),
        _ => Err("expected SCHEME://HOST or SCHEME://HOST:PORT, without a path, or *".to_owned()),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn an_origin_is_what_a_browser_would_send() {
        for right in ["*", "https://example.org", "http://localhost:5173", "http://[::1]:80"] {
            assert!(parse_origin(right).is_ok(), "{right}");
        }
        for wrong in ["", "example.org", "https://", "https://example.org/", "https://a b"] {
            assert!(parse_origin(wrong).is_err(), "{wrong}");
        }
    }

    #[test]
    fn a_worker_for_nobody_is_refused() {
        assert_eq!(parse_sessions("1"), Ok(1));
        assert!(parse_sessions("0").is_err() && parse_sessions("99999999").is_err());
    }
}
