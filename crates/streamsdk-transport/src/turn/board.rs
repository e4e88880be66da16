//! How far one is with each server of a connection.

use std::sync::Arc;
use std::time::Duration;

use tokio::sync::watch;
use tokio::time::Instant;

use super::outcome::{ServerFailure, ServerOutcome};

/// One entry for each server, in the order in which they were given. Clones are the same board.
#[derive(Clone)]
pub(super) struct Board(Arc<watch::Sender<Vec<Progress>>>);

/// That of one server.
#[derive(Clone)]
pub(super) struct Entry {
    board: Board,
    index: usize,
}

/// How far one is with a server.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) enum Progress {
    /// It is being tried, and this is what comes next.
    Pending(Step),
    /// It answered what it was asked; the engine may not know yet.
    Answered(Instant),
    /// The engine has a candidate from it.
    Used(Instant),
    Failed(ServerFailure),
}

/// What is waited for.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Step {
    Lookup,
    Connect,
    Tls,
    Answer,
}

impl Progress {
    pub(super) fn answered_at(&self) -> Option<Instant> {
        match self {
            Self::Answered(at) | Self::Used(at) => Some(*at),
            Self::Pending(_) | Self::Failed(_) => None,
        }
    }

    pub(super) fn is_pending(&self) -> bool {
        matches!(self, Self::Pending(_))
    }

    /// What to say of it after so long.
    pub(super) fn outcome(&self, waited: Duration) -> ServerOutcome {
        match self {
            Self::Answered(_) | Self::Used(_) => ServerOutcome::Used,
            Self::Failed(failure) => ServerOutcome::Skipped(failure.clone()),
            Self::Pending(step) => {
                let what = match step {
                    Step::Lookup => "its name was not found",
                    Step::Connect => "no connection",
                    Step::Tls => "no TLS connection",
                    Step::Answer => "no answer",
                };
                ServerOutcome::Skipped(ServerFailure::NoAnswer { what, waited })
            }
        }
    }
}

impl Board {
    pub(super) fn new(progress: Vec<Progress>) -> Self {
        Self(Arc::new(watch::Sender::new(progress)))
    }

    pub(super) fn entry(&self, index: usize) -> Entry {
        Entry { board: self.clone(), index }
    }

    pub(super) fn all(&self) -> Vec<Progress> {
        self.0.borrow().clone()
    }

    pub(super) fn changes(&self) -> watch::Receiver<Vec<Progress>> {
        self.0.subscribe()
    }
}

impl Entry {
    pub(super) fn note(&self, next: impl FnOnce(Progress) -> Progress) {
        self.board.0.send_if_modified(|board| {
            let Some(progress) = board.get_mut(self.index) else { return false };
            let next = next(progress.clone());
            let changes = *progress != next;
            *progress = next;
            changes
        });
    }

    /// What comes next of making a connection.
    pub(super) fn proceed(&self, step: Step) {
        self.note(|progress| match progress {
            Progress::Pending(_) => Progress::Pending(step),
            // What it failed with tells more.
            other => other,
        });
    }

    /// A connection was made, perhaps once more.
    pub(super) fn connected(&self) {
        self.note(|progress| match progress {
            // Its allocation ended with the one before.
            Progress::Failed(ServerFailure::BrokenOff(_)) => progress,
            _ => Progress::Pending(Step::Answer),
        });
    }

    pub(super) fn fail(&self, failure: ServerFailure) {
        self.note(|_| Progress::Failed(failure));
    }

    /// Its connection broke off. Whether it had done before what it was asked for.
    pub(super) fn broke_off(&self, failure: ServerFailure) -> bool {
        let mut had_answered = false;
        self.note(|progress| {
            had_answered = progress.answered_at().is_some();
            match progress {
                // It was refused, which is why the server closed the connection.
                Progress::Failed(before) => Progress::Failed(before),
                _ => Progress::Failed(failure),
            }
        });
        had_answered
    }

    /// Whether another server did what it was asked for.
    pub(super) fn others_answered(&self) -> bool {
        let board = self.board.0.borrow();
        let others = board.iter().enumerate().filter(|(index, _)| *index != self.index);
        others.into_iter().any(|(_, progress)| progress.answered_at().is_some())
    }
}
