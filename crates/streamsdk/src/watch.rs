//! Looking on: what a session receives, beside what the caller takes.

use std::sync::{Mutex, MutexGuard, PoisonError};

use tokio::sync::broadcast::{self, error::RecvError};

use crate::error::Error;
use crate::event::Event;

/// Events that a watcher may be behind before it misses some: a second or two of video.
const MAX_BEHIND: usize = 64;

/// What a session receives, for somebody who only looks on, such as a page that shows it. See
/// [`Session::watch`](crate::Session::watch).
#[derive(Debug)]
pub struct SessionWatch {
    events: broadcast::Receiver<Result<Event, Error>>,
    missed: u64,
}

impl SessionWatch {
    /// The next event; `None` when the session is over. Comes when it has arrived, be it long before the caller takes
    /// it. Cancelling loses nothing.
    ///
    /// Who is 64 events behind misses the oldest of them ([`SessionWatch::missed`]), and holds nobody up.
    pub async fn next(&mut self) -> Option<Result<Event, Error>> {
        loop {
            match self.events.recv().await {
                Ok(event) => return Some(event),
                Err(RecvError::Lagged(missed)) => self.missed += missed,
                Err(RecvError::Closed) => return None,
            }
        }
    }

    /// Events that came and went unseen, up to the one that was seen last.
    pub fn missed(&self) -> u64 {
        self.missed
    }
}

/// Those who look on.
#[derive(Debug)]
pub(crate) struct Watchers {
    /// `None` when the session is over.
    events: Mutex<Option<broadcast::Sender<Result<Event, Error>>>>,
}

impl Default for Watchers {
    fn default() -> Self {
        Self { events: Mutex::new(Some(broadcast::Sender::new(MAX_BEHIND))) }
    }
}

impl Watchers {
    pub(crate) fn watch(&self) -> SessionWatch {
        let events = match &*self.events() {
            Some(events) => events.subscribe(),
            None => broadcast::Sender::new(1).subscribe(),
        };
        SessionWatch { events, missed: 0 }
    }

    /// Costs nothing where nobody looks on.
    pub(crate) fn tell(&self, event: &Event) {
        if let Some(events) = &*self.events()
            && events.receiver_count() > 0
        {
            let mut event = event.clone();
            // The session's memory is for what its caller has yet to take.
            event.let_go();
            // It fails where nobody looks on any more.
            let _ = events.send(Ok(event));
        }
    }

    /// Tells the last of the session, and that it is over.
    pub(crate) fn end(&self, last: Option<Result<Event, Error>>) {
        if let (Some(events), Some(last)) = (self.events().take(), last) {
            let _ = events.send(last);
        }
    }

    fn events(&self) -> MutexGuard<'_, Option<broadcast::Sender<Result<Event, Error>>>> {
        self.events.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::error::ErrorKind;
    use crate::event::Reconnected;
    use crate::stage::Stage;

    fn event(link: u32) -> Event {
        Event::Reconnected(Reconnected { link, lost: 0 })
    }

    async fn link(watch: &mut SessionWatch) -> Option<u32> {
        match watch.next().await {
            Some(Ok(Event::Reconnected(news))) => Some(news.link),
            _ => None,
        }
    }

    #[tokio::test]
    async fn who_looks_on_sees_what_comes_and_the_end_of_it() {
        let watchers = Watchers::default();
        watchers.tell(&event(1));
        let mut watch = watchers.watch();
        watchers.tell(&event(2));
        watchers.end(Some(Err(Error::new(ErrorKind::Timeout, Stage::Streaming, "late"))));
        assert_eq!(link(&mut watch).await, Some(2));
        assert!(matches!(watch.next().await, Some(Err(error)) if error.is_timeout()));
        assert!(watch.next().await.is_none());
        assert!(watchers.watch().next().await.is_none());
    }

    #[tokio::test]
    async fn who_is_far_behind_misses_the_oldest() {
        let watchers = Watchers::default();
        let mut watch = watchers.watch();
        (0..MAX_BEHIND as u32 + 3).for_each(|number| watchers.tell(&event(number)));
        assert_eq!((link(&mut watch).await, watch.missed()), (Some(3), 3));
    }
}
