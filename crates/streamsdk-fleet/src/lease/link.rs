//! The connection to the servers, and whether there is one at the moment.

use std::sync::Arc;
use std::time::Duration;

use async_nats::{Client, Event};
use streamsdk_sinks::nats::NatsServers;
use tokio::sync::watch;

use super::error::LeaseError;

/// Whether there is a connection. Cloning is cheap.
#[derive(Debug, Clone)]
pub(super) struct Link {
    is_up: watch::Receiver<bool>,
}

impl Link {
    /// Connects, and from then on as often as the connection breaks.
    pub(super) async fn open(
        servers: &NatsServers,
        ttl: Duration,
    ) -> Result<(Client, Self), LeaseError> {
        let (sender, is_up) = watch::channel(true);
        let sender = Arc::new(sender);
        let connecting = servers.connect(|options| {
            options
                .event_callback(move |event| {
                    let sender = sender.clone();
                    async move {
                        match event {
                            Event::Connected => _ = sender.send_replace(true),
                            Event::Disconnected | Event::Closed => _ = sender.send_replace(false),
                            _ => {}
                        }
                    }
                })
                .max_reconnects(None)
                // The client's own pauses grow to 4 s, and a lease does not wait that long.
                .reconnect_delay_callback(move |attempts| reconnect_delay(attempts, ttl))
                // The third that is not answered ends a connection that nobody has at the other end.
                .ping_interval(ttl / 4)
        });
        match connecting.await {
            Ok(client) => Ok((client, Self { is_up })),
            Err(what) => Err(LeaseError::Connect { servers: servers.to_string(), what }),
        }
    }

    pub(super) fn is_up(&self) -> bool {
        *self.is_up.borrow()
    }

    /// Waits until there is a connection.
    pub(super) async fn up(&self) {
        self.becomes(true).await;
    }

    /// Waits until there is none.
    pub(super) async fn down(&self) {
        self.becomes(false).await;
    }

    async fn becomes(&self, wanted: bool) {
        let mut is_up = self.is_up.clone();
        // The sender lives in the client; when that is gone, nothing becomes of the connection any more.
        if is_up.wait_for(|is_up| *is_up == wanted).await.is_err() {
            std::future::pending::<()>().await;
        }
    }
}

fn reconnect_delay(attempts: usize, ttl: Duration) -> Duration {
    let most = (ttl / 20).min(Duration::from_millis(500));
    let attempts = u32::try_from(attempts).unwrap_or(u32::MAX);
    Duration::from_millis(10).saturating_mul(attempts).min(most)
}
