//! Packets that the engine is given though they have not just arrived: kept for it, or made for it.

use std::collections::VecDeque;
use std::net::SocketAddr;
use std::sync::{Mutex, MutexGuard, PoisonError};
use std::task::{Context, Waker};

use webrtc::runtime::RecvMeta;

/// From one of this side's sockets to an address of the peer, and back.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub(super) struct Way {
    pub(super) local: SocketAddr,
    pub(super) peer: SocketAddr,
}

/// What the engine is to see next, as having come by a way.
#[derive(Debug, Default)]
pub(crate) struct HandedOver {
    state: Mutex<State>,
}

#[derive(Debug, Default)]
struct State {
    packets: VecDeque<(Way, Vec<u8>)>,
    /// Who waits for them, by socket.
    readers: Vec<(SocketAddr, Waker)>,
}

impl HandedOver {
    pub(super) fn push(&self, way: Way, packet: Vec<u8>) {
        let mut state = self.state();
        state.packets.push_back((way, packet));
        state.readers.iter().for_each(|(_, reader)| reader.wake_by_ref());
    }

    /// Takes the next packet for the socket at `local`. If there is none, who reads is woken when there is.
    pub(super) fn take(
        &self,
        local: SocketAddr,
        cx: &Context<'_>,
        buf: &mut [u8],
        meta: &mut RecvMeta,
    ) -> bool {
        let mut state = self.state();
        let index = state.packets.iter().position(|(way, _)| way.local == local);
        let Some((way, packet)) = index.and_then(|index| state.packets.remove(index)) else {
            state.await_at(local, cx.waker());
            return false;
        };
        // The engine's buffers take every packet.
        let len = packet.len().min(buf.len());
        buf[..len].copy_from_slice(&packet[..len]);
        *meta = RecvMeta::default();
        (meta.addr, meta.len, meta.stride) = (way.peer, len, len.max(1));
        true
    }

    fn state(&self) -> MutexGuard<'_, State> {
        self.state.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl State {
    fn await_at(&mut self, local: SocketAddr, waker: &Waker) {
        match self.readers.iter_mut().find(|(at, _)| *at == local) {
            Some((_, reader)) => reader.clone_from(waker),
            None => self.readers.push((local, waker.clone())),
        }
    }
}

#[cfg(test)]
pub(super) mod tests {
    use super::*;

    /// What the socket at `local` takes next.
    pub(crate) fn handed_over(engine: &HandedOver, local: SocketAddr) -> Option<Vec<u8>> {
        let (mut buf, mut meta) = ([0; 2000], RecvMeta::default());
        let cx = Context::from_waker(Waker::noop());
        engine.take(local, &cx, &mut buf, &mut meta).then(|| buf[..meta.len].to_vec())
    }

    #[test]
    fn each_socket_takes_its_own_in_order() {
        let engine = HandedOver::default();
        let way = |port| {
            let local = SocketAddr::from(([127, 0, 0, 1], port));
            Way { local, peer: local }
        };
        for (port, packet) in [(1, b"a"), (2, b"b"), (1, b"c")] {
            engine.push(way(port), packet.to_vec());
        }
        let take = |port| handed_over(&engine, way(port).local);
        assert_eq!(take(1), Some(b"a".to_vec()));
        assert_eq!(take(1), Some(b"c".to_vec()));
        assert_eq!(take(1), None);
        assert_eq!(take(2), Some(b"b".to_vec()));
    }
}
