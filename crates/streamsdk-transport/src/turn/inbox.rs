//! What a socket has received otherwise than from the kernel.

use std::net::SocketAddr;
use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::{Mutex, PoisonError};
use std::task::{Context, Poll};

use bytes::Bytes;
use tokio::sync::mpsc;
use webrtc::runtime::RecvMeta;

/// Packets that may wait. A stream is not read any further then.
const MAX_WAITING: usize = 256;

/// A packet, as the engine is to see it.
#[derive(Debug)]
pub(super) struct Datagram {
    pub(super) from: SocketAddr,
    pub(super) packet: Bytes,
}

/// The packets from the streams of a socket, and those that were kept back.
#[derive(Debug)]
pub(crate) struct Inbox {
    sender: mpsc::Sender<Datagram>,
    receiver: Mutex<mpsc::Receiver<Datagram>>,
    is_next: AtomicBool,
}

impl Inbox {
    pub(crate) fn new() -> Self {
        let (sender, receiver) = mpsc::channel(MAX_WAITING);
        Self { sender, receiver: Mutex::new(receiver), is_next: AtomicBool::new(false) }
    }

    pub(super) fn sender(&self) -> &mpsc::Sender<Datagram> {
        &self.sender
    }

    /// Whether it is to be asked before the kernel is, which it is every other time: neither may keep the
    /// other waiting for ever.
    pub(crate) fn is_next(&self) -> bool {
        !self.is_next.fetch_xor(true, Ordering::Relaxed)
    }

    /// Takes the next packet.
    pub(crate) fn poll(
        &self,
        cx: &mut Context<'_>,
        buf: &mut [u8],
        meta: &mut RecvMeta,
    ) -> Poll<()> {
        let mut receiver = self.receiver.lock().unwrap_or_else(PoisonError::into_inner);
        match receiver.poll_recv(cx) {
            Poll::Ready(Some(Datagram { from, packet })) => {
                // The engine's buffers take every packet; if they did not, the kernel would cut it as well.
                let len = packet.len().min(buf.len());
                buf[..len].copy_from_slice(&packet[..len]);
                *meta = RecvMeta::default();
                (meta.addr, meta.len, meta.stride) = (from, len, len.max(1));
                Poll::Ready(())
            }
            // There is always a sender, which is in `self`.
            Poll::Ready(None) | Poll::Pending => Poll::Pending,
        }
    }
}
