use std::net::SocketAddr;
use std::ops::Deref;

use streamsdk_http::HttpServer;
use streamsdk_transport::Interfaces;
use thiserror::Error;
use tokio::net::TcpListener;
use tracing::info;

use crate::config::{PageConfig, Token};
use crate::page::LivePage;

/// A page that listens. Dereferences to the [`LivePage`]. Stops when it, and what was cloned of the page, is dropped;
/// [`PageServer::shutdown`] also waits.
#[derive(Debug)]
pub struct PageServer {
    page: LivePage,
    address: SocketAddr,
    token: Token,
}

/// A page that could not be served.
#[derive(Debug, Error)]
#[error("the page cannot listen on {address}: {error}")]
pub struct ListenError {
    address: String,
    #[source]
    error: std::io::Error,
}

impl PageServer {
    /// Listens on `address`, such as `127.0.0.1:8080`; port 0 takes a free one. What is shown is on an address for
    /// everybody who reaches it and has the token, so a loopback address is the one to be used unless others are to look.
    /// There is no TLS; where others are to look, put a proxy before it that has.
    ///
    /// # Errors
    ///
    /// If the address cannot be listened on.
    pub async fn start(address: &str, mut config: PageConfig) -> Result<Self, ListenError> {
        let failed = |error| ListenError { address: address.to_owned(), error };
        let listener = TcpListener::bind(address).await.map_err(failed)?;
        let listens_on = listener.local_addr().map_err(failed)?;
        config.interfaces.get_or_insert(match listens_on.ip().is_loopback() {
            true => Interfaces::ThisMachine,
            false => Interfaces::All,
        });
        let (token, max_connections) = (config.token.clone(), config.max_connections);
        let header_timeout = config.request_timeout;
        let page = LivePage::new(config);
        let shared = page.shared();
        let server = HttpServer {
            router: page.router(),
            max_connections,
            header_timeout,
            stop: shared.stop.clone(),
            tasks: shared.tasks.clone(),
        };
        shared.tasks.spawn(server.serve(listener));
        info!(address = %listens_on, "page is served");
        Ok(Self { page, address: listens_on, token })
    }

    /// The address that it listens on.
    pub fn address(&self) -> SocketAddr {
        self.address
    }

    /// The URL for a browser, with the token in it: whoever has it may look. The part with the token is not sent to
    /// servers, nor into their logs.
    pub fn url(&self) -> String {
        format!("http://{}/#token={}", self.address, self.token.expose())
    }

    /// Ends all viewers and stops listening. Returns when nothing is left.
    pub async fn shutdown(self) {
        let shared = self.page.shared();
        shared.stop.cancel();
        shared.tasks.close();
        shared.tasks.wait().await;
    }
}

impl Deref for PageServer {
    type Target = LivePage;

    fn deref(&self) -> &LivePage {
        &self.page
    }
}
