//! How a stream is.

use std::sync::{Mutex, MutexGuard, PoisonError};

use serde::Serialize;
use streamsdk::{Control, Drops, Summary};
use streamsdk_sinks::StreamName;

/// What a stream does.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, Serialize)]
#[serde(rename_all = "snake_case")]
#[non_exhaustive]
pub enum StreamState {
    /// It waits until it is its turn.
    Queued,
    /// A session is being started.
    Starting,
    /// There is a session.
    Running,
    /// Its session has lost the connection and makes it again.
    Reconnecting,
    /// Its session is over, and another one will be started.
    Restarting,
    /// It has ended as it should, and does not begin again.
    Complete,
    /// It has ended without what was promised, and does not begin again.
    Failed,
    /// It was told to end.
    Stopped,
}

/// Frames of a stream over all its sessions.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, Serialize)]
#[non_exhaustive]
pub struct Totals {
    /// Sessions that were started.
    pub sessions: u64,
    /// Connections that were made.
    pub links: u64,
    /// As of [`Summary::frames_sent`].
    pub frames_sent: u64,
    /// As of [`Summary::frames_returned`].
    pub frames_returned: u64,
    /// As of [`Summary::frames_failed`].
    pub frames_failed: u64,
    /// As of [`Summary::dropped`].
    pub dropped: Drops,
    /// Results that could not be handed to an outlet, as of one that is closed.
    pub undelivered: u64,
}

/// How a stream is.
#[derive(Debug, Clone, PartialEq, Serialize)]
#[non_exhaustive]
pub struct StreamStatus {
    /// Its name.
    pub name: StreamName,
    /// What it does.
    pub state: StreamState,
    /// What went wrong last, without secrets. It stays when it is mended.
    pub last_error: Option<String>,
    /// The session that is, or was the last.
    pub session: Option<Summary>,
    /// Over all sessions, this one too.
    pub totals: Totals,
}

impl StreamState {
    /// Whether it does nothing more by itself.
    pub fn is_over(self) -> bool {
        matches!(self, Self::Complete | Self::Failed | Self::Stopped)
    }

    /// Its name as it is written in JSON.
    pub fn as_str(self) -> &'static str {
        match self {
            Self::Queued => "queued",
            Self::Starting => "starting",
            Self::Running => "running",
            Self::Reconnecting => "reconnecting",
            Self::Restarting => "restarting",
            Self::Complete => "complete",
            Self::Failed => "failed",
            Self::Stopped => "stopped",
        }
    }

    pub(crate) const ALL: [Self; 8] = [
        Self::Queued,
        Self::Starting,
        Self::Running,
        Self::Reconnecting,
        Self::Restarting,
        Self::Complete,
        Self::Failed,
        Self::Stopped,
    ];
}

impl std::fmt::Display for StreamState {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.pad(self.as_str())
    }
}

impl Totals {
    fn with(mut self, session: &Summary) -> Self {
        self.links += u64::from(session.links);
        self.frames_sent += session.frames_sent;
        self.frames_returned += session.frames_returned;
        self.frames_failed += session.frames_failed;
        self.dropped = sum(self.dropped, session.dropped);
        self
    }
}

fn sum(mut drops: Drops, more: Drops) -> Drops {
    drops.not_encoded += more.not_encoded;
    drops.disconnected += more.disconnected;
    drops.not_returned += more.not_returned;
    drops.queue_full += more.queue_full;
    drops.unreadable += more.unreadable;
    drops.not_taken += more.not_taken;
    drops
}

/// What is known of a stream while it runs.
#[derive(Debug)]
pub(super) struct Ledger {
    entries: Mutex<Entries>,
}

#[derive(Debug)]
struct Entries {
    state: StreamState,
    last_error: Option<String>,
    session: SessionEntry,
    /// Of the sessions that are over.
    totals: Totals,
}

#[derive(Debug)]
enum SessionEntry {
    None,
    Running(Control),
    Over(Box<Summary>),
}

impl Ledger {
    pub(super) fn new() -> Self {
        let entries = Entries {
            state: StreamState::Queued,
            last_error: None,
            session: SessionEntry::None,
            totals: Totals::default(),
        };
        Self { entries: Mutex::new(entries) }
    }

    pub(super) fn state(&self) -> StreamState {
        self.lock().state
    }

    pub(super) fn set_state(&self, state: StreamState) {
        self.lock().state = state;
    }

    pub(super) fn went_wrong(&self, error: String) {
        self.lock().last_error = Some(error);
    }

    pub(super) fn session_began(&self, control: Control) {
        let mut entries = self.lock();
        entries.totals.sessions += 1;
        entries.session = SessionEntry::Running(control);
        entries.state = StreamState::Running;
    }

    pub(super) fn session_ended(&self, summary: &Summary) {
        let mut entries = self.lock();
        entries.totals = entries.totals.with(summary);
        entries.session = SessionEntry::Over(Box::new(summary.clone()));
    }

    pub(super) fn not_delivered(&self) {
        self.lock().totals.undelivered += 1;
    }

    pub(super) fn status(&self, name: &StreamName) -> StreamStatus {
        let entries = self.lock();
        let (session, totals) = match &entries.session {
            SessionEntry::None => (None, entries.totals),
            SessionEntry::Running(control) => {
                let summary = control.statistics().session;
                let totals = entries.totals.with(&summary);
                (Some(summary), totals)
            }
            SessionEntry::Over(summary) => (Some((**summary).clone()), entries.totals),
        };
        StreamStatus {
            name: name.clone(),
            state: entries.state,
            last_error: entries.last_error.clone(),
            session,
            totals,
        }
    }

    fn lock(&self) -> MutexGuard<'_, Entries> {
        self.entries.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn frames_add_up_over_sessions() {
        let ledger = Ledger::new();
        let mut summary = Summary::default();
        summary.frames_sent = 10;
        summary.frames_returned = 7;
        summary.dropped.not_returned = 3;
        summary.links = 2;
        ledger.session_ended(&summary);
        ledger.session_ended(&summary);
        let totals = ledger.status(&"gate".parse().unwrap()).totals;
        assert_eq!((totals.frames_sent, totals.frames_returned, totals.links), (20, 14, 4));
        assert_eq!(totals.dropped.not_returned, 6);
    }

    #[test]
    fn a_state_is_called_the_same_everywhere() {
        for state in StreamState::ALL {
            assert_eq!(serde_json::to_value(state).unwrap(), state.as_str());
        }
    }
}
