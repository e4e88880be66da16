//! What became of a server.

use std::fmt;
use std::time::Duration;

/// The STUN and TURN servers of a connection, and what became of each. In the order in which they were given.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct TriedServers(pub(crate) Vec<TriedServer>);

impl TriedServers {
    /// Each of them.
    pub fn iter(&self) -> std::slice::Iter<'_, TriedServer> {
        self.0.iter()
    }

    /// Whether there were none.
    pub fn is_empty(&self) -> bool {
        self.0.is_empty()
    }
}

impl<'a> IntoIterator for &'a TriedServers {
    type Item = &'a TriedServer;
    type IntoIter = std::slice::Iter<'a, TriedServer>;

    fn into_iter(self) -> Self::IntoIter {
        self.iter()
    }
}

impl fmt::Display for TriedServers {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        for (index, server) in self.iter().enumerate() {
            write!(f, "{}{server}", if index == 0 { "" } else { "; " })?;
        }
        Ok(())
    }
}

/// A STUN or TURN server, and what became of it. `Display` has no credentials.
#[derive(Debug, Clone, PartialEq, Eq)]
#[non_exhaustive]
pub struct TriedServer {
    /// Which it is and how it is reached, such as `turn:turn.example.org:3478 (UDP)`.
    pub server: String,
    /// What became of it.
    pub outcome: ServerOutcome,
}

impl fmt::Display for TriedServer {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}: {}", self.server, self.outcome)
    }
}

/// What became of a server.
#[derive(Debug, Clone, PartialEq, Eq)]
#[non_exhaustive]
pub enum ServerOutcome {
    /// It did what it was asked for.
    Used,
    /// It was not any use, for this reason.
    Skipped(ServerFailure),
}

impl fmt::Display for ServerOutcome {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Used => f.write_str("used"),
            Self::Skipped(failure) => failure.fmt(f),
        }
    }
}

/// Why a STUN or TURN server was of no use.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[non_exhaustive]
pub enum ServerFailure {
    /// The URL is none of a STUN or TURN server.
    #[error("its URL cannot be read")]
    BadUrl,
    /// It is to be reached over something that there is nothing for.
    #[error("it can be reached over UDP, TCP and TLS only")]
    UnsupportedTransport,
    /// A TURN server without user name or password.
    #[error("no user name or no password is given for it")]
    NoCredentials,
    /// Its name was not found.
    #[error("its name was not found: {0}")]
    Lookup(String),
    /// No TCP connection with it came about.
    #[error("no connection: {0}")]
    Connect(String),
    /// Its certificate is not one that is trusted.
    #[error("certificate not trusted: {0}")]
    Certificate(String),
    /// TLS with it did not come about, for another reason.
    #[error("no TLS connection: {0}")]
    Tls(String),
    /// It was not got on with in time.
    #[error("{what} in {:.1} s", waited.as_secs_f64())]
    NoAnswer {
        /// What was missed, such as "no answer".
        what: &'static str,
        /// How long it was waited for.
        waited: Duration,
    },
    /// It does not know the user name, or the password is another.
    #[error("401 wrong user name or password")]
    WrongCredentials,
    /// It refused for another reason.
    #[error("{code} {}", refusal(*code))]
    Refused {
        /// As in RFC 8656.
        code: u16,
    },
    /// What it sends is not what a TURN server sends.
    #[error("it is no TURN server: {0}")]
    NoTurn(String),
    /// The connection with it broke off.
    #[error("its connection broke off: {0}")]
    BrokenOff(String),
}

/// What a code says. Not in the server's words: nobody knows what is in them.
fn refusal(code: u16) -> &'static str {
    match code {
        300 => "it says to try another one",
        400 => "it does not understand the request",
        403 => "it does not allow this",
        420 | 442 | 443 => "it does not support what is asked of it",
        437 => "it has an allocation for this address already",
        438 => "it takes its own nonce for stale",
        441 => "it belongs to another user",
        486 => "the quota of this user is used up",
        508 => "it has no room left",
        _ => "it refused",
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::turn::board::{Progress, Step};

    #[test]
    fn each_server_is_named_with_what_became_of_it() {
        let server = |server: &str, progress: Progress| TriedServer {
            server: server.to_owned(),
            outcome: progress.outcome(Duration::from_secs(2)),
        };
        let failed = |failure| Progress::Failed(failure);
        let tried = TriedServers(vec![
            server("turn:a:3478 (UDP)", Progress::Pending(Step::Answer)),
            server("turns:b:5349 (TLS)", failed(ServerFailure::Certificate("unknown".into()))),
            server("turn:c:3478 (TCP)", failed(ServerFailure::WrongCredentials)),
            server("turn:d:3478 (TCP)", failed(ServerFailure::Refused { code: 486 })),
        ]);
        assert_eq!(
            tried.to_string(),
            "turn:a:3478 (UDP): no answer in 2.0 s; \
             turns:b:5349 (TLS): certificate not trusted: unknown; \
             turn:c:3478 (TCP): 401 wrong user name or password; \
             turn:d:3478 (TCP): 486 the quota of this user is used up"
        );
    }
}
