//! The exchange over HTTP beside the connection, as far as time and loss go.

use std::sync::Arc;
use std::time::Duration;

use async_trait::async_trait;
use streamsdk_protocol::init::{InitRequest, InitResponse};
use streamsdk_signaling::{Signaling, SignalingError};
use tokio::time::{sleep, timeout};

use super::network::Node;
use super::server::Server;

/// How long a client waits for the answer.
pub(super) const EXCHANGE_LIMIT: Duration = Duration::from_secs(30);
/// TCP waits so long at first before it sends again what was lost, and twice as long each time.
const FIRST_WAIT: Duration = Duration::from_secs(1);

/// How a client's node reaches the server.
pub(super) struct Http {
    client: Node,
    server: Arc<Server>,
}

impl Http {
    pub(super) fn new(client: &Node, server: &Arc<Server>) -> Self {
        Self { client: client.clone(), server: Arc::clone(server) }
    }

    fn url(&self) -> String {
        self.server.node().url()
    }

    /// A message there and its answer, sent again until both pass.
    async fn round_trip(&self) {
        let mut wait = FIRST_WAIT;
        loop {
            match self.client.round_trip(self.server.node()) {
                Some(round_trip) => return sleep(round_trip).await,
                None => sleep(wait).await,
            }
            wait *= 2;
        }
    }

    async fn ask(&self, request: InitRequest) -> Result<InitResponse, SignalingError> {
        let broken = |what: &str| SignalingError::Transport { url: self.url(), cause: what.into() };
        // One for the handshake of TCP, one for the request and its answer.
        self.round_trip().await;
        if !self.server.listens() {
            let cause = "connection refused".into();
            return Err(SignalingError::Connect { url: self.url(), cause });
        }
        let answer = self.server.answer(&request).await;
        self.round_trip().await;
        answer.ok_or_else(|| broken("the server is gone"))
    }
}

#[async_trait]
impl Signaling for Http {
    async fn exchange(&self, request: InitRequest) -> Result<InitResponse, SignalingError> {
        let asked = timeout(EXCHANGE_LIMIT, self.ask(request)).await;
        asked.unwrap_or_else(|_| {
            Err(SignalingError::Timeout { url: self.url(), waited: EXCHANGE_LIMIT })
        })
    }
}
