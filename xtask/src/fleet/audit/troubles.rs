//! What was the matter when, from the diary.

use std::time::Duration;

use crate::fleet::diary::{Note, What};
use crate::fleet::faults::Kind;

/// A stream goes on elsewhere so long after the TTL at the latest.
const MARGIN: Duration = Duration::from_millis(500);

pub(super) struct Troubles {
    pub(super) all: Vec<Trouble>,
    ttl: Duration,
}

/// A fault, from its beginning to its end.
#[derive(Debug, Clone)]
pub(super) struct Trouble {
    pub(super) number: usize,
    pub(super) kind: Kind,
    /// `None` for the server.
    pub(super) node: Option<String>,
    pub(super) begin: Duration,
    /// `None` if the run ended before.
    pub(super) over: Option<Duration>,
}

impl Troubles {
    pub(super) fn read(diary: &[Note], ttl: Duration) -> Self {
        let ends = |wanted: usize| {
            let over = move |note: &&Note| note.what == What::Over { number: wanted };
            diary.iter().find(over).map(|note| note.at)
        };
        let all = diary.iter().filter_map(|note| match &note.what {
            What::Fault { number, kind, node, .. } => Some(Trouble {
                number: *number,
                kind: *kind,
                node: node.clone(),
                begin: note.at,
                over: ends(*number),
            }),
            _ => None,
        });
        Self { all: all.collect(), ttl }
    }

    /// Within which a stream goes on elsewhere.
    pub(super) fn limit(&self) -> Duration {
        self.ttl + MARGIN
    }

    /// Whether the server was away between these times, or so shortly before that nodes may not have been back.
    pub(super) fn server_was_away(&self, from: Duration, to: Duration) -> bool {
        let back = self.ttl + Duration::from_secs(1);
        let of_server = self.all.iter().filter(|trouble| trouble.node.is_none());
        let mut overlaps = of_server.map(|trouble| {
            trouble.begin <= to && trouble.over.is_none_or(|over| over + back >= from)
        });
        overlaps.any(|overlaps| overlaps)
    }

    /// When something was last the matter with another node than this one between these times, so that a stream may
    /// have been on its way to a node that was hit, or could only go to one that was just coming back.
    pub(super) fn last_elsewhere(
        &self,
        node: &str,
        from: Duration,
        to: Duration,
    ) -> Option<Duration> {
        let elsewhere = self
            .all
            .iter()
            .filter(|trouble| trouble.node.as_deref().is_some_and(|other| other != node));
        let times = elsewhere.flat_map(|trouble| [Some(trouble.begin), trouble.over]).flatten();
        times.filter(|time| (from..=to).contains(time)).max()
    }
}
