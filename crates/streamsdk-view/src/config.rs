use std::fmt;
use std::time::Duration;

use ring::rand::{SecureRandom, SystemRandom};
use streamsdk_transport::Interfaces;

/// How a page behaves.
#[derive(Debug, Clone)]
#[must_use]
pub struct PageConfig {
    pub(crate) token: Token,
    pub(crate) max_viewers: usize,
    pub(crate) max_connections: usize,
    pub(crate) request_timeout: Duration,
    pub(crate) interfaces: Option<Interfaces>,
}

impl Default for PageConfig {
    fn default() -> Self {
        Self {
            token: Token::random(),
            max_viewers: 32,
            max_connections: 256,
            request_timeout: Duration::from_secs(10),
            interfaces: None,
        }
    }
}

impl PageConfig {
    /// What a browser has to show to see anything. Default is a random one, anew for each page.
    pub fn token(mut self, token: Token) -> Self {
        self.token = token;
        self
    }

    /// Most viewers at a time, over all streams. Default is 32; more are told so.
    pub fn max_viewers(mut self, max_viewers: usize) -> Self {
        self.max_viewers = max_viewers;
        self
    }

    /// Most HTTP connections at a time. Default is 256; the client that has said nothing for the longest time makes room
    /// for another. A router in a server of one's own has no such limit.
    pub fn max_connections(mut self, max_connections: usize) -> Self {
        self.max_connections = max_connections;
        self
    }

    /// How long a request may take to be whole. Default is 10 s.
    pub fn request_timeout(mut self, request_timeout: Duration) -> Self {
        self.request_timeout = request_timeout;
        self
    }

    /// The addresses that viewers reach pictures at. Default is those of this machine for this machine alone, where the
    /// page listens on a loopback address, and else all.
    pub fn interfaces(mut self, interfaces: Interfaces) -> Self {
        self.interfaces = Some(interfaces);
        self
    }
}

/// What a browser shows to be let in. Its `Debug` does not show it.
#[derive(Clone, PartialEq, Eq)]
pub struct Token(String);

impl Token {
    /// A token that is known already, such as one from a file.
    pub fn new(token: impl Into<String>) -> Self {
        Self(token.into())
    }

    /// One that nobody can guess: 128 random bits.
    pub fn random() -> Self {
        let mut bytes = [0; 16];
        match SystemRandom::new().fill(&mut bytes) {
            Ok(()) => Self(bytes.iter().map(|byte| format!("{byte:02x}")).collect()),
            // Nobody gets in, which is better than anybody.
            Err(_) => Self(String::new()),
        }
    }

    /// The token itself. Keep it out of logs.
    pub fn expose(&self) -> &str {
        &self.0
    }
}

impl fmt::Debug for Token {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("Token(***)")
    }
}
