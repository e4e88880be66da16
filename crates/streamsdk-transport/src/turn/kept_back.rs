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
pub(super) struct KeptBack(Mutex<Option<Vec<Answer>>>);

#[derive(Debug)]
struct Answer {
    server: usize,
    datagram: Datagram,
    to: mpsc::Sender<Datagram>,
}

impl KeptBack {
    pub(super) fn new() -> Self {
        Self(Mutex::new(Some(Vec::new())))
    }

    /// Keeps an answer. Whether it did.
    pub(super) fn keep(&self, server: usize, by: &Inbox, from: SocketAddr, packet: &[u8]) -> bool {
        let mut kept_back = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        let Some(kept_back) = &mut *kept_back else { return false };
        let datagram = Datagram { from, packet: Bytes::copy_from_slice(packet) };
        kept_back.push(Answer { server, datagram, to: by.sender().clone() });
        true
    }

    /// Gives what was kept, in the order of the servers, and keeps nothing from now on.
    pub(super) fn let_go(&self) {
        let kept_back = self.0.lock().unwrap_or_else(PoisonError::into_inner).take();
        let mut kept_back = kept_back.unwrap_or_default();
        kept_back.sort_by_key(|answer| answer.server);
        for Answer { datagram, to, .. } in kept_back {
            // There is room: it is the first that comes this way. The engine asks again if not.
            drop(to.try_send(datagram));
        }
    }
}

#[cfg(test)]
mod tests {
    use std::future::poll_fn;

    use webrtc::runtime::RecvMeta;

    use super::*;

    #[tokio::test]
    async fn answers_come_in_the_order_of_the_servers_and_then_at_once() {
        let (inbox, kept_back) = (Inbox::new(), KeptBack::new());
        let from = "192.0.2.1:1".parse().unwrap();
        for server in [2, 0, 1] {
            assert!(kept_back.keep(server, &inbox, from, &[server as u8]));
        }
        kept_back.let_go();
        assert!(!kept_back.keep(3, &inbox, from, &[3]));
        let (mut buf, mut meta) = ([0; 16], RecvMeta::default());
        for server in 0..3 {
            poll_fn(|cx| inbox.poll(cx, &mut buf, &mut meta)).await;
            assert_eq!((&buf[..meta.len], meta.addr), (&[server][..], from));
        }
    }
}
