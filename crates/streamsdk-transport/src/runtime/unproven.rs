//! What is sent to an address before it has answered.
//!
//! Whoever makes a description may name the addresses of strangers as its own, and the other side then sends checks of
//! connectivity there (RFC 8445, section 19.5.1). So until an address has answered one, no more than three times as much
//! is sent there as was received, of the description or from the address itself; the same is said of QUIC (RFC 9000,
//! section 8). An answer counts if it is to a check that was sent there: nobody else can know its number.
//!
//! The engine repeats a check every 20 ms. Of these most are left out, so that what there is lasts: the pauses double,
//! and half of the description's share is kept for a peer that begins late. When a peer's own check arrives, its answer
//! and a check in return leave at once.

use std::collections::HashMap;
use std::net::SocketAddr;
use std::sync::{Mutex, MutexGuard, PoisonError};
use std::time::Duration;

use tokio::time::Instant;

use super::handed_over::Way;
use super::probe::{Ice, ProbeId};

/// How many bytes may be sent for each that was received.
const MAX_AMPLIFICATION: usize = 3;
/// The first pause between two checks of the same way.
const FIRST_PAUSE: Duration = Duration::from_millis(40);
const MAX_PAUSE: Duration = Duration::from_secs(10);
/// How long the second half of the description's share lasts.
const SECOND_HALF: Duration = Duration::from_secs(15);
/// Ways that are remembered, most of them to addresses that the peer has named.
const MAX_WAYS: usize = 256;
/// Checks of a way that may be answered.
const MAX_CHECKS: usize = 32;
const MAX_PROVEN: usize = 64;

/// What was sent to addresses that have not answered.
#[derive(Debug, Default)]
pub(crate) struct UnprovenAddresses {
    state: Mutex<State>,
}

/// Whether something may be sent.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Permission {
    /// The address has answered.
    Proven,
    /// Though the address has not answered.
    Unproven,
    Refused,
}

#[derive(Debug, Default)]
struct State {
    /// `None` until the peer has named addresses.
    share: Option<Share>,
    ways: HashMap<Way, Attempts>,
    proven: Vec<SocketAddr>,
}

/// What the peer's description is worth, to all addresses together.
#[derive(Debug)]
struct Share {
    bytes: usize,
    spent: usize,
    since: Instant,
}

/// What was tried of a way.
#[derive(Debug)]
struct Attempts {
    used: Instant,
    /// Bytes that may leave for what has come by it.
    earned: usize,
    next_check: Instant,
    pause: Duration,
    checks: Vec<ProbeId>,
}

impl UnprovenAddresses {
    /// The peer has named its addresses, in a description of so many bytes. From now on it is looked at what leaves.
    pub(crate) fn named_in(&self, description: usize) {
        let bytes = description.saturating_mul(MAX_AMPLIFICATION);
        self.state().share = Some(Share { bytes, spent: 0, since: Instant::now() });
    }

    /// Whether `packets` may leave, which are noted as sent then.
    pub(crate) fn permit(&self, local: SocketAddr, to: SocketAddr, packets: &[u8]) -> Permission {
        let mut state = self.state();
        if state.share.is_none() || state.proven.contains(&to) {
            return Permission::Proven;
        }
        match state.pay(Way { local, peer: to }, packets) {
            true => Permission::Unproven,
            false => Permission::Refused,
        }
    }

    /// Notes what has come to one of this side's sockets; each packet is of `stride` bytes, the last may be of fewer.
    pub(crate) fn on_receive(
        &self,
        local: SocketAddr,
        from: SocketAddr,
        packets: &[u8],
        stride: usize,
    ) {
        let mut state = self.state();
        if packets.is_empty() || state.share.is_none() || state.proven.contains(&from) {
            return;
        }
        let now = Instant::now();
        let attempts = state.attempts(Way { local, peer: from }, now);
        attempts.earned += packets.len().saturating_mul(MAX_AMPLIFICATION);
        for packet in packets.chunks(stride.max(1)) {
            match Ice::of(packet) {
                Some(Ice::Check(_)) => attempts.begin_anew(now),
                Some(Ice::Answer(id)) if attempts.checks.contains(&id) => {
                    state.prove(from);
                    return;
                }
                _ => {}
            }
        }
    }

    fn state(&self) -> MutexGuard<'_, State> {
        self.state.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl State {
    fn pay(&mut self, way: Way, packets: &[u8]) -> bool {
        let now = Instant::now();
        let left = self.share.as_ref().map_or(usize::MAX, |share| share.left(now));
        let attempts = self.attempts(way, now);
        let check = match Ice::of(packets) {
            Some(Ice::Check(id)) => Some(id),
            _ => None,
        };
        if check.is_some() && now < attempts.next_check {
            return false;
        }
        let is_earned = attempts.earned >= packets.len();
        if !is_earned && left < packets.len() {
            return false;
        }
        if let Some(id) = check {
            attempts.note_check(id, now);
        }
        if is_earned {
            attempts.earned -= packets.len();
        } else if let Some(share) = &mut self.share {
            share.spent += packets.len();
        }
        true
    }

    fn attempts(&mut self, way: Way, now: Instant) -> &mut Attempts {
        if self.ways.len() >= MAX_WAYS && !self.ways.contains_key(&way) {
            let oldest = self.ways.iter().min_by_key(|(_, attempts)| attempts.used);
            let oldest = oldest.map(|(way, _)| *way);
            oldest.and_then(|oldest| self.ways.remove(&oldest));
        }
        let attempts = self.ways.entry(way).or_insert_with(|| Attempts {
            used: now,
            earned: 0,
            next_check: now,
            pause: FIRST_PAUSE,
            checks: Vec::new(),
        });
        attempts.used = now;
        attempts
    }

    fn prove(&mut self, address: SocketAddr) {
        if self.proven.len() < MAX_PROVEN {
            self.proven.push(address);
            self.ways.retain(|way, _| way.peer != address);
        }
    }
}

impl Share {
    /// Half at once, the rest little by little.
    fn left(&self, now: Instant) -> usize {
        let elapsed = now.saturating_duration_since(self.since).min(SECOND_HALF);
        let half = self.bytes / 2;
        let later = half as u128 * elapsed.as_millis() / SECOND_HALF.as_millis();
        (half + later as usize).saturating_sub(self.spent)
    }
}

impl Attempts {
    fn begin_anew(&mut self, now: Instant) {
        (self.next_check, self.pause) = (now, FIRST_PAUSE);
    }

    fn note_check(&mut self, id: ProbeId, now: Instant) {
        self.next_check = now + self.pause;
        self.pause = (self.pause * 2).min(MAX_PAUSE);
        if self.checks.len() >= MAX_CHECKS {
            self.checks.remove(0);
        }
        self.checks.push(id);
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const DESCRIPTION: usize = 900;
    const CHECK: usize = 100;

    fn stun(kind: [u8; 2], id: u8) -> Vec<u8> {
        let mut packet = vec![0; CHECK];
        packet[..2].copy_from_slice(&kind);
        packet[4..8].copy_from_slice(&[0x21, 0x12, 0xa4, 0x42]);
        packet[8..20].fill(id);
        packet
    }

    fn check(id: u8) -> Vec<u8> {
        stun([0, 1], id)
    }

    fn answer(id: u8) -> Vec<u8> {
        stun([1, 1], id)
    }

    fn local() -> SocketAddr {
        "10.0.0.1:5000".parse().unwrap()
    }

    fn stranger(number: u8) -> SocketAddr {
        format!("192.0.2.{number}:9").parse().unwrap()
    }

    fn named() -> UnprovenAddresses {
        let addresses = UnprovenAddresses::default();
        addresses.named_in(DESCRIPTION);
        addresses
    }

    /// Bytes that leave in a minute of an engine's checks of so many addresses, each every 20 ms.
    async fn sent_in_a_minute(addresses: &UnprovenAddresses, count: u8) -> usize {
        let mut sent = 0;
        for round in 0..3000 {
            for number in 0..count {
                let permission = addresses.permit(local(), stranger(number), &check(round as u8));
                sent += if permission == Permission::Refused { 0 } else { CHECK };
            }
            tokio::time::advance(Duration::from_millis(20)).await;
        }
        sent
    }

    #[tokio::test(start_paused = true)]
    async fn strangers_get_no_more_than_three_times_what_names_them() {
        for count in [1, 5, 50] {
            let sent = sent_in_a_minute(&named(), count).await;
            assert!(sent <= 3 * DESCRIPTION, "{count} addresses: {sent}");
            assert!(sent >= 10 * CHECK, "{count} addresses: {sent}");
        }
    }

    /// By the clock that everybody has: a held one hides what takes a moment.
    #[test]
    fn the_first_check_of_each_way_leaves_at_once() {
        let addresses = named();
        for number in 0..8 {
            let permission = addresses.permit(local(), stranger(number), &check(number));
            assert_eq!(permission, Permission::Unproven);
        }
    }

    #[tokio::test(start_paused = true)]
    async fn a_peer_that_begins_late_is_still_tried() {
        let addresses = named();
        for round in 0..500 {
            for number in 0..10 {
                addresses.permit(local(), stranger(number), &check(round as u8));
            }
            tokio::time::advance(Duration::from_millis(20)).await;
        }
        let mut left = 0;
        for round in 0..250 {
            for number in 0..10 {
                let permission = addresses.permit(local(), stranger(number), &check(round as u8));
                left += usize::from(permission != Permission::Refused);
            }
            tokio::time::advance(Duration::from_millis(20)).await;
        }
        assert!(left >= 3, "{left} checks in the third five seconds");
    }

    #[tokio::test(start_paused = true)]
    async fn an_address_that_answers_gets_everything() {
        let addresses = named();
        let to = stranger(1);
        assert_eq!(addresses.permit(local(), to, &check(7)), Permission::Unproven);
        addresses.on_receive(local(), to, &answer(7), CHECK);
        for _ in 0..1000 {
            assert_eq!(addresses.permit(local(), to, &[20; 1400]), Permission::Proven);
        }
        assert_eq!(addresses.permit(local(), stranger(2), &[20; 1400]), Permission::Refused);
    }

    #[tokio::test(start_paused = true)]
    async fn what_answers_no_check_proves_nothing() {
        let addresses = named();
        addresses.permit(local(), stranger(1), &check(7));
        for (from, packet) in [
            (stranger(1), answer(8)),
            (stranger(2), answer(7)),
            (stranger(1), check(7)),
            (stranger(1), answer(7)[..19].to_vec()),
            (stranger(1), Vec::new()),
        ] {
            addresses.on_receive(local(), from, &packet, CHECK);
            assert_ne!(addresses.permit(local(), from, &[20; 50]), Permission::Proven);
        }
    }

    #[tokio::test(start_paused = true)]
    async fn a_peers_check_is_answered_and_returned_at_once() {
        let addresses = named();
        sent_in_a_minute(&addresses, 50).await;
        let peer = stranger(200);
        for round in 0..100 {
            addresses.on_receive(local(), peer, &check(round), CHECK);
            for packet in [answer(round), check(round)] {
                let permission = addresses.permit(local(), peer, &packet);
                assert_eq!(permission, Permission::Unproven, "{round}");
            }
        }
        assert_eq!(addresses.permit(local(), peer, &[0; 200 * CHECK]), Permission::Refused);
    }

    #[tokio::test(start_paused = true)]
    async fn packets_that_came_together_are_looked_at_one_by_one() {
        let addresses = named();
        addresses.permit(local(), stranger(1), &check(7));
        let together = [answer(6), answer(7)].concat();
        addresses.on_receive(local(), stranger(1), &together, CHECK);
        assert_eq!(addresses.permit(local(), stranger(1), &check(8)), Permission::Proven);
    }

    #[tokio::test(start_paused = true)]
    async fn strangers_who_send_take_no_more_memory_than_there_is_for_them() {
        let addresses = named();
        for port in 1..=10_000 {
            addresses.on_receive(local(), ([192, 0, 2, 1], port).into(), &check(1), CHECK);
        }
        assert!(addresses.state().ways.len() <= MAX_WAYS);
    }

    #[test]
    fn without_a_peer_nothing_is_held_back() {
        let addresses = UnprovenAddresses::default();
        for _ in 0..1000 {
            assert_eq!(addresses.permit(local(), stranger(1), &[0; 1400]), Permission::Proven);
        }
    }
}
