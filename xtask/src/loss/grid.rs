//! What is measured, and how it went.

use std::time::Duration;

use anyhow::Result;

use super::lanes::Lanes;
use crate::bench::Samples;
use crate::peers::LinkFaults;

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Program {
    Ours,
    Aiortc,
}

impl Program {
    pub(super) fn name(self) -> &'static str {
        match self {
            Self::Ours => "ours",
            Self::Aiortc => "aiortc",
        }
    }
}

/// Who talks to whom.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) struct Pair {
    pub(super) client: Program,
    pub(super) server: Program,
}

/// All of them; the first is what the others are compared with.
pub(super) const PAIRS: [Pair; 4] = [
    Pair { client: Program::Aiortc, server: Program::Aiortc },
    OURS,
    Pair { client: Program::Ours, server: Program::Aiortc },
    Pair { client: Program::Aiortc, server: Program::Ours },
];
const OURS: Pair = Pair { client: Program::Ours, server: Program::Ours };

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum What {
    /// A file goes up, and a few results come back.
    Upload,
    /// Many results of a small file, of which none may be lost.
    Results,
    /// A small file, and its only result.
    OneFrame,
}

impl What {
    pub(super) fn name(self) -> &'static str {
        match self {
            Self::Upload => "upload",
            Self::Results => "results",
            Self::OneFrame => "one frame",
        }
    }
}

/// One path, and what goes over it.
#[derive(Debug, Clone, Copy, PartialEq)]
pub(super) struct Cell {
    pub(super) what: What,
    /// In milliseconds.
    pub(super) round_trip: u64,
    /// In percent.
    pub(super) loss: f64,
}

impl Cell {
    pub(super) fn all(round_trips: &[u64], losses: &[f64]) -> Vec<Self> {
        let what = [What::Upload, What::Results].into_iter();
        let paths = |what| {
            round_trips.iter().flat_map(move |&round_trip| {
                losses.iter().map(move |&loss| Self { what, round_trip, loss })
            })
        };
        what.flat_map(paths).collect()
    }

    /// Size of the file that goes up: less where a sender that halves its window at each loss is slow.
    pub(super) fn upload_bytes(self) -> u64 {
        match self.round_trip {
            ..50 => 2_000_000,
            50..200 => 1_000_000,
            200.. => 500_000,
        }
    }

    /// Sessions that can be measured at once: where packets are long on their way, nothing else happens for most of the time.
    fn at_once(self) -> usize {
        (self.round_trip / 20).max(1) as usize
    }

    /// How many times aiortc's time it may take.
    pub(super) fn bar(self) -> f64 {
        if self.loss <= 1.0 { 1.0 } else { 2.0 }
    }

    fn faults(self, seed: u64) -> LinkFaults {
        let delay = Duration::from_micros(self.round_trip * 500);
        LinkFaults { delay, loss: self.loss, seed }
    }
}

/// How the sessions of one pair went over one path.
#[derive(Debug, Clone, Default)]
pub(super) struct Times {
    pub(super) seconds: Samples,
    pub(super) failures: Vec<String>,
}

impl Times {
    fn note(&mut self, session: Result<f64>) {
        match session {
            Ok(seconds) => self.seconds.push(seconds),
            Err(error) => self.failures.push(format!("{error:#}")),
        }
    }
}

pub(super) struct Row {
    pub(super) cell: Cell,
    /// In the order of [`PAIRS`].
    pub(super) times: [Times; 4],
}

impl Row {
    /// How many times aiortc's time this pair took; `None` if either of them never got through.
    pub(super) fn ratio(&self, pair: usize) -> Option<f64> {
        Some(self.times[pair].seconds.median()? / self.times[0].seconds.median()?)
    }

    /// Only ours with ours is under our hands at both ends.
    fn is_good_enough(&self) -> bool {
        self.ratio(1).is_none_or(|ratio| ratio <= self.cell.bar())
    }
}

/// How often each pair is measured, each time with another seed.
#[derive(Debug, Clone, Copy)]
pub(super) struct Runs {
    /// Both ends are of one kind, so these are compared.
    pub(super) alike: u64,
    /// Aiortc is at one of the ends.
    pub(super) mixed: u64,
}

impl Runs {
    fn of(self, pair: Pair) -> u64 {
        if pair.client == pair.server { self.alike } else { self.mixed }
    }
}

#[derive(Default)]
pub(super) struct Grid {
    pub(super) rows: Vec<Row>,
    pub(super) sessions: Times,
}

impl Grid {
    pub(super) fn measure(
        &mut self,
        lanes: &mut Lanes,
        cell: Cell,
        runs: Runs,
        only_ours: bool,
    ) -> Result<()> {
        let file = lanes.write_file(cell.what, cell.upload_bytes())?;
        let Cell { what, round_trip, loss } = cell;
        println!("-- {}, {round_trip} ms, {loss} %", what.name());
        let is_measured = |pair: Pair, seed| seed <= runs.of(pair) && (!only_ours || pair == OURS);
        let seeds = 1..=runs.alike.max(runs.mixed);
        let measured = lanes.each_seed(seeds, cell.at_once(), |bed, seed| {
            PAIRS.map(|pair| {
                is_measured(pair, seed).then(|| bed.session(pair, what, &file, cell.faults(seed)))
            })
        });
        let mut row = Row { cell, times: Default::default() };
        for sessions in measured {
            for (session, times) in sessions.into_iter().zip(&mut row.times) {
                session.into_iter().for_each(|session| times.note(session));
            }
        }
        for (pair, times) in PAIRS.iter().zip(&row.times) {
            let [client, server] = [pair.client, pair.server].map(Program::name);
            println!("   {client} → {server}: {}", times.seconds);
            times.failures.iter().for_each(|failure| println!("   FAILED: {failure}"));
        }
        self.rows.push(row);
        Ok(())
    }

    /// Sessions of one frame over a path that loses much.
    pub(super) fn try_sessions(&mut self, lanes: &mut Lanes, count: u64) -> Result<()> {
        let file = lanes.write_file(What::OneFrame, 0)?;
        let sessions = lanes.each_seed(1..=count, ONE_FRAMES_AT_ONCE, |bed, seed| {
            let session = bed.session(OURS, What::OneFrame, &file, ONE_FRAME.faults(seed));
            if let Err(failure) = &session {
                println!("   seed {seed}: {failure:#}");
            }
            session
        });
        sessions.into_iter().for_each(|session| self.sessions.note(session));
        Ok(())
    }

    pub(super) fn is_good_enough(&self) -> bool {
        self.rows.iter().all(Row::is_good_enough) && self.sessions.failures.is_empty()
    }
}

pub(super) const ONE_FRAME: Cell = Cell { what: What::OneFrame, round_trip: 20, loss: 5.0 };
/// Whether they succeed is what matters, and not how long they take.
const ONE_FRAMES_AT_ONCE: usize = 4;
