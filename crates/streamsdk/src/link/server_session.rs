use std::sync::Arc;

use streamsdk_protocol::Redactor;
use streamsdk_protocol::init::InitResponse;
use streamsdk_signaling::Signaling;
use tokio::runtime::Handle;

/// A session as the server has it, which is told that it is over when this is dropped: in the background, since
/// nobody waits for a server's word about that.
pub(super) struct ServerSession {
    signaling: Arc<dyn Signaling>,
    answer: Option<InitResponse>,
    /// Where the server is told; this may be dropped outside of it.
    runtime: Handle,
    /// What the server's texts must not repeat.
    redactor: Redactor,
}

impl ServerSession {
    /// `redactor` knows what was in the request.
    pub(super) fn new(
        signaling: Arc<dyn Signaling>,
        answer: InitResponse,
        redactor: Redactor,
    ) -> Self {
        Self { signaling, answer: Some(answer), runtime: Handle::current(), redactor }
    }

    pub(super) fn redactor(&self) -> &Redactor {
        &self.redactor
    }

    /// The server's description of the connection.
    pub(super) fn answer(&self) -> &str {
        self.answer.as_ref().map_or("", |answer| &answer.sdp)
    }

    /// Tells the server, and waits until that is done. Who stops waiting leaves it to the background.
    pub(super) async fn end(mut self) {
        if let Some(answer) = &self.answer {
            self.signaling.end(answer).await;
        }
        self.answer = None;
    }
}

impl Drop for ServerSession {
    fn drop(&mut self) {
        let Some(answer) = self.answer.take() else { return };
        let signaling = Arc::clone(&self.signaling);
        self.runtime.spawn(async move { signaling.end(&answer).await });
    }
}
