//! The way of a track's packets around the engine.
//!
//! For each packet the engine moves some ten layers' worth of structures about, and for each burst it does a round of all
//! its work. That is two thirds of what it costs to send a frame. What it does in the end is little: it encrypts, and
//! hands the packet to a socket. So the engine sends the first packets of a track, and shows by them how they are made,
//! with which key they are encrypted ([`crypto`](crate::runtime::crypto)) and where they go
//! ([`socket`](crate::runtime::socket)). Those that follow are made, encrypted and sent here. Packets that are asked for
//! again are sent again from here as well, as they were; reports are the engine's, with the numbers of here.
//!
//! No number may be used twice with one key (RFC 7714, 8.4). So packets leave here from the first burst on before which the
//! engine has encrypted all that it was given, and the engine gets none any more, whatever happens.
//!
//! Where a peer does not take AES-GCM, or packets go by way of a relay, nothing is learnt and all is the engine's.

mod header;
mod repetitions;
mod sealing;

use std::collections::VecDeque;
use std::io::ErrorKind;
use std::net::SocketAddr;
use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError, Weak};
use std::time::Instant;

use bytes::{Buf, Bytes};
use rtc::crypto::AeadCipher;
use rtc::rtcp::transport_feedbacks::transport_layer_nack::TransportLayerNack;
use streamsdk_codec::rtp::RtpPacket;
use tracing::debug;
use webrtc::runtime::Transmit;

use self::header::{HeaderTemplate, is_media, is_rtp, ssrc};
use self::repetitions::Repetitions;
use self::sealing::{Sealing, TAG_SIZE};
use crate::runtime::raw_udp_socket::RawUdpSocket;

/// The way of the one track that a connection sends, if it sends one.
#[derive(Debug, Default)]
pub(crate) struct FastPath {
    is_expected: AtomicBool,
    is_taken: AtomicBool,
    state: Mutex<State>,
}

#[derive(Default)]
struct State {
    ssrc: Option<u32>,
    example: Option<Example>,
    destination: Option<Destination>,
    repetitions: Repetitions,
    sent: Sent,
}

/// What a packet of the engine's shows.
struct Example {
    sealing: Sealing,
    header: HeaderTemplate,
}

#[derive(Debug)]
struct Destination {
    /// For as long as the engine has it.
    socket: Weak<RawUdpSocket>,
    address: SocketAddr,
}

/// What has left here.
#[derive(Debug, Clone, Copy, Default)]
pub(super) struct Sent {
    pub(super) packets: u64,
    /// Of payload.
    pub(super) bytes: u64,
    /// The time of the newest frame, and when it left.
    pub(super) newest: Option<(u32, Instant)>,
}

impl FastPath {
    /// A track with that number is going to be sent.
    pub(crate) fn expect(&self, ssrc: u32) {
        self.state().ssrc = Some(ssrc);
        self.is_expected.store(true, Ordering::Relaxed);
    }

    /// Whether a cipher of the engine's may be that of a track.
    pub(crate) fn is_expected(&self) -> bool {
        self.is_expected.load(Ordering::Relaxed)
    }

    /// Looks at what the engine encrypts: `aad` is the header of a packet. `twin` has the same key, and is taken if the
    /// packet is one of the track.
    pub(crate) fn on_seal(&self, nonce: &[u8], aad: &[u8], twin: &mut Option<Box<dyn AeadCipher>>) {
        if !is_rtp(aad) {
            return;
        }
        let state = &mut *self.state();
        if self.is_taken() || ssrc(aad) != state.ssrc {
            return;
        }
        if let Some(example) = &mut state.example {
            example.sealing.engine_has_sealed(aad);
        } else if let Some(twin) = twin.take() {
            let header = HeaderTemplate::of(aad);
            let sealing = Sealing::after(twin, nonce, aad);
            state.example =
                sealing.zip(header).map(|(sealing, header)| Example { sealing, header });
        }
    }

    /// Looks at what the engine sends: the packets of the track go where its reports go. That is always the same, because
    /// it chooses one pair of addresses for a connection.
    pub(crate) fn on_send(&self, socket: &Arc<RawUdpSocket>, transmit: &Transmit<'_>) {
        if !is_media(transmit.contents) || !self.is_expected() {
            return;
        }
        let (address, socket) = (transmit.destination, Arc::downgrade(socket));
        self.state().destination = Some(Destination { socket, address });
    }

    /// Whether packets leave here.
    pub(super) fn is_taken(&self) -> bool {
        self.is_taken.load(Ordering::Acquire)
    }

    /// Encrypts the packets of a burst, which follow those before and leave now. `None` if the engine has to send them.
    pub(super) fn seal(&self, burst: &[RtpPacket], now: Instant) -> Option<SealedBurst> {
        let state = &mut *self.state();
        let first = burst.first()?;
        let example = state.example.as_mut().filter(|_| state.destination.is_some())?;
        if !self.is_taken() && !example.sealing.is_next(first.sequence_number) {
            return None;
        }
        self.is_taken.store(true, Ordering::Release);
        let sealed = example.seal(burst);
        for (packet, sealed) in burst.iter().zip(sealed.packets()) {
            state.repetitions.keep(packet.sequence_number, sealed);
        }
        state.sent.note(burst, now);
        Some(sealed)
    }

    /// Sends packets, and leaves in the burst what there is no room for. Whether that is nothing.
    pub(super) fn send(&self, burst: &mut SealedBurst) -> bool {
        let state = self.state();
        state.destination.as_ref().is_none_or(|destination| destination.send(burst))
    }

    /// Sends what the peer asks for again, if it has left here. How many packets those were, and how many bytes of payload.
    pub(super) fn repeat(&self, nack: &TransportLayerNack) -> (u64, u64) {
        let state = &*self.state();
        let (mut packets, mut bytes) = (0, 0);
        let (Some(example), Some(destination)) = (&state.example, &state.destination) else {
            return (packets, bytes);
        };
        let asked_for = nack.nacks.iter().flat_map(|pair| pair.packet_list());
        for packet in asked_for.filter_map(|number| state.repetitions.get(number)) {
            destination.send(&mut SealedBurst::of(packet.clone()));
            packets += 1;
            bytes += (packet.len() - example.header.length() - TAG_SIZE) as u64;
        }
        (packets, bytes)
    }

    /// What has left here; `None` if it is the engine that sends.
    pub(super) fn sent(&self) -> Option<Sent> {
        self.is_taken().then(|| self.state().sent)
    }

    fn state(&self) -> MutexGuard<'_, State> {
        self.state.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl Example {
    /// Without those that cannot be encrypted, and what follows them.
    fn seal(&mut self, burst: &[RtpPacket]) -> SealedBurst {
        let header = self.header.length();
        let size = |packet: &RtpPacket| header + packet.payload.len() + TAG_SIZE;
        let mut bytes = Vec::with_capacity(burst.iter().map(size).sum());
        let mut sizes = VecDeque::with_capacity(burst.len());
        for packet in burst {
            let start = bytes.len();
            let RtpPacket { sequence_number, timestamp, marker, payload } = packet;
            self.header.append(&mut bytes, *sequence_number, *timestamp, *marker);
            bytes.extend_from_slice(payload);
            if self.sealing.seal(&mut bytes, start, header).is_none() {
                debug!(number = sequence_number, "a packet was not encrypted");
                bytes.truncate(start);
                break;
            }
            sizes.push_back(bytes.len() - start);
        }
        SealedBurst { bytes: bytes.into(), sizes }
    }
}

/// Packets as they leave, one behind the other.
#[derive(Debug)]
pub(super) struct SealedBurst {
    bytes: Bytes,
    sizes: VecDeque<usize>,
}

impl SealedBurst {
    fn of(packet: Bytes) -> Self {
        Self { sizes: [packet.len()].into(), bytes: packet }
    }

    fn packets(&self) -> impl Iterator<Item = Bytes> {
        let mut rest = self.bytes.clone();
        self.sizes.iter().map(move |size| rest.split_to(*size))
    }

    /// How many of the next packets can leave with one system call, which takes so many at `most`: all are of one size but
    /// the last, which may be smaller.
    fn next_run(&self, most: usize) -> usize {
        let Some(&size) = self.sizes.front() else { return 0 };
        let alike = self.sizes.iter().take(most).take_while(|other| **other == size).count();
        let has_smaller = alike < most && self.sizes.get(alike).is_some_and(|last| *last < size);
        alike + usize::from(has_smaller)
    }

    fn remove(&mut self, packets: usize) {
        let bytes: usize = self.sizes.drain(..packets).sum();
        self.bytes.advance(bytes);
    }
}

impl Destination {
    /// Whether there was room for all packets. One that cannot be sent is lost, as it may be anywhere on the way.
    fn send(&self, burst: &mut SealedBurst) -> bool {
        let Some(socket) = self.socket.upgrade() else { return true };
        while let Some(&size) = burst.sizes.front() {
            let run = burst.next_run(socket.gso_limit().max(1));
            let length = burst.sizes.iter().take(run).sum();
            let transmit = Transmit {
                destination: self.address,
                ecn: None,
                contents: &burst.bytes[..length],
                segment_size: (run > 1).then_some(size),
                src_ip: None,
            };
            match socket.send(&transmit) {
                Err(error) if error.kind() == ErrorKind::WouldBlock => return false,
                Err(error) => debug!(%error, "packets were not sent"),
                Ok(_) => {}
            }
            burst.remove(run);
        }
        true
    }
}

impl Sent {
    fn note(&mut self, burst: &[RtpPacket], now: Instant) {
        self.packets += burst.len() as u64;
        self.bytes += burst.iter().map(|packet| packet.payload.len() as u64).sum::<u64>();
        self.newest = burst.last().map(|packet| (packet.timestamp, now));
    }
}

impl std::fmt::Debug for State {
    /// Without what is a secret.
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("State")
            .field("ssrc", &self.ssrc)
            .field("destination", &self.destination)
            .field("sent", &self.sent)
            .finish_non_exhaustive()
    }
}

#[cfg(test)]
mod tests;
