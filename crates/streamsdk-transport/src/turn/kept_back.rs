//! Answers that the engine gets a little later, and in another order.
//!
//! Of relays that are alike the engine prefers the one that it knew first.

use std::net::SocketAddr;
use std::sync::{Mutex, PoisonError};

use bytes::Bytes;
use tokio::sync::mpsc;

use super::inbox::{Datagram, Inbox};

/// Answers that wait; `None` when nothing waits any more.
#[derive(Debug)]
pub(super) struct KeptBack(Mutex<Option<Waiting>>);

#[derive(Debug, Default)]
struct Waiting {
    answers: Vec<Answer>,
    /// Servers whose answers do not wait any more. What was let go comes by once again.
    let_go: Vec<usize>,
}

#[derive(Debug)]
struct Answer {
    server: usize,
    datagram: Datagram,
    to: mpsc::Sender<Datagram>,
}

impl KeptBack {
    pub(super) fn new() -> Self {
        Self(Mutex::new(Some(Waiting::default())))
    }

    /// Keeps an answer. Whether it did.
    pub(super) fn keep(&self, server: usize, by: &Inbox, from: SocketAddr, packet: &[u8]) -> bool {
        let mut waiting = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        let Some(waiting) = waiting.as_mut().filter(|it| !it.let_go.contains(&server)) else {
            return false;
        };
        let datagram = Datagram { from, packet: Bytes::copy_from_slice(packet) };
        waiting.answers.push(Answer { server, datagram, to: by.sender().clone() });
        true
    }

    /// Gives the engine what the first of the servers answered; says which that is.
    pub(super) fn let_one_go(&self) -> Option<usize> {
        let mut waiting = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        let Waiting { answers, let_go } = waiting.as_mut()?;
        let first = answers.iter().map(|answer| answer.server).min()?;
        let_go.push(first);
        give(answers.extract_if(.., |answer| answer.server == first));
        Some(first)
    }

    /// Gives what is left, and keeps nothing from now on.
    pub(super) fn let_all_go(&self) {
        let waiting = self.0.lock().unwrap_or_else(PoisonError::into_inner).take();
        give(waiting.into_iter().flat_map(|waiting| waiting.answers));
    }
}

fn give(answers: impl Iterator<Item = Answer>) {
    for Answer { datagram, to, .. } in answers {
        // There is room: it is the first that comes this way. The engine asks again if not.
        drop(to.try_send(datagram));
    }
}

#[cfg(test)]
mod tests {
    use std::future::poll_fn;

    use webrtc::runtime::RecvMeta;

    use super::*;

    /// The number in the next packet.
    async fn next(inbox: &Inbox) -> u8 {
        let (mut buf, mut meta) = ([0; 16], RecvMeta::default());
        poll_fn(|cx| inbox.poll(cx, &mut buf, &mut meta)).await;
        assert_eq!(meta.len, 1);
        buf[0]
    }

    #[tokio::test]
    async fn answers_go_in_the_order_of_the_servers_one_after_the_other() {
        let (inbox, kept_back) = (Inbox::new(), KeptBack::new());
        let from = "192.0.2.1:1".parse().unwrap();
        for server in [2, 0, 1, 0] {
            assert!(kept_back.keep(server, &inbox, from, &[server as u8]));
        }
        assert_eq!(kept_back.let_one_go(), Some(0));
        assert_eq!([next(&inbox).await, next(&inbox).await], [0, 0]);
        // The engine's sockets see it again.
        assert!(!kept_back.keep(0, &inbox, from, &[0]));
        assert_eq!(kept_back.let_one_go(), Some(1));
        assert_eq!(next(&inbox).await, 1);
        kept_back.let_all_go();
        assert_eq!(next(&inbox).await, 2);
        assert!(!kept_back.keep(3, &inbox, from, &[3]));
        assert_eq!(kept_back.let_one_go(), None);
    }
}
