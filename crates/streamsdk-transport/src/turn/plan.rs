//! What is to be done with a server that was given.

use streamsdk_protocol::init::IceServer;

use super::outcome::ServerFailure;
use super::url::{BadUrl, ServerUrl, Service};

/// A server that is left out.
#[derive(Debug, PartialEq, Eq)]
pub(super) struct LeftOut {
    pub(super) shown: String,
    pub(super) failure: ServerFailure,
}

/// Where one of the server's URLs leads, if it is of use.
pub(super) fn plan(server: &IceServer, url: &str) -> Result<ServerUrl, LeftOut> {
    let parsed = ServerUrl::parse(url).map_err(|bad| {
        let failure = match bad {
            BadUrl::Unreadable => ServerFailure::BadUrl,
            BadUrl::Transport => ServerFailure::UnsupportedTransport,
        };
        LeftOut { shown: shown_safely(url), failure }
    })?;
    let is_given = |text: Option<&str>| text.is_some_and(|text| !text.is_empty());
    let has_credentials = is_given(server.username()) && is_given(server.credential());
    match parsed.service {
        Service::Turn(_) if !has_credentials => {
            Err(LeftOut { shown: parsed.to_string(), failure: ServerFailure::NoCredentials })
        }
        _ => Ok(parsed),
    }
}

/// Of a URL that cannot be read, what has nothing secret in it.
fn shown_safely(url: &str) -> String {
    let scheme = url.split(':').next().unwrap_or_default();
    match scheme.to_ascii_lowercase().as_str() {
        known @ ("stun" | "stuns" | "turn" | "turns") => {
            let rest = url.split_once(':').map_or("", |(_, rest)| rest);
            let is_plain = |c: char| c.is_ascii_alphanumeric() || "-._:?=[]".contains(c);
            let is_shown = rest.chars().all(is_plain) && rest.matches(':').count() <= 1;
            format!("{known}:{}", if is_shown { rest } else { "…" })
        }
        _ => "a server".to_owned(),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_turn_server_needs_both_user_name_and_password_and_a_stun_server_none() {
        let turn = || IceServer::new("turn:a");
        assert!(plan(&turn().credentials("u", "c"), "turn:a").is_ok());
        assert!(plan(&IceServer::new("stun:a"), "stun:a").is_ok());
        for server in [turn(), turn().credentials("", "c"), turn().credentials("u", "")] {
            let left_out = plan(&server, "turn:a").unwrap_err();
            assert_eq!(left_out.failure, ServerFailure::NoCredentials);
            assert_eq!(left_out.shown, "turn:a:3478 (UDP)");
        }
    }

    #[test]
    fn a_url_that_cannot_be_read_is_shown_without_what_may_be_secret() {
        for (url, shown) in [
            ("turn:host?transport=sctp", "turn:host?transport=sctp"),
            ("turn:us3r:s3cret@host", "turn:…"),
            ("turn://us3r@host", "turn:…"),
            ("TURN:us3r@host", "turn:…"),
            ("https://us3r:s3cret@host", "a server"),
            ("s3cret", "a server"),
            ("", "a server"),
        ] {
            let left_out = plan(&IceServer::new(url), url).unwrap_err();
            assert_eq!(left_out.shown, shown, "{url}");
        }
    }
}
