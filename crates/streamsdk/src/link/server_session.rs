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
        Self { signaling, answer: Some(answer), redactor }
    }

    pub(super) fn redactor(&self) -> &Redactor {
        &self.redactor
    }

    /// The server's description of the connection.
    pub(super) fn answer(&self) -> &str {
        self.answer.as_ref().map_or("", |answer| &answer.sdp)
    }

    /// Tells the server, and waits until that is done.
    pub(super) async fn end(mut self) {
        if let Some(answer) = self.answer.take() {
            self.signaling.end(&answer).await;
        }
    }
}

impl Drop for ServerSession {
    fn drop(&mut self) {
        let Some(answer) = self.answer.take() else { return };
        let signaling = Arc::clone(&self.signaling);
        if let Ok(runtime) = Handle::try_current() {
            runtime.spawn(async move { signaling.end(&answer).await });
        }
    }
}
