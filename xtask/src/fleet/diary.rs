//! What the bed did, and when: for the auditor, and for whoever looks into what was found.

use std::fs::File;
use std::io::Write;
use std::path::Path;
use std::sync::{Mutex, MutexGuard, PoisonError};
use std::time::{Duration, SystemTime, UNIX_EPOCH};

use anyhow::{Context, Result};
use serde_json::{Value, json};

use super::faults::Kind;

/// Since 1970, by the clock that the NATS server has, too.
pub(super) fn now() -> Duration {
    SystemTime::now().duration_since(UNIX_EPOCH).unwrap_or_default()
}

#[derive(Debug, Clone, PartialEq)]
pub(super) struct Note {
    pub(super) at: Duration,
    pub(super) what: What,
}

#[derive(Debug, Clone, PartialEq)]
pub(super) enum What {
    /// From now on these streams are wanted, and no others.
    Applied { generation: usize, streams: Vec<Wanted> },
    /// A node's process was started.
    Started { node: String },
    /// It has said that it runs.
    Ready { node: String },
    /// A fault began. `node` is `None` for the server.
    Fault { number: usize, kind: Kind, node: Option<String>, lasts: Duration },
    /// What it was is over: a process is ready again, goes on, or has its network.
    Over { number: usize },
    /// A node that was asked to end has ended.
    Drained { node: String, took: Duration, status: Option<i32> },
    /// A node that was asked to end had to be killed.
    NotDrained { node: String, after: Duration },
    /// A node ended that nobody had asked to, before it ran or after. `how` is its status and what it said last.
    Ended { node: String, ran: bool, how: String },
    /// There are no faults any more.
    FaultsEnded,
}

/// A stream that is wanted.
#[derive(Debug, Clone, PartialEq)]
pub(super) struct Wanted {
    pub(super) name: String,
    pub(super) source: Source,
}

#[derive(Debug, Clone, Copy, PartialEq)]
pub(super) enum Source {
    File { frames: u64 },
    Live { per_second: f64 },
}

pub(super) struct Diary {
    kept: Mutex<Kept>,
}

struct Kept {
    notes: Vec<Note>,
    file: File,
}

impl Diary {
    pub(super) fn begin(path: &Path) -> Result<Self> {
        let file = File::create(path);
        let file = file.with_context(|| format!("cannot write {}", path.display()))?;
        Ok(Self { kept: Mutex::new(Kept { notes: Vec::new(), file }) })
    }

    /// Of what happens now.
    pub(super) fn note(&self, what: What) -> Result<()> {
        self.note_of(now(), what)
    }

    /// Of what happened at a time that was looked at before.
    pub(super) fn note_of(&self, at: Duration, what: What) -> Result<()> {
        let note = Note { at, what };
        let mut kept = self.lock();
        // One write, so that a line is whole whenever this program ends.
        kept.file.write_all(format!("{}\n", note.to_json()).as_bytes())?;
        kept.notes.push(note);
        Ok(())
    }

    /// In the order of their times.
    pub(super) fn notes(&self) -> Vec<Note> {
        let mut notes = self.lock().notes.clone();
        notes.sort_by_key(|note| note.at);
        notes
    }

    fn lock(&self) -> MutexGuard<'_, Kept> {
        self.kept.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl Note {
    fn to_json(&self) -> Value {
        let mut line = self.what.to_json();
        line["at"] = self.at.as_secs_f64().into();
        line
    }
}

impl What {
    fn to_json(&self) -> Value {
        match self {
            Self::Applied { generation, streams } => {
                let streams: Vec<_> = streams.iter().map(Wanted::to_json).collect();
                json!({ "what": "applied", "generation": generation, "streams": streams })
            }
            Self::Started { node } => json!({ "what": "started", "node": node }),
            Self::Ready { node } => json!({ "what": "ready", "node": node }),
            Self::Fault { number, kind, node, lasts } => json!({
                "what": "fault",
                "number": number,
                "kind": kind.name(),
                "node": node,
                "lasts": lasts.as_secs_f64(),
            }),
            Self::Over { number } => json!({ "what": "over", "number": number }),
            Self::Drained { node, took, status } => json!({
                "what": "drained", "node": node, "took": took.as_secs_f64(), "status": status,
            }),
            Self::NotDrained { node, after } => json!({
                "what": "not drained", "node": node, "after": after.as_secs_f64(),
            }),
            Self::Ended { node, ran, how } => {
                json!({ "what": "ended", "node": node, "ran": ran, "how": how })
            }
            Self::FaultsEnded => json!({ "what": "faults ended" }),
        }
    }
}

impl Wanted {
    fn to_json(&self) -> Value {
        match self.source {
            Source::File { frames } => json!({ "name": self.name, "frames": frames }),
            Source::Live { per_second } => json!({ "name": self.name, "per_second": per_second }),
        }
    }
}
