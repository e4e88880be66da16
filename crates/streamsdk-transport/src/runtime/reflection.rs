//! Where peers see this side, and whether that has changed.
//!
//! A NAT that has forgotten a connection gives its next packet another port. A peer answers checks there and sends checks
//! of its own, and all else it sends to where it saw this side before, because to change the pair takes a restart of ICE.
//! So it is heard as if nothing had happened, and nothing of it arrives. Once it has told that this side is elsewhere,
//! checks and their answers are no sign that it can be heard; whatever else comes of it is.

use std::net::SocketAddr;
use std::sync::{Mutex, PoisonError};

use rtc::stun::message::{Getter, Message};
use rtc::stun::xoraddr::XorMappedAddress;

use super::probe::answered_probe;

/// Ways that are remembered, to peers and to STUN servers.
const MAX_WAYS: usize = 64;

/// What a socket is told of itself.
#[derive(Debug, Default)]
pub(crate) struct Reflections(Mutex<State>);

#[derive(Debug, Default)]
struct State {
    /// Who has seen this side first, and where.
    first: Vec<(SocketAddr, SocketAddr)>,
    has_changed: bool,
}

impl Reflections {
    /// Whether what came from `from` is a sign that what `from` sends arrives.
    pub(crate) fn is_sign_of_life(&self, from: SocketAddr, packet: &[u8]) -> bool {
        if !is_stun(packet) {
            return true;
        }
        let mut state = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        if let Some(seen) = reflected(packet) {
            state.note(from, seen);
        }
        !state.has_changed
    }
}

impl State {
    fn note(&mut self, from: SocketAddr, seen: SocketAddr) {
        match self.first.iter().find(|(peer, _)| *peer == from) {
            Some((_, first)) => self.has_changed |= *first != seen,
            None if self.first.len() < MAX_WAYS => self.first.push((from, seen)),
            None => {}
        }
    }
}

/// As against DTLS and media on the same socket, and what comes by a channel of a TURN server (RFC 7983).
fn is_stun(packet: &[u8]) -> bool {
    matches!(packet, [0..=3, ..])
}

/// Where the one who answers a check has seen it come from; `None` if this is no such answer.
fn reflected(packet: &[u8]) -> Option<SocketAddr> {
    answered_probe(packet)?;
    let mut message = Message { raw: packet.to_vec(), ..Message::default() };
    message.decode().ok()?;
    let mut seen = XorMappedAddress::default();
    seen.get_from(&message).ok()?;
    Some(SocketAddr::new(seen.ip, seen.port))
}

#[cfg(test)]
mod tests {
    use rtc::stun::message::{BINDING_SUCCESS, Setter, TransactionId};

    use super::*;

    const DATA: [u8; 4] = [23, 0xfe, 0xfd, 0];
    const CHECK: [u8; 4] = [0, 1, 0, 0];

    fn answer(seen: &str) -> Vec<u8> {
        let seen: SocketAddr = seen.parse().unwrap();
        let mut message = Message::new();
        message.set_type(BINDING_SUCCESS);
        message.transaction_id = TransactionId::new();
        message.write_header();
        XorMappedAddress { ip: seen.ip(), port: seen.port() }.add_to(&mut message).unwrap();
        message.raw
    }

    #[test]
    fn checks_count_until_this_side_is_seen_elsewhere_and_all_else_counts_always() {
        let reflections = Reflections::default();
        let [peer, other] = ["192.0.2.1:9", "[2001:db8::1]:9"].map(|peer| peer.parse().unwrap());
        let is_life = |from, packet: &[u8]| reflections.is_sign_of_life(from, packet);
        assert!(is_life(peer, &answer("203.0.113.1:1000")));
        assert!(is_life(other, &answer("[2001:db8::2]:2000")), "seen otherwise by another");
        assert!(is_life(peer, &answer("203.0.113.1:1000")) && is_life(peer, &CHECK));
        assert!(!is_life(peer, &answer("203.0.113.1:1001")));
        assert!(!is_life(other, &answer("[2001:db8::2]:2000")));
        assert!(!is_life(peer, &CHECK) && is_life(peer, &DATA));
    }
}
