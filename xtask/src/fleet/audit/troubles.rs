//! What was the matter when, from the diary.

use std::collections::BTreeSet;
use std::time::Duration;

use crate::fleet::diary::{Note, What};
use crate::fleet::faults::Kind;

/// A stream goes on elsewhere so long after the TTL at the latest.
const MARGIN: Duration = Duration::from_millis(500);

/// Longer than the TTL, a node may take so long until it has found its way to a server that was away.
const WAY_BACK: Duration = Duration::from_secs(1);

pub(super) struct Troubles {
    pub(super) all: Vec<Trouble>,
    /// All that were started.
    nodes: BTreeSet<String>,
    ttl: Duration,
    slack: Duration,
}

/// Why a stream may go on later than that.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) struct Excuse {
    /// From when on it is counted.
    pub(super) since: Duration,
    /// Whether the server was away, or only other nodes hit.
    pub(super) by_server: bool,
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
    pub(super) fn read(diary: &[Note], ttl: Duration, slack: Duration) -> Self {
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
        let nodes = diary.iter().filter_map(|note| match &note.what {
            What::Started { node } => Some(node.clone()),
            _ => None,
        });
        Self { all: all.collect(), nodes: nodes.collect(), ttl, slack }
    }

    /// Within which a stream goes on elsewhere.
    pub(super) fn limit(&self) -> Duration {
        self.ttl + MARGIN + self.slack
    }

    /// So much later is in time, too.
    pub(super) fn slack(&self) -> Duration {
        self.slack
    }

    /// Whether the server was away between these times, or so shortly before that nodes may not have been back.
    pub(super) fn server_was_away(&self, from: Duration, to: Duration) -> bool {
        self.server_back(from, to).is_some()
    }

    /// Why a stream that this node lost went on as late as it did, if there is a reason. One that comes when it is too late
    /// already is none.
    pub(super) fn excuse(&self, node: &str, lost: Duration, went_on: Duration) -> Option<Excuse> {
        let mut excuse: Option<Excuse> = None;
        loop {
            let since = excuse.map_or(lost, |excuse| excuse.since);
            let deadline = (since + self.limit()).min(went_on);
            let server = self.server_back(since, deadline);
            let hit = self.last_hit_elsewhere(node, since, deadline);
            let fit = self.fit_elsewhere(node, since, deadline);
            let by_server = server.is_some() || excuse.is_some_and(|excuse| excuse.by_server);
            let next = server.max(hit).max(fit).map(|next| next.min(went_on));
            match next.filter(|next| *next > since) {
                Some(since) => excuse = Some(Excuse { since, by_server }),
                None => return excuse,
            }
        }
    }

    /// When nodes had found their way back to the server, if it was away in between.
    fn server_back(&self, from: Duration, to: Duration) -> Option<Duration> {
        let of_server = self.all.iter().filter(|it| it.node.is_none() && it.begin <= to);
        let back = of_server.map(|trouble| match trouble.over {
            Some(over) => over + self.ttl + WAY_BACK,
            None => Duration::MAX,
        });
        back.filter(|back| *back > from).max()
    }

    /// When another node than this one was last hit between these times: a stream may have been on its way there.
    fn last_hit_elsewhere(&self, node: &str, from: Duration, to: Duration) -> Option<Duration> {
        let is_other = |it: &&Trouble| it.node.as_deref().is_some_and(|other| other != node);
        let hits = self.all.iter().filter(is_other).map(|trouble| trouble.begin);
        hits.filter(|begin| (from..=to).contains(begin)).max()
    }

    /// When the first of the other nodes was fit to go on with streams, if none was throughout. After a fault a node has a TTL
    /// for finding its way back.
    fn fit_elsewhere(&self, node: &str, from: Duration, to: Duration) -> Option<Duration> {
        let fit = self.nodes.iter().filter(|other| *other != node).map(|other| {
            let of_other = self.all.iter().filter(|it| it.node.as_ref() == Some(other));
            let ends = of_other.filter(|it| it.begin <= to).map(|trouble| match trouble.over {
                Some(over) => over + self.ttl,
                None => Duration::MAX,
            });
            ends.max().unwrap_or_default()
        });
        fit.min().filter(|fit| *fit > from)
    }
}
