//! Where NATS servers are, and who connects to them.

use std::fmt;
use std::path::{Path, PathBuf};

use async_nats::{Client, ConnectOptions, ServerAddr};
use rustls::ClientConfig;
use streamsdk_protocol::address::is_this_machine;
use thiserror::Error;

use crate::tls::Tls;

/// The NATS servers of one cluster, and who connects to them. Shown, it is their addresses.
#[derive(Clone)]
pub struct NatsServers {
    servers: Vec<ServerAddr>,
    tls: ClientConfig,
    login: Login,
}

/// A text that does not say where NATS servers are.
#[derive(Debug, Clone, PartialEq, Eq, Error)]
#[error("{0}")]
pub struct InvalidNatsServers(String);

#[derive(Clone)]
enum Login {
    None,
    User { name: String, password: String },
    Token(String),
    File(PathBuf),
}

impl NatsServers {
    /// The servers of one cluster, with commas between them: `nats://host:4222`, or `tls://host:4222` where TLS must be.
    /// A server that wants TLS gets it in any case, and is trusted if the system trusts it. Connects to nobody yet.
    ///
    /// # Errors
    ///
    /// If one is no such address or has a user in it, or there is no TLS to be had.
    pub fn new(servers: &str) -> Result<Self, InvalidNatsServers> {
        Self::with_tls(servers, &Tls::new())
    }

    /// The same, with what says whom TLS trusts, and who this program is to the servers.
    ///
    /// # Errors
    ///
    /// If one is no such address or has a user in it, or there is no TLS to be had.
    pub fn with_tls(servers: &str, tls: &Tls) -> Result<Self, InvalidNatsServers> {
        let servers: Vec<_> = servers.split(',').map(parse_server).collect::<Result<_, _>>()?;
        Ok(Self { tls: config(&servers, tls)?, servers, login: Login::None })
    }

    /// Who connects. Default is nobody in particular.
    #[must_use]
    pub fn user(mut self, name: impl Into<String>, password: impl Into<String>) -> Self {
        self.login = Login::User { name: name.into(), password: password.into() };
        self
    }

    /// Connects with a token.
    #[must_use]
    pub fn token(mut self, token: impl Into<String>) -> Self {
        self.login = Login::Token(token.into());
        self
    }

    /// Connects with the credentials in a file, as `nsc` writes them. It is read for each connection.
    #[must_use]
    pub fn credentials_file(mut self, path: impl AsRef<Path>) -> Self {
        self.login = Login::File(path.as_ref().into());
        self
    }

    pub(crate) fn count(&self) -> usize {
        self.servers.len()
    }

    /// For crates that need the client itself. What they make of it may change with any version of it.
    #[doc(hidden)]
    pub async fn connect(
        &self,
        options: impl FnOnce(ConnectOptions) -> ConnectOptions,
    ) -> Result<Client, String> {
        let base = ConnectOptions::new().name("streamsdk").tls_client_config(self.tls.clone());
        let options = options(base);
        let options = match &self.login {
            Login::None => options,
            Login::User { name, password } => {
                options.user_and_password(name.clone(), password.clone())
            }
            Login::Token(token) => options.token(token.clone()),
            Login::File(path) => options
                .credentials_file(path)
                .await
                .map_err(|error| format!("the credentials in {}: {error}", path.display()))?,
        };
        let client = options.connect(self.servers.as_slice()).await;
        client.map_err(|error| error.to_string())
    }
}

/// What it says in an error is not the address: a password may be in it.
fn parse_server(text: &str) -> Result<ServerAddr, InvalidNatsServers> {
    let server: ServerAddr = match text.trim().parse() {
        Ok(server) => server,
        Err(error) => return Err(InvalidNatsServers(error.to_string())),
    };
    if server.host().is_empty() || server.is_websocket() {
        return Err(InvalidNatsServers("expected an address like nats://host:4222".into()));
    }
    if server.username().is_some() || server.password().is_some() {
        let what = "the user belongs into `user` or `token`, not into the address";
        return Err(InvalidNatsServers(what.into()));
    }
    Ok(server)
}

fn config(servers: &[ServerAddr], tls: &Tls) -> Result<ClientConfig, InvalidNatsServers> {
    let may_be_asked =
        |server: &ServerAddr| server.tls_required() || !is_this_machine(server.host());
    let config = tls.config(servers.iter().any(may_be_asked));
    config.map_err(|error| InvalidNatsServers(error.to_string()))
}

impl fmt::Display for NatsServers {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let address = |server: &ServerAddr| format!("{}:{}", server.host(), server.port());
        f.write_str(&self.servers.iter().map(address).collect::<Vec<_>>().join(", "))
    }
}

impl fmt::Debug for NatsServers {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "NatsServers({self})")
    }
}
