use std::time::Duration;

use tokio::time::{Instant, timeout};

/// When everything has to be over, if ever.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Deadline(Option<Instant>);

impl Deadline {
    pub(crate) fn after(limit: Duration) -> Self {
        Self(Instant::now().checked_add(limit))
    }

    /// `most`, or what is left.
    pub(crate) fn limit(self, most: Duration) -> Duration {
        self.0.map_or(most, |end| most.min(end.saturating_duration_since(Instant::now())))
    }

    /// `None` if `work` took longer than `most`, or than there is time.
    pub(crate) async fn within<F: Future>(self, most: Duration, work: F) -> Option<F::Output> {
        timeout(self.limit(most), work).await.ok()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[tokio::test(start_paused = true)]
    async fn work_has_what_is_left_of_the_time_and_all_of_it_where_there_is_no_end() {
        const MOST: Duration = Duration::from_secs(3);
        let (deadline, endless) = (Deadline::after(MOST), Deadline::after(Duration::MAX));
        tokio::time::advance(Duration::from_secs(1)).await;
        assert_eq!(deadline.limit(MOST), Duration::from_secs(2));
        assert_eq!(endless.limit(MOST), MOST);
    }
}
