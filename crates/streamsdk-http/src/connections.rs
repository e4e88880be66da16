use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError, Weak};

use tokio::time::Instant;
use tokio_util::sync::CancellationToken;

/// The connections that are open. When there are as many as may be, the client that has kept the server waiting for the
/// longest time makes room. Where more than half of them have never asked for anything, it is one of these: however
/// many come at once, they do not take the places of those who are between two requests.
#[derive(Debug)]
pub(crate) struct OpenConnections {
    limit: usize,
    open: Mutex<Vec<Weak<OpenConnection>>>,
}

/// A client's connection, for as long as it is held.
#[derive(Debug)]
pub(crate) struct OpenConnection {
    /// Since when the client has said nothing whole; `None` while it is owed an answer.
    waiting_since: Mutex<Option<Instant>>,
    has_asked: AtomicBool,
    close: CancellationToken,
}

impl OpenConnections {
    pub(crate) fn new(limit: usize) -> Self {
        Self { limit, open: Mutex::default() }
    }

    /// A place for another one; `None` if every client is owed an answer.
    pub(crate) fn admit(&self) -> Option<Arc<OpenConnection>> {
        let is_full = {
            let mut open = lock(&self.open);
            open.retain(|connection| connection.strong_count() > 0);
            open.len() >= self.limit
        };
        if is_full && !self.close_longest_waiting() {
            return None;
        }
        let connection = Arc::new(OpenConnection {
            waiting_since: Mutex::new(Some(Instant::now())),
            has_asked: AtomicBool::new(false),
            close: CancellationToken::new(),
        });
        lock(&self.open).push(Arc::downgrade(&connection));
        Some(connection)
    }

    /// Closes the connection whose client is waited for; of several, for the longest time. Whether there was one.
    pub(crate) fn close_longest_waiting(&self) -> bool {
        let mut open = lock(&self.open);
        let waiting: Vec<_> = open
            .iter()
            .enumerate()
            .filter_map(|(place, connection)| {
                let connection = connection.upgrade()?;
                let since = (*lock(&connection.waiting_since))?;
                Some((connection.has_asked.load(Ordering::Relaxed), since, place))
            })
            .collect();
        let silent = waiting.iter().filter(|(has_asked, ..)| !has_asked).count();
        let is_crowded = silent * 2 > open.len();
        let longest = waiting
            .into_iter()
            .map(|(has_asked, since, place)| (is_crowded && has_asked, since, place))
            .min();
        let Some((_, _, place)) = longest else { return false };
        let longest = open.swap_remove(place).upgrade();
        longest.iter().for_each(|connection| connection.close.cancel());
        true
    }
}

impl OpenConnection {
    /// The client has said what it wants, and is not to be closed as one that says nothing until the answer has been
    /// made.
    pub(crate) fn owe_answer(self: &Arc<Self>) -> OwedAnswer {
        *lock(&self.waiting_since) = None;
        self.has_asked.store(true, Ordering::Relaxed);
        OwedAnswer(Arc::clone(self))
    }

    pub(crate) fn is_waiting(&self) -> bool {
        lock(&self.waiting_since).is_some()
    }

    /// Resolves when it is to be closed.
    pub(crate) async fn closed(&self) {
        self.close.cancelled().await;
    }
}

/// See [`OpenConnection::owe_answer`].
#[derive(Debug)]
pub(crate) struct OwedAnswer(Arc<OpenConnection>);

impl Drop for OwedAnswer {
    fn drop(&mut self) {
        *lock(&self.0.waiting_since) = Some(Instant::now());
    }
}

fn lock<T>(mutex: &Mutex<T>) -> MutexGuard<'_, T> {
    mutex.lock().unwrap_or_else(PoisonError::into_inner)
}

#[cfg(test)]
mod tests {
    use std::time::Duration;

    use super::*;

    fn is_closed(connection: &OpenConnection) -> bool {
        connection.close.is_cancelled()
    }

    #[tokio::test(start_paused = true)]
    async fn who_has_been_silent_for_the_longest_time_makes_room() {
        let connections = OpenConnections::new(2);
        let first = connections.admit().unwrap();
        tokio::time::advance(Duration::from_secs(1)).await;
        let second = connections.admit().unwrap();
        tokio::time::advance(Duration::from_secs(1)).await;
        drop(first.owe_answer());
        let third = connections.admit().unwrap();
        assert!(is_closed(&second) && !is_closed(&first) && !is_closed(&third));
    }

    /// Clients that come one after the other; each has been answered before if it `asks`.
    async fn admit(
        connections: &OpenConnections,
        count: usize,
        asks: bool,
    ) -> Vec<Arc<OpenConnection>> {
        let mut admitted = Vec::new();
        for _ in 0..count {
            let connection = connections.admit().unwrap();
            if asks {
                drop(connection.owe_answer());
            }
            admitted.push(connection);
            tokio::time::advance(Duration::from_millis(1)).await;
        }
        admitted
    }

    fn closed(connections: &[Arc<OpenConnection>]) -> Vec<bool> {
        connections.iter().map(|connection| is_closed(connection)).collect()
    }

    #[tokio::test(start_paused = true)]
    async fn a_crowd_that_never_asks_makes_room_among_itself() {
        let connections = OpenConnections::new(4);
        let asking = admit(&connections, 1, true).await;
        let crowd = admit(&connections, 5, false).await;
        assert_eq!(closed(&asking), [false]);
        assert_eq!(closed(&crowd), [true, true, false, false, false]);
    }

    #[tokio::test(start_paused = true)]
    async fn a_few_who_have_not_asked_yet_are_not_closed_for_each_other() {
        let connections = OpenConnections::new(4);
        let asking = admit(&connections, 4, true).await;
        let new = admit(&connections, 3, false).await;
        assert_eq!(closed(&asking), [true, true, true, false]);
        assert_eq!(closed(&new), [false; 3]);
    }

    #[tokio::test(start_paused = true)]
    async fn who_is_owed_an_answer_is_closed_for_nobody() {
        let connections = OpenConnections::new(1);
        let connection = connections.admit().unwrap();
        let owed = connection.owe_answer();
        assert!(connections.admit().is_none());
        drop(owed);
        assert!(connections.admit().is_some());
        assert!(is_closed(&connection));
    }

    #[tokio::test]
    async fn a_connection_that_is_over_takes_no_place() {
        let connections = OpenConnections::new(1);
        let connection = connections.admit().unwrap();
        let owed = connection.owe_answer();
        drop((connection, owed));
        assert!(connections.admit().is_some());
    }
}
