//! The pair of addresses that a connection uses, chosen a round trip sooner.
//!
//! The engine that controls asks whether a pair works, waits for the answer, and nominates the pair in another
//! check. But a peer whose own check has come, and was answered, knows that the pair works: it takes a nomination that comes
//! with the answer (RFC 8445, 7.3.1.5). So that is sent from here. When the engine then makes its own, the peer's word is
//! there, and the engine is given it at once. It makes its own when a check of the peer's arrives by a pair that
//! works, so it sees the one that it had once more.
//!
//! The peer, too, is ready sooner than the engine here, which drops what is not ICE as long as it has no pair. That is
//! kept for it.
//!
//! Where the peer's word does not come, everything is as if nothing had been asked. Where the engine prefers another
//! pair, each side sends by its own.

use std::collections::VecDeque;
use std::sync::{Mutex, MutexGuard, OnceLock, PoisonError};

use tracing::debug;

use super::handed_over::{HandedOver, Way};
use super::path_mtu::is_dtls;
use super::probe::{Check, Ice, IceCredentials, ProbeId, nominates, success};

/// Checks of the peer whose answers are waited for.
const MAX_CHECKS: usize = 8;
/// A flight of a handshake has fewer packets.
const MAX_KEPT: usize = 16;

/// The nomination of a connection whose engine controls. Does nothing before [`Nomination::begin`].
#[derive(Debug, Default)]
pub(crate) struct Nomination {
    credentials: OnceLock<IceCredentials>,
    state: Mutex<State>,
}

#[derive(Debug, Default)]
struct State {
    /// What the peer has asked, as long as nothing is nominated.
    asked: VecDeque<PeerCheck>,
    early: Option<EarlyNomination>,
    has_pair: bool,
    /// What came before there was a pair.
    kept: Vec<(Way, Vec<u8>)>,
}

#[derive(Debug)]
struct PeerCheck {
    id: ProbeId,
    way: Way,
    packet: Vec<u8>,
}

/// A nomination that the engine knows nothing of.
#[derive(Debug)]
struct EarlyNomination {
    id: ProbeId,
    /// What the peer had asked by this way.
    check: PeerCheck,
    is_confirmed: bool,
    /// The engine knows that the pair works.
    works: bool,
    repetition: Repetition,
    engines: Option<EnginesNomination>,
}

/// A nomination of the engine's own.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum EnginesNomination {
    /// It was made before the peer's word was there.
    Early(ProbeId),
    /// The engine was given the peer's word for it; the peer's own answer is still to come.
    Confirmed(ProbeId),
}

/// Of the peer's check, for the engine.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Repetition {
    Due,
    Seen,
    Answered,
}

/// What becomes of something that is on its way to the network.
#[derive(Debug, PartialEq, Eq)]
pub(super) enum Leaving {
    Alone,
    /// With another packet behind it, to the same address.
    With(Vec<u8>),
    /// Not at all.
    Never,
}

impl Nomination {
    /// This side nominates, and signs with `credentials`.
    pub(crate) fn begin(&self, credentials: IceCredentials) {
        // Descriptions are applied once.
        let _ = self.credentials.set(credentials);
    }

    /// The engine has a pair.
    pub(crate) fn pair_is_chosen(&self, engine: &HandedOver) {
        let mut state = self.state();
        state.has_pair = true;
        for (way, packet) in state.kept.drain(..) {
            engine.push(way, packet);
        }
    }

    /// Looks at what arrives; whether the engine is not to see it, or not yet.
    pub(super) fn on_receive(&self, way: Way, packet: &[u8], engine: &HandedOver) -> bool {
        let Some(credentials) = self.credentials.get() else { return false };
        let mut state = self.state();
        match Ice::of(packet) {
            Some(Ice::Check(id)) => {
                state.note_check(PeerCheck { id, way, packet: packet.to_vec() });
                false
            }
            Some(Ice::Answer(id)) => state.note_answer(way, id, credentials, engine),
            None if is_dtls(packet) && !state.has_pair => {
                if state.kept.len() < MAX_KEPT {
                    state.kept.push((way, packet.to_vec()));
                }
                true
            }
            None => false,
        }
    }

    /// Looks at what leaves.
    pub(super) fn on_send(&self, way: Way, packet: &[u8], engine: &HandedOver) -> Leaving {
        let Some(credentials) = self.credentials.get() else { return Leaving::Alone };
        let mut state = self.state();
        match Ice::of(packet) {
            Some(Ice::Answer(id)) => state.on_answer(way, id, credentials),
            Some(Ice::Check(id)) if nominates(packet) => {
                state.note_nomination(way, id, credentials, engine);
                Leaving::Alone
            }
            _ => Leaving::Alone,
        }
    }

    fn state(&self) -> MutexGuard<'_, State> {
        self.state.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl State {
    fn note_check(&mut self, check: PeerCheck) {
        if self.early.is_none() && !self.has_pair {
            if self.asked.len() >= MAX_CHECKS {
                self.asked.pop_front();
            }
            self.asked.push_back(check);
        }
    }

    /// An answer of the engine's to the peer. Behind the first one the pair is nominated.
    fn on_answer(&mut self, way: Way, id: ProbeId, credentials: &IceCredentials) -> Leaving {
        match &mut self.early {
            Some(early) => {
                // The peer has had it.
                let is_to_repetition = early.check.id == id && early.repetition == Repetition::Seen;
                if !is_to_repetition {
                    return Leaving::Alone;
                }
                early.repetition = Repetition::Answered;
                Leaving::Never
            }
            None => self.nominate(way, id, credentials).map_or(Leaving::Alone, Leaving::With),
        }
    }

    fn nominate(&mut self, way: Way, id: ProbeId, credentials: &IceCredentials) -> Option<Vec<u8>> {
        if self.has_pair {
            return None;
        }
        let index = self.asked.iter().position(|check| check.id == id && check.way == way)?;
        let nomination = Check::nomination(credentials)?;
        let check = self.asked.remove(index)?;
        self.asked.clear();
        self.early = Some(EarlyNomination {
            id: nomination.id,
            check,
            is_confirmed: false,
            works: false,
            repetition: Repetition::Due,
            engines: None,
        });
        Some(nomination.packet)
    }

    /// An answer of the peer's; whether it is not for the engine.
    fn note_answer(
        &mut self,
        way: Way,
        id: ProbeId,
        credentials: &IceCredentials,
        engine: &HandedOver,
    ) -> bool {
        let Some(early) = self.early.as_mut().filter(|early| early.check.way == way) else {
            return false;
        };
        if early.engines == Some(EnginesNomination::Confirmed(id)) {
            early.engines = None;
            return true;
        }
        let is_confirmed = early.id == id;
        early.is_confirmed |= is_confirmed;
        early.works |= !is_confirmed;
        if early.is_confirmed {
            match early.engines {
                Some(EnginesNomination::Early(nomination)) if is_confirmed => {
                    early.confirm(nomination, credentials, engine);
                }
                None if early.works && early.repetition == Repetition::Due => {
                    early.repetition = Repetition::Seen;
                    engine.push(way, early.check.packet.clone());
                }
                _ => {}
            }
        }
        is_confirmed
    }

    /// The engine nominates, and has the peer's word if it is there.
    fn note_nomination(
        &mut self,
        way: Way,
        id: ProbeId,
        credentials: &IceCredentials,
        engine: &HandedOver,
    ) {
        let has_pair = self.has_pair;
        let early = self.early.as_mut().filter(|early| early.check.way == way && !has_pair);
        match early {
            Some(early) if early.is_confirmed => early.confirm(id, credentials, engine),
            Some(early) => early.engines = Some(EnginesNomination::Early(id)),
            None => {}
        }
    }
}

impl EarlyNomination {
    /// Gives the engine the peer's word for its own nomination. It leaves all the same: a peer that has not taken the
    /// one before takes it.
    fn confirm(&mut self, id: ProbeId, credentials: &IceCredentials, engine: &HandedOver) {
        if let Some(answer) = success(credentials, id) {
            let way = self.check.way;
            debug!(peer = %way.peer, "the pair was nominated with the answer to the peer's check");
            self.engines = Some(EnginesNomination::Confirmed(id));
            engine.push(way, answer);
        }
    }
}

#[cfg(test)]
mod tests {
    use std::net::SocketAddr;

    use super::*;
    use crate::runtime::handed_over::tests::handed_over;
    use crate::runtime::probe::tests::{answer, credentials};

    /// A side that nominates, and what it is given.
    #[derive(Default)]
    struct Bed {
        nomination: Nomination,
        engine: HandedOver,
    }

    impl Bed {
        fn begun() -> Self {
            let bed = Self::default();
            bed.nomination.begin(credentials());
            bed
        }

        /// Whether the engine sees it now.
        fn receive(&self, packet: &[u8]) -> bool {
            !self.nomination.on_receive(way(), packet, &self.engine)
        }

        fn send(&self, packet: &[u8]) -> Leaving {
            self.nomination.on_send(way(), packet, &self.engine)
        }

        /// The peer asks, and the pair is nominated behind the answer. Gives the peer's check, and the nomination.
        fn nominate(&self) -> (Vec<u8>, Vec<u8>) {
            let check = check();
            assert!(self.receive(&check));
            match self.send(&answer(&check)) {
                Leaving::With(nomination) => (check, nomination),
                leaving => panic!("{leaving:?}"),
            }
        }

        fn handed_over(&self) -> Option<Vec<u8>> {
            handed_over(&self.engine, way().local)
        }
    }

    fn way() -> Way {
        let address = |port| SocketAddr::from(([127, 0, 0, 1], port));
        Way { local: address(1), peer: address(2) }
    }

    fn check() -> Vec<u8> {
        Check::of_size(&credentials(), 0).unwrap().packet
    }

    fn engines_nomination() -> Vec<u8> {
        Check::nomination(&credentials()).unwrap().packet
    }

    #[test]
    fn the_engine_has_the_peers_word_when_it_nominates() {
        let bed = Bed::begun();
        let (check, nomination) = bed.nominate();
        assert!(nominates(&nomination));
        assert!(!bed.receive(&answer(&nomination)), "it is not the engine's");
        assert_eq!(bed.handed_over(), None, "the engine has not been answered");
        assert!(bed.receive(&answer(&self::check())));
        assert_eq!(bed.handed_over().as_ref(), Some(&check), "so that it nominates");

        let engines = engines_nomination();
        assert_eq!(bed.send(&engines), Leaving::Alone);
        let word = bed.handed_over().unwrap();
        assert_eq!(Ice::of(&word), Ice::of(&answer(&engines)));
        assert!(!bed.receive(&answer(&engines)), "it has been answered");
    }

    #[test]
    fn the_order_of_the_peers_answers_does_not_matter() {
        let bed = Bed::begun();
        let (check, nomination) = bed.nominate();
        assert!(bed.receive(&answer(&self::check())));
        assert_eq!(bed.handed_over(), None);
        assert!(!bed.receive(&answer(&nomination)));
        assert_eq!(bed.handed_over(), Some(check));
    }

    #[test]
    fn without_the_peers_word_the_engine_waits_for_it() {
        let bed = Bed::begun();
        bed.nominate();
        assert!(bed.receive(&answer(&check())));
        assert_eq!(bed.send(&engines_nomination()), Leaving::Alone);
        assert_eq!(bed.handed_over(), None);
    }

    #[test]
    fn an_engine_that_nominates_first_has_the_peers_word_when_it_comes() {
        let bed = Bed::begun();
        let (_, nomination) = bed.nominate();
        assert!(bed.receive(&answer(&check())));
        let engines = engines_nomination();
        assert_eq!(bed.send(&engines), Leaving::Alone);
        assert_eq!(bed.handed_over(), None);
        assert!(!bed.receive(&answer(&nomination)), "it is not the engine's");
        let word = bed.handed_over().unwrap();
        assert_eq!(Ice::of(&word), Ice::of(&answer(&engines)));
        assert_eq!(bed.handed_over(), None, "it has nominated already");
        assert!(!bed.receive(&answer(&engines)), "it has been answered");
    }

    #[test]
    fn a_check_is_answered_as_often_as_the_peer_asks() {
        let bed = Bed::begun();
        let (check, nomination) = bed.nominate();
        assert_eq!(bed.send(&answer(&check)), Leaving::Alone, "the first was lost");
        bed.receive(&answer(&nomination));
        bed.receive(&answer(&self::check()));
        bed.handed_over().unwrap();
        assert_eq!(bed.send(&answer(&check)), Leaving::Never, "it was the repetition");
        assert_eq!(bed.send(&answer(&check)), Leaving::Alone);
    }

    #[test]
    fn a_handshake_that_begins_early_waits_for_the_pair() {
        let bed = Bed::begun();
        let packet = |number| vec![22, 0xfe, 0xfd, number];
        for number in 0..20 {
            assert!(!bed.receive(&packet(number)));
        }
        assert_eq!(bed.handed_over(), None);
        bed.nomination.pair_is_chosen(&bed.engine);
        for number in 0..MAX_KEPT as u8 {
            assert_eq!(bed.handed_over(), Some(packet(number)));
        }
        assert_eq!(bed.handed_over(), None, "a flight has no more");
        assert!(bed.receive(&packet(99)));
    }

    #[test]
    fn a_side_that_does_not_control_changes_nothing() {
        let bed = Bed::default();
        let check = check();
        for packet in [&check, &answer(&check), &engines_nomination(), &vec![22, 0xfe, 0xfd]] {
            assert!(bed.receive(packet));
            assert_eq!(bed.send(packet), Leaving::Alone);
        }
    }
}
