//! The socket that the engine sees.
//!
//! The engine asks for one packet at a time and does a round of its work after each wake-up. A peer
//! that acknowledges packet by packet costs it a wake-up, two system calls and a round for every
//! 1400 bytes sent. So packets are taken from the kernel in batches, and while data goes out to a
//! slow peer, the socket is looked at by the clock instead of at every packet.

use std::io::{self, ErrorKind, IoSliceMut};
use std::net::SocketAddr;
use std::pin::Pin;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::task::{Context, Poll, ready};

use tokio::io::Interest;
use tokio::time::Sleep;
use tracing::debug;
use webrtc::runtime::{AsyncUdpSocket, RecvMeta, Transmit};

use super::datagrams::Datagrams;
use super::handed_over::Way;
use super::interfaces::PeerFilter;
use super::nomination::Leaving;
use super::raw_udp_socket::RawUdpSocket;
use super::readiness::Readiness;
use super::recv_batch::{BatchMode, Filled, RecvBatch};
use super::reflection::Reflections;
use super::send_rate::SendRateMeter;
use super::tuning::RuntimeTuning;
use super::unproven::Permission;
use crate::turn::{Inbox, is_relayed};

pub(crate) struct BatchedUdpSocket {
    raw: Arc<RawUdpSocket>,
    local: SocketAddr,
    tuning: Arc<RuntimeTuning>,
    send_rate: SendRateMeter,
    reflections: Reflections,
    recv_state: Mutex<RecvState>,
    /// Tells when there is room in the kernel, while there is none.
    writable: Mutex<Option<Readiness>>,
    /// Where there are STUN or TURN servers.
    inbox: Option<Inbox>,
}

struct RecvState {
    batch: RecvBatch,
    wakeup: ReadWakeup,
}

/// How one learns that there may be something to read.
enum ReadWakeup {
    /// It is tried at once.
    Now,
    /// The kernel says so, at every packet.
    Events(Readiness),
    /// It is tried when the time has come; the kernel is silent.
    Timer(Pin<Box<Sleep>>),
}

impl BatchedUdpSocket {
    /// `send_buffer` is what a peer has to work on at least, while data leaves in bulk.
    pub(crate) fn new(
        datagrams: Box<dyn Datagrams>,
        peer_filter: PeerFilter,
        tuning: Arc<RuntimeTuning>,
        send_buffer: usize,
    ) -> io::Result<Self> {
        let raw = Arc::new(RawUdpSocket::new(datagrams, peer_filter)?);
        let local = raw.local_addr()?;
        tuning.path.add(&raw);
        let inbox = tuning.servers.is_some().then(Inbox::new);
        Ok(Self {
            raw,
            local,
            inbox,
            tuning,
            send_rate: SendRateMeter::new(send_buffer),
            reflections: Reflections::default(),
            recv_state: Mutex::new(RecvState {
                batch: RecvBatch::default(),
                wakeup: ReadWakeup::Now,
            }),
            writable: Mutex::default(),
        })
    }

    fn recv_state(&self) -> MutexGuard<'_, RecvState> {
        self.recv_state.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// Whether the engine is to have no more packets in this round.
    fn has_enough(&self) -> bool {
        self.tuning.has_taken() && self.recv_state().batch.is_one_by_one()
    }

    fn batch_mode(&self) -> BatchMode {
        if self.send_rate.is_bulk() { BatchMode::Acknowledgements } else { BatchMode::Varied }
    }

    /// How to learn of the next packet once everything is read.
    fn next_wakeup(&self, wakeup: ReadWakeup) -> io::Result<ReadWakeup> {
        match (self.send_rate.pause(), wakeup) {
            (Some(pause), _) => Ok(ReadWakeup::Timer(Box::pin(tokio::time::sleep(pause)))),
            (None, ReadWakeup::Events(events)) => Ok(ReadWakeup::Events(events)),
            (None, _) => self.raw.events(Interest::READABLE).map(ReadWakeup::Events),
        }
    }

    fn note_life(&self, buf: &[u8], meta: &RecvMeta) {
        // What is empty came from a peer that is filtered out, or says nothing anyway.
        if meta.len > 0 && self.reflections.is_sign_of_life(meta.addr, &buf[..meta.len]) {
            self.tuning.heard.note();
        }
    }

    /// Takes the next packet from the kernel, whoever it is for.
    fn poll_packet(
        &self,
        cx: &mut Context<'_>,
        buf: &mut [u8],
        meta: &mut RecvMeta,
    ) -> Poll<io::Result<()>> {
        let RecvState { batch, wakeup } = &mut *self.recv_state();
        batch.set_one_by_one(self.tuning.takes_one());
        if batch.take(buf, meta) {
            self.note_life(buf, meta);
            return Poll::Ready(Ok(()));
        }
        let batch_mode = self.batch_mode();
        loop {
            let filled = match wakeup {
                ReadWakeup::Now => batch.fill(&self.raw, buf, meta, batch_mode),
                ReadWakeup::Events(events) => {
                    let fill = || batch.fill(&self.raw, buf, meta, batch_mode);
                    ready!(events.poll(cx, fill, |filled| matches!(filled, Filled::Drained)))
                }
                ReadWakeup::Timer(sleep) => {
                    ready!(sleep.as_mut().poll(cx));
                    *wakeup = ReadWakeup::Now;
                    continue;
                }
            };
            let nothing = |error: &io::Error| error.kind() == ErrorKind::WouldBlock;
            if matches!(filled, Ok(Filled::Drained)) || filled.as_ref().is_err_and(nothing) {
                *wakeup = self.next_wakeup(std::mem::replace(wakeup, ReadWakeup::Now))?;
            }
            match filled {
                Ok(_) => {
                    self.note_life(buf, meta);
                    return Poll::Ready(Ok(()));
                }
                Err(error) if nothing(&error) => {}
                Err(error) => return Poll::Ready(Err(error)),
            }
        }
    }

    /// Takes the next packet, from the kernel or from a stream.
    fn poll_any(
        &self,
        cx: &mut Context<'_>,
        buf: &mut [u8],
        meta: &mut RecvMeta,
    ) -> Poll<io::Result<()>> {
        let Some(inbox) = &self.inbox else { return self.poll_packet(cx, buf, meta) };
        let poll_inbox = |cx: &mut Context<'_>, buf: &mut [u8], meta: &mut RecvMeta| {
            inbox.poll(cx, buf, meta).map(|()| {
                if is_relayed(&buf[..meta.len]) {
                    self.tuning.heard.note();
                }
            })
        };
        let is_inbox_first = inbox.is_next();
        if is_inbox_first && poll_inbox(cx, buf, meta).is_ready() {
            return Poll::Ready(Ok(()));
        }
        match self.poll_packet(cx, buf, meta) {
            Poll::Pending if !is_inbox_first => poll_inbox(cx, buf, meta).map(Ok),
            polled => polled,
        }
    }

    /// Whether the engine is not to get now what has arrived.
    fn is_kept_back(&self, packet: &[u8], meta: &RecvMeta) -> bool {
        // What GRO has put together is neither ICE nor an answer of a server.
        if packet.len() > meta.stride {
            return false;
        }
        self.is_nominated(packet, meta.addr) || self.is_for_servers(packet, meta)
    }

    /// Takes what the engine is to see before anything that arrives.
    fn is_handed_over(&self, cx: &Context<'_>, buf: &mut [u8], meta: &mut RecvMeta) -> bool {
        let RuntimeTuning { handed_over, .. } = &*self.tuning;
        self.tuning.is_connecting() && handed_over.take(self.local, cx, buf, meta)
    }

    /// Whether something that has arrived has to do with the pair that is chosen, and is not for the engine now.
    fn is_nominated(&self, packet: &[u8], from: SocketAddr) -> bool {
        let RuntimeTuning { nomination, handed_over, .. } = &*self.tuning;
        self.tuning.is_connecting() && nomination.on_receive(self.way(from), packet, handed_over)
    }

    /// Whether something that has arrived has to do with the cookie of a handshake, and is not for the engine now.
    fn is_shortened(&self, packet: &[u8], from: SocketAddr) -> bool {
        let RuntimeTuning { cookies, handed_over, .. } = &*self.tuning;
        self.tuning.is_connecting() && cookies.on_receive(self.way(from), packet, handed_over)
    }

    /// What becomes of a packet that leaves, while there is no connection.
    fn on_connecting(&self, transmit: &Transmit<'_>) -> Leaving {
        let RuntimeTuning { nomination, cookies, handed_over, .. } = &*self.tuning;
        let way = self.way(transmit.destination);
        match nomination.on_send(way, transmit.contents, handed_over) {
            Leaving::Alone if cookies.on_send(way, transmit.contents, handed_over) => {
                Leaving::Never
            }
            leaving => leaving,
        }
    }

    fn look_at_association(&self, transmit: &Transmit<'_>) {
        let RuntimeTuning { association, handed_over, .. } = &*self.tuning;
        let way = self.way(transmit.destination);
        association.on_send(way, &self.raw, transmit.contents, handed_over);
    }

    fn way(&self, peer: SocketAddr) -> Way {
        Way { local: self.local, peer }
    }

    /// Whether something that has arrived is for those who look after TURN servers, and not for the engine.
    fn is_for_servers(&self, packet: &[u8], meta: &RecvMeta) -> bool {
        let Some((servers, inbox)) = self.tuning.servers.as_ref().zip(self.inbox.as_ref()) else {
            return false;
        };
        if is_error(packet)
            && let Some(request) = servers.once_more(meta.addr, packet)
        {
            if !servers.send(inbox, meta.addr, &request, request.len())
                && let Err(error) = self.raw.send_packet(meta.addr, &request)
            {
                debug!(%error, "a request was not made once more");
            }
            return true;
        }
        servers.on_receive(inbox, meta.addr, packet)
    }

    /// Sends what is for a stream. Whether it was.
    fn is_sent_on_stream(&self, transmit: &Transmit<'_>) -> bool {
        let Some((servers, inbox)) = self.tuning.servers.as_ref().zip(self.inbox.as_ref()) else {
            return false;
        };
        let Transmit { destination, contents, segment_size, .. } = *transmit;
        servers.on_send(contents);
        servers.send(inbox, destination, contents, segment_size.unwrap_or(contents.len()))
    }

    /// Whether something may leave: to a server that this side has chosen, or as the peer's address allows.
    fn permit(&self, transmit: &Transmit<'_>) -> Permission {
        let Transmit { destination, contents, .. } = *transmit;
        match self.is_expected(destination) {
            true => Permission::Proven,
            false => self.tuning.unproven.permit(self.local, destination, contents),
        }
    }

    /// Whether nothing is to be made of an error: each server is asked from each socket, and not every one has a way
    /// there.
    fn is_expected(&self, to: SocketAddr) -> bool {
        self.tuning.servers.as_ref().is_some_and(|servers| servers.is_at(to))
    }

    /// Sends two small packets, or as if they were lost on the way.
    fn send_with(&self, transmit: &Transmit<'_>, more: &[u8]) -> io::Result<usize> {
        let sent = self.raw.send(transmit).unwrap_or(transmit.contents.len());
        // It is no more than what has come from there.
        if let Err(error) = self.raw.send_packet(transmit.destination, more) {
            debug!(%error, "a nomination was not sent");
        }
        Ok(sent)
    }

    fn poll_send_when_writable(
        &self,
        cx: &mut Context<'_>,
        transmit: &Transmit<'_>,
    ) -> Poll<io::Result<usize>> {
        let mut writable = self.writable.lock().unwrap_or_else(PoisonError::into_inner);
        let events = match writable.take() {
            Some(events) => events,
            None => self.raw.events(Interest::WRITABLE)?,
        };
        loop {
            match events.poll(cx, || self.raw.send(transmit), |_| false) {
                Poll::Pending => {
                    *writable = Some(events);
                    return Poll::Pending;
                }
                Poll::Ready(Err(error)) if error.kind() == ErrorKind::WouldBlock => {}
                sent => return sent,
            }
        }
    }
}

impl AsyncUdpSocket for BatchedUdpSocket {
    fn poll_recv(
        &self,
        cx: &mut Context<'_>,
        bufs: &mut [IoSliceMut<'_>],
        meta: &mut [RecvMeta],
    ) -> Poll<io::Result<usize>> {
        ready!(self.tuning.gate.poll_open(cx));
        let (Some(buf), Some(meta)) = (bufs.first_mut(), meta.first_mut()) else {
            return Poll::Ready(Ok(0));
        };
        if self.has_enough() {
            // It asks again in the next round.
            cx.waker().wake_by_ref();
            return Poll::Pending;
        }
        loop {
            if !self.is_handed_over(cx, buf, meta) {
                ready!(self.poll_any(cx, buf, meta))?;
                if self.is_kept_back(&buf[..meta.len], meta) {
                    continue;
                }
                self.tuning.association.on_receive(&buf[..meta.len]);
            }
            let (packets, from) = (&buf[..meta.len], meta.addr);
            self.tuning.unproven.on_receive(self.local, from, packets, meta.stride);
            self.tuning.handshake.on_receive(packets);
            let is_alone = meta.len <= meta.stride;
            if is_alone && self.is_shortened(packets, from) {
                continue;
            }
            if is_alone && self.tuning.flights.on_receive(packets) {
                continue;
            }
            if !self.tuning.path.on_receive(&buf[..meta.len], meta) {
                self.tuning.note_taken();
                return Poll::Ready(Ok(1));
            }
        }
    }

    fn poll_send(&self, cx: &mut Context<'_>, transmit: &Transmit<'_>) -> Poll<io::Result<usize>> {
        if !self.raw.allows(transmit.destination.ip()) {
            return Poll::Ready(Ok(transmit.contents.len()));
        }
        if self.is_sent_on_stream(transmit) {
            return Poll::Ready(Ok(transmit.contents.len()));
        }
        match self.permit(transmit) {
            Permission::Proven => self.tuning.path.on_send(&self.raw, transmit),
            Permission::Unproven => {}
            // As if it were lost on the way.
            Permission::Refused => return Poll::Ready(Ok(transmit.contents.len())),
        }
        let leaving = match self.tuning.is_connecting() {
            true => self.on_connecting(transmit),
            false => Leaving::Alone,
        };
        match leaving {
            Leaving::Alone => {}
            Leaving::With(more) => return Poll::Ready(self.send_with(transmit, &more)),
            Leaving::Never => return Poll::Ready(Ok(transmit.contents.len())),
        }
        self.tuning.handshake.on_send(transmit.contents);
        self.tuning.flights.on_send(&self.raw, transmit);
        self.look_at_association(transmit);
        self.tuning.close_notify.on_send(&self.raw, transmit);
        self.tuning.fast_path.on_send(&self.raw, transmit);
        let sent = match self.raw.send(transmit) {
            Err(error) if error.kind() == ErrorKind::WouldBlock => {
                ready!(self.poll_send_when_writable(cx, transmit))
            }
            Err(_) if self.is_expected(transmit.destination) => Ok(transmit.contents.len()),
            sent => sent,
        };
        Poll::Ready(sent.inspect(|sent| self.send_rate.count(*sent)))
    }

    fn local_addr(&self) -> io::Result<SocketAddr> {
        self.raw.local_addr()
    }

    fn max_gso_segments(&self) -> usize {
        self.tuning.gso_limit(self.raw.gso_limit())
    }

    fn max_gro_segments(&self) -> usize {
        self.raw.gro_segments()
    }
}

/// An error of STUN.
fn is_error(packet: &[u8]) -> bool {
    matches!(packet, [0x01, 0x10..=0x1f, ..])
}

impl std::fmt::Debug for BatchedUdpSocket {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_tuple("BatchedUdpSocket").field(&self.raw).finish()
    }
}

#[cfg(test)]
mod tests;
