//! The faults of a run, all drawn beforehand from one number, so that the same number gives the same faults.

use std::time::Duration;

use fastrand::Rng;

pub(super) const NODES: usize = 3;
/// Somebody is left to go on.
pub(super) const FAULTY_AT_ONCE: usize = 2;

/// What is done to a node, or to the server.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub(super) enum Kind {
    /// SIGKILL; it is started again.
    Kill,
    /// SIGSTOP; it goes on.
    Stop,
    /// SIGTERM; it is started again.
    Drain,
    /// It does not reach the NATS server, and is not told so.
    CutFromServer,
    /// Its link is down.
    CutFromAll,
    /// The NATS server is killed, and started again.
    KillServer,
}

impl Kind {
    pub(super) const ALL: [Self; 6] = [
        Self::Kill,
        Self::Stop,
        Self::Drain,
        Self::CutFromServer,
        Self::CutFromAll,
        Self::KillServer,
    ];

    pub(super) fn name(self) -> &'static str {
        match self {
            Self::Kill => "node killed",
            Self::Stop => "node stopped",
            Self::Drain => "node drained",
            Self::CutFromServer => "node cut off from NATS",
            Self::CutFromAll => "node cut off from all",
            Self::KillServer => "NATS killed",
        }
    }

    /// Whether a node's process is another one afterwards.
    pub(super) fn ends_process(self) -> bool {
        matches!(self, Self::Kill | Self::Drain)
    }
}

/// One fault.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) struct Fault {
    pub(super) number: usize,
    /// Since the fault before it began. More if that could not have been: see [`FAULTY_AT_ONCE`].
    pub(super) after: Duration,
    pub(super) kind: Kind,
    /// `None` for the server.
    pub(super) node: Option<usize>,
    /// Until a process is started again, goes on, or has its network.
    pub(super) lasts: Duration,
}

/// How long a node is left alone after a fault.
pub(super) fn rest(ttl: Duration) -> Duration {
    ttl / 2
}

pub(super) fn draw(seed: u64, count: usize, ttl: Duration) -> Vec<Fault> {
    let mut drawing =
        Drawing { rng: Rng::with_seed(seed), ttl, now: Duration::ZERO, faulty: Faulty::default() };
    (1..=count).map(|number| drawing.fault(number)).collect()
}

struct Drawing {
    rng: Rng,
    ttl: Duration,
    /// When the last fault begins, if everything takes the time that it should.
    now: Duration,
    faulty: Faulty,
}

/// Until when each is faulty, the server last.
#[derive(Default)]
struct Faulty([Duration; NODES + 1]);

impl Drawing {
    fn fault(&mut self, number: usize) -> Fault {
        let (before, kind, pause) = (self.now, self.kind(number), self.pause());
        self.now += pause;
        let (place, earliest) = self.place(kind);
        self.now = self.now.max(earliest);
        let lasts = self.lasts(kind);
        self.faulty.0[place] = self.now + lasts + rest(self.ttl);
        let node = (place < NODES).then_some(place);
        Fault { number, after: self.now - before, kind, node, lasts }
    }

    /// The server is hit rarely, but in a short run, too.
    fn kind(&mut self, number: usize) -> Kind {
        if number % SERVER_EVERY == SERVER_FIRST {
            return Kind::KillServer;
        }
        match self.rng.u32(0..100) {
            0..30 => Kind::Kill,
            30..50 => Kind::Stop,
            50..66 => Kind::Drain,
            66..83 => Kind::CutFromServer,
            _ => Kind::CutFromAll,
        }
    }

    /// Sometimes none.
    fn pause(&mut self) -> Duration {
        if self.rng.u32(0..100) < 12 { Duration::ZERO } else { self.between(0.5, 2.2, SECOND) }
    }

    /// Who is hit, and when at the earliest.
    fn place(&mut self, kind: Kind) -> (usize, Duration) {
        if kind == Kind::KillServer {
            return (NODES, self.faulty.0[NODES]);
        }
        let mut ends: Vec<_> = self.faulty.0[..NODES].to_vec();
        ends.sort_unstable();
        // From then on one more can be faulty.
        let earliest = self.now.max(ends[NODES - FAULTY_AT_ONCE]);
        let well: Vec<_> = (0..NODES).filter(|&node| self.faulty.0[node] <= earliest).collect();
        (self.rng.choice(well).unwrap_or(0), earliest)
    }

    fn lasts(&mut self, kind: Kind) -> Duration {
        let ttl = self.ttl;
        match kind {
            Kind::Kill => self.between(0.1, 1.5, ttl),
            Kind::Drain => self.between(0.05, 1.0, ttl),
            Kind::KillServer if self.rng.u32(0..4) == 0 => self.between(0.95, 1.5, ttl),
            Kind::KillServer => self.between(0.05, 0.8, ttl),
            _ if self.rng.bool() => self.between(0.1, 0.85, ttl),
            _ => self.between(1.4, 2.2, ttl),
        }
    }

    fn between(&mut self, low: f64, high: f64, of: Duration) -> Duration {
        let times = low + (high - low) * self.rng.f64();
        // Of milliseconds, so that a diary can be read.
        Duration::from_millis((of.as_secs_f64() * times * 1000.0) as u64)
    }
}

const SECOND: Duration = Duration::from_secs(1);
const SERVER_EVERY: usize = 25;
const SERVER_FIRST: usize = 10;

#[cfg(test)]
mod tests {
    use super::*;

    const TTL: Duration = Duration::from_secs(2);

    #[test]
    fn the_same_number_gives_the_same_faults() {
        assert_eq!(draw(7, 200, TTL), draw(7, 200, TTL));
        assert_ne!(draw(7, 200, TTL), draw(8, 200, TTL));
        assert_eq!(draw(7, 200, TTL)[..50], draw(7, 50, TTL));
    }

    #[test]
    fn somebody_is_left_and_nobody_is_hit_twice_at_once() {
        for seed in 0..50 {
            let (mut now, mut faulty) = (Duration::ZERO, Faulty::default());
            for fault in draw(seed, 300, TTL) {
                now += fault.after;
                let place = fault.node.unwrap_or(NODES);
                assert!(faulty.0[place] <= now, "seed {seed}, {fault:?}");
                faulty.0[place] = now + fault.lasts + rest(TTL);
                let at_once = faulty.0[..NODES].iter().filter(|&&end| end > now).count();
                assert!(at_once <= FAULTY_AT_ONCE, "seed {seed}, {fault:?}");
            }
        }
    }

    #[test]
    fn there_is_some_of_everything() {
        let faults = draw(1, 1000, TTL);
        for kind in Kind::ALL {
            let of_kind: Vec<_> = faults.iter().filter(|fault| fault.kind == kind).collect();
            assert!(of_kind.len() >= 20, "{}: {}", kind.name(), of_kind.len());
            if kind != Kind::Drain {
                assert!(of_kind.iter().any(|fault| fault.lasts < TTL), "{}", kind.name());
                assert!(of_kind.iter().any(|fault| fault.lasts > TTL), "{}", kind.name());
            }
        }
        assert!(faults.iter().any(|fault| fault.after.is_zero()));
        let total: Duration = faults.iter().map(|fault| fault.after).sum();
        let each = total.as_secs_f64() / 1000.0;
        assert!((1.0..2.2).contains(&each), "one each {each:.2} s");
    }
}
