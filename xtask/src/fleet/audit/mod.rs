//! Whether a fleet kept its promises, from its log and the bed's diary alone: a function of both, and of nothing else.

mod drains;
mod files;
mod live;
mod moves;
mod order;
#[cfg(test)]
mod testing;
mod times;
mod troubles;

use std::collections::BTreeMap;
use std::fmt;
use std::time::Duration;

use self::troubles::Troubles;
use super::diary::{Note, Source, Wanted, What};
use super::log::{Entry, Kind, Record};

pub(super) use self::live::Gaps;
pub(super) use self::times::Times;

/// What was found.
pub(super) struct Audit {
    pub(super) checks: Vec<Check>,
    pub(super) figures: Figures,
}

/// One promise, and where it was not kept.
pub(super) struct Check {
    pub(super) name: &'static str,
    /// What it was held against.
    pub(super) seen: String,
    pub(super) violations: Vec<Violation>,
}

#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) struct Violation {
    /// The stream and where in the log, or the node.
    pub(super) place: String,
    pub(super) found: String,
    pub(super) expected: String,
}

/// What there was, kept or not.
#[derive(Default)]
pub(super) struct Figures {
    pub(super) generations: usize,
    pub(super) files: usize,
    /// Those of them that took more than one epoch.
    pub(super) interrupted: usize,
    pub(super) live: usize,
    pub(super) records: usize,
    pub(super) file_frames: usize,
    pub(super) live_results: usize,
    pub(super) epochs: usize,
    /// How long streams took to go on, by what happened to their node, and what was the matter besides.
    pub(super) moves: BTreeMap<(String, &'static str), Times>,
    /// Of faults that were over before a stream had to move: so many went on where they were, and so many moved.
    pub(super) stayed: usize,
    pub(super) moved_early: usize,
    pub(super) drains: Times,
    pub(super) gaps: Gaps,
}

/// The log of one stream, in its order.
struct Stream<'a> {
    name: &'a str,
    /// `None` if nobody ever wanted it.
    source: Option<Source>,
    wanted_since: Duration,
    entries: Vec<&'a Entry>,
}

/// How the nodes were started.
#[derive(Clone, Copy)]
pub(super) struct Settings {
    pub(super) ttl: Duration,
    /// So much later is in time, too.
    pub(super) slack: Duration,
    /// Files that a node streams at a time.
    pub(super) files_at_once: usize,
}

pub(super) fn audit(log: &[Entry], diary: &[Note], settings: Settings) -> Audit {
    let streams = streams(log, diary);
    let troubles = Troubles::read(diary, settings.ttl, settings.slack);
    let mut figures = counted(log, diary, &streams);
    let mut checks = vec![
        whole(log),
        readable(&streams),
        order::epochs_rise(&streams),
        order::sequences_have_no_gap(&streams),
        order::one_node_each(&streams),
        files::frames_once_and_in_order(&streams),
        files::nothing_after_the_end(&streams),
        files::all_complete(&streams),
        live::in_order(&streams),
        live::all_go_on(&streams, diary),
    ];
    let moves = moves::find(&streams, &troubles, diary, settings.files_at_once);
    checks.extend(moves.checks(troubles.limit()));
    checks.extend(drains::checks(diary, &troubles));
    (figures.moves, figures.stayed, figures.moved_early) =
        (moves.times(), moves.stayed, moves.moved_early);
    figures.drains = drains::times(diary);
    figures.gaps = live::gaps(&streams);
    Audit { checks, figures }
}

/// The server numbers what it stores, so whatever is missing was thrown away, or not read.
fn whole(log: &[Entry]) -> Check {
    let mut violations = Vec::new();
    let mut expected = 1;
    for entry in log {
        if entry.place != expected {
            violations.push(Violation {
                place: format!("place {}", entry.place),
                found: "it follows the one before".to_owned(),
                expected: format!("place {expected}"),
            });
        }
        expected = entry.place + 1;
    }
    if log.is_empty() {
        violations.push(Violation {
            place: "the log".to_owned(),
            found: "nothing".to_owned(),
            expected: "records".to_owned(),
        });
    }
    Check { name: "the log is whole", seen: format!("{} messages", log.len()), violations }
}

/// Everything is a record of a stream that somebody wanted.
fn readable(streams: &[Stream<'_>]) -> Check {
    let mut violations = Vec::new();
    for stream in streams {
        for entry in &stream.entries {
            if let Err(reason) = &entry.record {
                violations.push(Violation::at(entry, reason, "a record of its stream"));
            } else if stream.source.is_none() {
                violations.push(Violation::at(entry, "a record", "a stream that was applied"));
            }
        }
    }
    let seen = format!("{} streams", streams.len());
    Check { name: "each message is a record with its id", seen, violations }
}

fn streams<'a>(log: &'a [Entry], diary: &'a [Note]) -> Vec<Stream<'a>> {
    let mut streams: BTreeMap<&str, Stream<'_>> = BTreeMap::new();
    for (wanted_since, Wanted { name, source }) in wanted(diary) {
        streams.entry(name).or_insert_with(|| Stream {
            name,
            source: Some(*source),
            wanted_since,
            entries: Vec::new(),
        });
    }
    for entry in log {
        let name = &*entry.stream;
        let wanted_since = Duration::MAX;
        let unknown = || Stream { name, source: None, wanted_since, entries: Vec::new() };
        streams.entry(name).or_insert_with(unknown).entries.push(entry);
    }
    streams.into_values().collect()
}

/// What was wanted, and from when on.
fn wanted(diary: &[Note]) -> impl Iterator<Item = (Duration, &Wanted)> {
    diary.iter().flat_map(|note| {
        let streams = match &note.what {
            What::Applied { streams, .. } => streams.as_slice(),
            _ => &[],
        };
        streams.iter().map(|wanted| (note.at, wanted))
    })
}

fn counted(log: &[Entry], diary: &[Note], streams: &[Stream<'_>]) -> Figures {
    let generations = diary.iter().filter(|note| matches!(note.what, What::Applied { .. }));
    let results = |stream: &Stream<'_>| {
        stream.records().filter(|(_, record)| matches!(record.kind, Kind::Result { .. })).count()
    };
    let (files, live): (Vec<_>, Vec<_>) = streams.iter().partition(|stream| stream.is_file());
    let is_begin = |(_, record): &(&Entry, &Record)| matches!(record.kind, Kind::Begin { .. });
    let epochs = |stream: &Stream<'_>| stream.records().filter(is_begin).count();
    Figures {
        generations: generations.count(),
        files: files.len(),
        interrupted: files.iter().filter(|file| epochs(file) > 1).count(),
        live: live.len(),
        records: log.len(),
        file_frames: files.into_iter().map(results).sum(),
        live_results: live.into_iter().map(results).sum(),
        epochs: streams.iter().map(epochs).sum(),
        ..Figures::default()
    }
}

impl<'a> Stream<'a> {
    fn records(&self) -> impl Iterator<Item = (&'a Entry, &'a Record)> {
        self.entries.iter().filter_map(|entry| Some((*entry, entry.record.as_ref().ok()?)))
    }

    /// When a file was finished.
    fn complete(&self) -> Option<Duration> {
        let mut records = self.records();
        let end = records.find(|(_, record)| files::is_complete(&record.kind));
        end.map(|(entry, _)| entry.at)
    }

    fn is_file(&self) -> bool {
        matches!(self.source, Some(Source::File { .. }))
    }
}

impl Violation {
    fn at(entry: &Entry, found: impl fmt::Display, expected: impl Into<String>) -> Self {
        let Entry { place, stream, record, .. } = entry;
        let place = match record {
            Ok(Record { epoch, sequence, .. }) => {
                format!("{stream}/{epoch}-{sequence}, place {place}")
            }
            Err(_) => format!("{stream}, place {place}"),
        };
        Self { place, found: found.to_string(), expected: expected.into() }
    }

    fn of_stream(name: &str, found: impl Into<String>, expected: impl Into<String>) -> Self {
        Self { place: name.to_owned(), found: found.into(), expected: expected.into() }
    }
}

impl fmt::Display for Violation {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}: {}; expected {}", self.place, self.found, self.expected)
    }
}

impl Audit {
    pub(super) fn failed(&self) -> usize {
        self.checks.iter().filter(|check| !check.violations.is_empty()).count()
    }

    pub(super) fn passed(&self) -> usize {
        self.checks.len() - self.failed()
    }
}

#[cfg(test)]
mod tests {
    use super::testing::*;
    use super::*;

    #[test]
    fn a_good_run_has_no_violations() {
        let audit = audit_of(&good_log(), &good_diary());
        assert_eq!(found(&audit), [""; 0]);
        let Figures {
            generations, files, live, records, file_frames, live_results, epochs, ..
        } = audit.figures;
        assert_eq!((generations, files, live), (1, 1, 1));
        assert_eq!((records, file_frames, live_results, epochs), (15, 4, 6, 4));
    }

    #[test]
    fn what_the_server_has_thrown_away_is_missed() {
        let mut log = good_log();
        log.remove(4);
        assert!(found_by(&audit_of(&log, &good_diary()), "the log is whole").contains("place 5"));
        log.clear();
        assert!(found_by(&audit_of(&log, &good_diary()), "the log is whole").contains("nothing"));
    }

    #[test]
    fn what_is_no_record_is_found() {
        let mut log = good_log();
        log[3].record = Err("it has no version".to_owned());
        let audit = audit_of(&log, &good_diary());
        assert!(found_by(&audit, "each message is a record with its id").contains("no version"));
    }

    #[test]
    fn a_stream_that_nobody_wanted_is_found() {
        let mut log = good_log();
        push(&mut log, 90.0, "other", 1, 0, begin("n1", None));
        let audit = audit_of(&log, &good_diary());
        assert!(found_by(&audit, "each message is a record with its id").contains("applied"));
    }
}
