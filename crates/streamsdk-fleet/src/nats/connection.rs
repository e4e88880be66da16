//! The connection to the servers, and whether there is one at the moment.

use std::sync::Arc;
use std::time::Duration;

use async_nats::{Client, Event};
use streamsdk_sinks::nats::NatsServers;
use tokio::sync::watch;
use tokio::time::timeout;

use super::error::BucketError;

/// A connection, which is made again as often as it breaks. Cloning is cheap.
#[derive(Debug, Clone)]
pub(crate) struct Connection {
    pub(crate) client: Client,
    pub(crate) link: Link,
}

/// Whether there is a connection. Cloning is cheap.
#[derive(Debug, Clone)]
pub(crate) struct Link {
    state: watch::Receiver<State>,
}

#[derive(Debug, Clone, Copy)]
struct State {
    is_up: bool,
    breaks: u64,
}

/// A moment of a connection, to be told whether it has broken since.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Mark(u64);

impl Connection {
    /// Connects, and from then on as often as the connection breaks. What lasts for `ttl` is what it is needed for.
    pub(crate) async fn open(servers: &NatsServers, ttl: Duration) -> Result<Self, BucketError> {
        let (sender, state) = watch::channel(State { is_up: true, breaks: 0 });
        let sender = Arc::new(sender);
        let connecting = servers.connect(|options| {
            options
                .event_callback(move |event| {
                    let sender = sender.clone();
                    async move {
                        sender.send_modify(|state| match event {
                            Event::Connected => state.is_up = true,
                            Event::Disconnected | Event::Closed => {
                                *state = State { is_up: false, breaks: state.breaks + 1 };
                            }
                            _ => {}
                        });
                    }
                })
                .max_reconnects(None)
                // The client's own pauses grow to 4 s, and a lease does not wait that long.
                .reconnect_delay_callback(move |attempts| reconnect_delay(attempts, ttl))
                // The third that is not answered ends a connection that nobody has at the other end.
                .ping_interval(ttl / 4)
        });
        match connecting.await {
            Ok(client) => Ok(Self { client, link: Link { state } }),
            Err(what) => Err(BucketError::Connect { servers: servers.to_string(), what }),
        }
    }
}

impl Link {
    fn is_up(&self) -> bool {
        self.state.borrow().is_up
    }

    pub(crate) fn mark(&self) -> Mark {
        Mark(self.state.borrow().breaks)
    }

    /// Waits until there is a connection.
    pub(crate) async fn up(&self) {
        self.becomes(|state| state.is_up).await;
    }

    /// Waits until the connection has broken, be it that there is another by now.
    pub(crate) async fn broken_since(&self, mark: Mark) {
        self.becomes(|state| state.breaks > mark.0).await;
    }

    /// An answer that comes in time, over the connection that there is. Asked over none, it would be asked whenever there
    /// is one again.
    pub(crate) async fn answered<T>(
        &self,
        limit: Duration,
        request: impl Future<Output = T>,
    ) -> Result<T, String> {
        let mark = self.mark();
        if !self.is_up() {
            return Err("there is no connection at the moment".into());
        }
        tokio::select! {
            biased;
            answer = timeout(limit, request) => {
                answer.map_err(|_| format!("no answer within {limit:?}"))
            }
            () = self.broken_since(mark) => Err("the connection broke".into()),
        }
    }

    async fn becomes(&self, is_so: impl Fn(&State) -> bool) {
        let mut state = self.state.clone();
        // The sender lives in the client; when that is gone, nothing becomes of the connection any more.
        if state.wait_for(is_so).await.is_err() {
            std::future::pending::<()>().await;
        }
    }
}

fn reconnect_delay(attempts: usize, ttl: Duration) -> Duration {
    let most = (ttl / 20).min(Duration::from_millis(500));
    let attempts = u32::try_from(attempts).unwrap_or(u32::MAX);
    Duration::from_millis(10).saturating_mul(attempts).min(most)
}
