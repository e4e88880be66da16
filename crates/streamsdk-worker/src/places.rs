//! The places of sessions.
//!
//! Whoever asks for a session has a place from then on, and may never connect. So of one address no more than half of the
//! places wait for a connection, and when all are taken, who has been waited for longest gives way.

use std::net::{IpAddr, Ipv6Addr};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::Duration;

use tokio::sync::{Notify, OwnedSemaphorePermit, Semaphore};
use tokio::time::{Instant, timeout};
use tokio_util::sync::CancellationToken;

/// How long is waited for a place. A client that has closed its session asks for the next one at once, and what it closed
/// may take a moment to end here.
const MAX_WAIT: Duration = Duration::from_secs(2);
/// A client that connects does so within this time, or else gives way to another.
const CONNECT_GRACE: Duration = Duration::from_secs(5);

/// As many places as a worker has.
#[derive(Debug)]
pub(crate) struct Places {
    free: Arc<Semaphore>,
    count: usize,
    /// Most places of one address that wait for a connection.
    share: usize,
    connecting: Arc<ConnectingSessions>,
}

#[derive(Debug, Default)]
struct ConnectingSessions {
    sessions: Mutex<Vec<ConnectingSession>>,
    fewer: Notify,
}

#[derive(Debug)]
struct ConnectingSession {
    client: Option<IpAddr>,
    /// `None` until its client knows how to connect.
    answered: Option<Instant>,
    gives_way: CancellationToken,
}

/// A session that waits for its client, until this is dropped.
#[derive(Debug)]
pub(crate) struct Connecting {
    gives_way: CancellationToken,
    sessions: Arc<ConnectingSessions>,
}

impl Places {
    pub(crate) fn new(count: usize) -> Self {
        Self {
            free: Arc::new(Semaphore::new(count)),
            count,
            share: (count / 2).max(1),
            connecting: Arc::default(),
        }
    }

    /// A place for a client at this address, where it is known. `None` if there is none for a while.
    pub(crate) async fn take(
        &self,
        client: Option<IpAddr>,
    ) -> Option<(OwnedSemaphorePermit, Connecting)> {
        let taken = async {
            let connecting = self.begin(client.map(network_of)).await;
            if self.free.available_permits() == 0 {
                self.connecting.have_longest_give_way();
            }
            // Nobody closes it.
            let place = Arc::clone(&self.free).acquire_owned().await.ok()?;
            Some((place, connecting))
        };
        timeout(MAX_WAIT, taken).await.ok().flatten()
    }

    /// Resolves when nobody has a place. Who asks for one later than this waits.
    pub(crate) async fn all_free(&self) {
        let count = self.count.try_into().unwrap_or(u32::MAX);
        // Nobody closes it.
        let _ = self.free.acquire_many(count).await;
    }

    async fn begin(&self, client: Option<IpAddr>) -> Connecting {
        loop {
            let fewer = self.connecting.fewer.notified();
            {
                let mut sessions = self.connecting.sessions();
                let of_client = sessions.iter().filter(|session| session.client == client);
                if client.is_none() || of_client.count() < self.share {
                    let gives_way = CancellationToken::new();
                    sessions.push(ConnectingSession {
                        client,
                        answered: None,
                        gives_way: gives_way.clone(),
                    });
                    let sessions = Arc::clone(&self.connecting);
                    return Connecting { gives_way, sessions };
                }
            }
            fewer.await;
        }
    }
}

impl ConnectingSessions {
    fn have_longest_give_way(&self) {
        let sessions = self.sessions();
        let answered = sessions.iter().filter_map(|session| Some((session.answered?, session)));
        let longest = answered.min_by_key(|(since, _)| *since);
        if let Some((since, session)) = longest
            && since.elapsed() >= CONNECT_GRACE
        {
            session.gives_way.cancel();
        }
    }

    fn sessions(&self) -> MutexGuard<'_, Vec<ConnectingSession>> {
        self.sessions.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl Connecting {
    /// The client is about to be told how to connect: from now on it is waited for.
    pub(crate) fn answered(&self) {
        let mut sessions = self.sessions.sessions();
        let own = sessions.iter_mut().find(|session| self.is(session));
        own.into_iter().for_each(|session| session.answered = Some(Instant::now()));
    }

    /// Resolves when its place is for another client.
    pub(crate) async fn gives_way(&self) {
        self.gives_way.cancelled().await;
    }

    fn is(&self, session: &ConnectingSession) -> bool {
        session.gives_way == self.gives_way
    }
}

impl Drop for Connecting {
    fn drop(&mut self) {
        self.sessions.sessions().retain(|session| !self.is(session));
        self.sessions.fewer.notify_waiters();
    }
}

/// Whom an address stands for: a client that has one of IPv6 has 2⁶⁴ of them.
fn network_of(client: IpAddr) -> IpAddr {
    match client.to_canonical() {
        IpAddr::V6(address) => {
            let [first, second, third, fourth, ..] = address.segments();
            Ipv6Addr::new(first, second, third, fourth, 0, 0, 0, 0).into()
        }
        address => address,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn address(number: u8) -> Option<IpAddr> {
        Some([192, 0, 2, number].into())
    }

    #[tokio::test(start_paused = true)]
    async fn one_address_waits_for_its_connections_in_half_of_the_places() {
        let places = Places::new(4);
        let held = [places.take(address(1)).await, places.take(address(1)).await];
        assert!(held.iter().all(Option::is_some));
        assert!(places.take(address(1)).await.is_none());
        let other = places.take(address(2)).await;
        assert!(other.is_some());
        let [first, second] = held.map(Option::unwrap);
        // Who is connected counts no more.
        drop(first.1);
        assert!(places.take(address(1)).await.is_some());
        drop((first.0, second, other));
    }

    #[tokio::test(start_paused = true)]
    async fn a_client_whose_address_is_not_known_has_all_places() {
        let places = Places::new(4);
        for _ in 0..4 {
            std::mem::forget(places.take(None).await.unwrap());
        }
        assert!(places.take(None).await.is_none());
    }

    #[tokio::test(start_paused = true)]
    async fn when_all_places_are_taken_a_client_that_never_came_gives_way() {
        let places = Arc::new(Places::new(1));
        let (place, connecting) = places.take(address(1)).await.unwrap();
        connecting.answered();
        assert!(places.take(address(2)).await.is_none());
        tokio::time::advance(CONNECT_GRACE).await;
        let session = tokio::spawn(async move {
            connecting.gives_way().await;
            drop(place);
        });
        assert!(places.take(address(2)).await.is_some());
        session.await.unwrap();
    }

    #[tokio::test(start_paused = true)]
    async fn a_place_that_becomes_free_a_moment_later_is_waited_for() {
        let places = Arc::new(Places::new(1));
        let (place, connecting) = places.take(address(1)).await.unwrap();
        drop(connecting);
        tokio::spawn(async move {
            tokio::time::sleep(MAX_WAIT / 2).await;
            drop(place);
        });
        assert!(places.take(address(1)).await.is_some());
    }

    #[tokio::test(start_paused = true)]
    async fn all_are_free_when_the_last_session_has_left() {
        let places = Arc::new(Places::new(3));
        places.all_free().await;
        let taken = [places.take(address(1)).await.unwrap(), places.take(None).await.unwrap()];
        for (place, _) in taken {
            assert!(timeout(MAX_WAIT, places.all_free()).await.is_err());
            drop(place);
        }
        places.all_free().await;
    }

    #[test]
    fn a_network_of_ipv6_is_one_client() {
        let network = |text: &str| network_of(text.parse().unwrap());
        assert_eq!(network("2001:db8:1:2::7"), network("2001:db8:1:2:3::8"));
        assert_ne!(network("2001:db8:1:2::7"), network("2001:db8:1:3::7"));
        assert_eq!(network("::ffff:192.0.2.1"), network("192.0.2.1"));
        assert_ne!(network("192.0.2.1"), network("192.0.2.2"));
    }
}
