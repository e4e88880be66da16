use std::time::Duration;

use tokio::time::{Instant, timeout};

/// When everything has to be over.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Deadline(Instant);

impl Deadline {
    pub(crate) fn after(limit: Duration) -> Self {
        Self(Instant::now() + limit)
    }

    /// `most`, or what is left.
    pub(crate) fn limit(self, most: Duration) -> Duration {
        most.min(self.0.saturating_duration_since(Instant::now()))
    }

    /// `None` if `work` took longer than `most`, or than there is time.
    pub(crate) async fn within<F: Future>(self, most: Duration, work: F) -> Option<F::Output> {
        timeout(self.limit(most), work).await.ok()
    }
}
