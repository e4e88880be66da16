//! Makes the faults, and undoes them: kills and starts, stops and lets go on, cuts and joins.

use std::process::ExitStatus;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::thread;
use std::time::{Duration, Instant};

use anyhow::{Result, bail};
use nix::sys::signal::Signal;

use super::diary::{Diary, What, now};
use super::faults::{FAULTY_AT_ONCE, Fault, Kind, rest};
use super::laid::LaidNetwork;
use super::nodes::{Node, Settings};
use super::server::Server;

/// How often everybody is looked at; what is measured is as exact as this.
const TICK: Duration = Duration::from_millis(5);
const START_LIMIT: Duration = Duration::from_secs(60);
/// Longer than any drain that is meant to end by itself.
const DRAIN_LIMIT: Duration = Duration::from_secs(20);
/// Before a node is started again that has ended by itself.
const PAUSE_AFTER_A_CRASH: Duration = Duration::from_millis(500);
/// Without one that runs in between: there is nothing more to be learned.
const MAX_CRASHES: usize = 50;

pub(super) struct Killer<'a> {
    network: &'a LaidNetwork,
    settings: &'a Settings,
    diary: &'a Diary,
    server: Server,
    server_state: ServerState,
    nodes: Vec<(Node, State)>,
    /// Since a node has last said that it runs.
    crashes: usize,
    /// How many faults there were.
    pub(super) made: &'a AtomicUsize,
}

/// Of a node.
enum State {
    /// It has been started, and has not said that it runs.
    Starting {
        fault: Option<usize>,
        since: Instant,
    },
    Well {
        since: Instant,
    },
    /// It is stopped or cut off.
    Hit {
        fault: usize,
        kind: Kind,
        until: Instant,
    },
    /// It has been asked to end, and is to be away for a while then.
    Ending {
        fault: usize,
        since: Instant,
        away: Duration,
    },
    /// It has ended.
    Gone {
        fault: Option<usize>,
        until: Instant,
    },
}

enum ServerState {
    Well { since: Instant },
    Gone { fault: usize, until: Instant },
    Starting { fault: usize },
}

impl<'a> Killer<'a> {
    pub(super) fn new(
        network: &'a LaidNetwork,
        settings: &'a Settings,
        diary: &'a Diary,
        server: Server,
        nodes: Vec<Node>,
        made: &'a AtomicUsize,
    ) -> Self {
        let since = Instant::now();
        let gone = |node| (node, State::Gone { fault: None, until: since });
        let nodes = nodes.into_iter().map(gone).collect();
        let server_state = ServerState::Well { since };
        Self { network, settings, diary, server, server_state, nodes, crashes: 0, made }
    }

    /// Starts all nodes, and waits until they run.
    pub(super) fn start_all(&mut self) -> Result<()> {
        self.until_all_are_well()
    }

    /// Makes one fault after the other, until a time if there is one, and returns when all is well again.
    pub(super) fn make(&mut self, faults: &[Fault], until: Option<Instant>) -> Result<()> {
        let mut last = Instant::now();
        for fault in faults {
            while last.elapsed() < fault.after || !self.may_be(fault) {
                self.look_after()?;
            }
            if until.is_some_and(|until| Instant::now() > until) {
                break;
            }
            last = Instant::now();
            self.hit(fault)?;
            self.made.fetch_add(1, Ordering::Relaxed);
        }
        self.until_all_are_well()
    }

    fn until_all_are_well(&mut self) -> Result<()> {
        while !self.nodes.iter().all(|(_, state)| matches!(state, State::Well { .. }))
            || !matches!(self.server_state, ServerState::Well { .. })
        {
            self.look_after()?;
        }
        Ok(())
    }

    /// Does what is due, and sees who has ended. Takes a moment.
    pub(super) fn look_after(&mut self) -> Result<()> {
        for index in 0..self.nodes.len() {
            self.look_after_node(index)?;
        }
        self.look_after_server()?;
        thread::sleep(TICK);
        Ok(())
    }

    /// Whether a fault leaves somebody to go on, and hits nobody who has not recovered from the last.
    fn may_be(&self, fault: &Fault) -> bool {
        let rest = rest(self.settings.ttl);
        let is_well = |state: &State| match state {
            State::Well { since } => since.elapsed() >= rest,
            _ => false,
        };
        match fault.node {
            Some(node) => {
                let faulty = self.nodes.iter().filter(|(_, state)| !is_well(state)).count();
                is_well(&self.nodes[node].1) && faulty < FAULTY_AT_ONCE
            }
            None => match self.server_state {
                ServerState::Well { since } => since.elapsed() >= rest,
                _ => false,
            },
        }
    }

    fn hit(&mut self, fault: &Fault) -> Result<()> {
        let (number, kind, lasts) = (fault.number, fault.kind, fault.lasts);
        let until = Instant::now() + lasts;
        let name = fault.node.map(|node| self.nodes[node].0.name.clone());
        // Before, since a stream may have moved before whoever cuts has returned.
        self.diary.note(What::Fault { number, kind, node: name, lasts })?;
        let Some(index) = fault.node else {
            self.server_state = ServerState::Gone { fault: number, until };
            return self.server.kill();
        };
        let (node, state) = &mut self.nodes[index];
        *state = match kind {
            Kind::Kill => State::Gone { fault: Some(number), until },
            Kind::Drain => State::Ending { fault: number, since: Instant::now(), away: lasts },
            _ => State::Hit { fault: number, kind, until },
        };
        match kind {
            Kind::Kill => node.kill(),
            Kind::Stop => node.signal(Signal::SIGSTOP),
            Kind::Drain => node.signal(Signal::SIGTERM),
            Kind::CutFromServer => self.network.cut_from_server(index),
            Kind::CutFromAll => self.network.cut_from_all(index),
            Kind::KillServer => Ok(()),
        }
    }

    fn look_after_node(&mut self, index: usize) -> Result<()> {
        let ended = self.nodes[index].0.ending()?;
        match (&self.nodes[index].1, ended) {
            (State::Ending { fault, since, away }, Some(status)) => {
                let (fault, took, away) = (*fault, since.elapsed(), *away);
                let node = self.nodes[index].0.name.clone();
                self.diary.note(What::Drained { node, took, status: status.code() })?;
                self.gone(index, Some(fault), away);
            }
            (State::Ending { fault, since, away }, None) if since.elapsed() > DRAIN_LIMIT => {
                let (fault, after, away) = (*fault, since.elapsed(), *away);
                let node = self.nodes[index].0.name.clone();
                self.diary.note(What::NotDrained { node, after })?;
                self.nodes[index].0.kill()?;
                self.gone(index, Some(fault), away);
            }
            (State::Starting { fault, .. }, Some(status)) => {
                let fault = *fault;
                self.crashed(index, false, &status)?;
                self.gone(index, fault, PAUSE_AFTER_A_CRASH);
            }
            (State::Starting { since, .. }, None) if since.elapsed() > START_LIMIT => {
                bail!("{} was not ready within {START_LIMIT:?}", self.nodes[index].0.name);
            }
            (State::Starting { fault, .. }, None) => self.see_whether_it_runs(index, *fault)?,
            (State::Well { .. }, Some(status)) => {
                self.crashed(index, true, &status)?;
                self.gone(index, None, PAUSE_AFTER_A_CRASH);
            }
            // It is started again when the fault is over.
            (State::Hit { .. }, Some(status)) => self.crashed(index, true, &status)?,
            (State::Hit { fault, kind, until }, None) if *until <= Instant::now() => {
                self.undo(index, *fault, *kind)?;
            }
            (State::Gone { fault, until }, _) if *until <= Instant::now() => {
                self.start(index, *fault)?;
            }
            _ => {}
        }
        Ok(())
    }

    fn start(&mut self, index: usize, fault: Option<usize>) -> Result<()> {
        let (node, state) = &mut self.nodes[index];
        node.start(self.network, self.settings)?;
        *state = State::Starting { fault, since: Instant::now() };
        self.diary.note(What::Started { node: node.name.clone() })
    }

    fn see_whether_it_runs(&mut self, index: usize, fault: Option<usize>) -> Result<()> {
        let (node, state) = &mut self.nodes[index];
        if !node.runs() {
            return Ok(());
        }
        *state = State::Well { since: Instant::now() };
        self.crashes = 0;
        self.diary.note(What::Ready { node: node.name.clone() })?;
        fault.map_or(Ok(()), |number| self.diary.note(What::Over { number }))
    }

    fn undo(&mut self, index: usize, fault: usize, kind: Kind) -> Result<()> {
        let (node, state) = &mut self.nodes[index];
        match kind {
            Kind::CutFromServer => self.network.join_to_server(index)?,
            Kind::CutFromAll => self.network.join_to_all(index)?,
            _ if node.has_process() => node.signal(Signal::SIGCONT)?,
            _ => {}
        }
        self.diary.note(What::Over { number: fault })?;
        *state = if node.has_process() {
            State::Well { since: Instant::now() }
        } else {
            State::Gone { fault: None, until: Instant::now() }
        };
        Ok(())
    }

    fn gone(&mut self, index: usize, fault: Option<usize>, away: Duration) {
        let (node, state) = &mut self.nodes[index];
        node.forget();
        *state = State::Gone { fault, until: Instant::now() + away };
    }

    fn crashed(&mut self, index: usize, ran: bool, status: &ExitStatus) -> Result<()> {
        let node = &mut self.nodes[index].0;
        let how = format!("{status}: {}", node.last_words());
        node.forget();
        self.crashes += 1;
        if self.crashes > MAX_CRASHES {
            bail!("nodes ended {} times and never ran, the last with {how}", self.crashes);
        }
        self.diary.note(What::Ended { node: self.nodes[index].0.name.clone(), ran, how })?;
        Ok(())
    }

    fn look_after_server(&mut self) -> Result<()> {
        match self.server_state {
            ServerState::Gone { fault, until } if until <= Instant::now() => {
                self.server.start_again(self.network)?;
                self.server_state = ServerState::Starting { fault };
            }
            ServerState::Starting { fault } if self.server.address().is_up() => {
                self.server_state = ServerState::Well { since: Instant::now() };
                self.diary.note(What::Over { number: fault })?;
            }
            _ => {}
        }
        Ok(())
    }

    /// From now on nothing is the matter.
    pub(super) fn end_of_faults(&self) -> Result<Duration> {
        let at = now();
        self.diary.note_of(at, What::FaultsEnded)?;
        Ok(at)
    }
}
