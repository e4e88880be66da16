//! Logs and diaries written by hand.

use std::time::Duration;

use super::{Audit, Settings, audit};
use crate::fleet::diary::{Note, Source, Wanted, What};
use crate::fleet::faults;
use crate::fleet::log::{Entry, Kind, Record};

const TTL: Duration = Duration::from_secs(2);
const WORK: &str = "a1";

pub(super) fn audit_of(log: &[Entry], diary: &[Note]) -> Audit {
    audit(log, diary, Settings { ttl: TTL, slack: Duration::ZERO, files_at_once: 2 })
}

/// All violations.
pub(super) fn found(audit: &Audit) -> Vec<String> {
    let violations = audit.checks.iter().flat_map(|check| &check.violations);
    violations.map(ToString::to_string).collect()
}

/// Those of one check.
pub(super) fn found_by(audit: &Audit, name: &str) -> String {
    let check = audit.checks.iter().find(|check| check.name == name).unwrap();
    check.violations.iter().map(|violation| format!("{violation}\n")).collect()
}

/// n1 has both streams and is stopped at 12; n2 goes on with them.
pub(super) fn good_log() -> Vec<Entry> {
    let mut log = Vec::new();
    push(&mut log, 10.0, "file", 1, 0, begin_of("n1", WORK, 0));
    push(&mut log, 10.0, "live", 10, 0, begin("n1", None));
    push(&mut log, 10.5, "file", 1, 1, result(1));
    push(&mut log, 10.5, "live", 10, 1, result(1));
    push(&mut log, 11.0, "live", 10, 2, result(2));
    push(&mut log, 11.0, "file", 1, 2, result(2));
    push(&mut log, 11.5, "live", 10, 3, result(3));
    push(&mut log, 13.0, "file", 2, 0, begin_of("n2", WORK, 2));
    push(&mut log, 13.0, "live", 11, 0, begin("n2", None));
    push(&mut log, 13.5, "live", 11, 1, result(1));
    push(&mut log, 13.5, "file", 2, 1, result(3));
    push(&mut log, 14.0, "file", 2, 2, result(4));
    push(&mut log, 14.0, "live", 11, 2, result(2));
    push(&mut log, 14.0, "file", 2, 3, end("complete", 4));
    push(&mut log, 14.5, "live", 11, 3, result(3));
    log
}

pub(super) fn good_diary() -> Vec<Note> {
    vec![
        note(9.0, applied(&[file("file", 4), live("live")])),
        note(12.0, fault(1, faults::Kind::Stop, Some("n1"))),
        note(14.2, What::FaultsEnded),
    ]
}

pub(super) fn push(
    log: &mut Vec<Entry>,
    at: f64,
    stream: &str,
    epoch: u64,
    sequence: u64,
    kind: Kind,
) {
    log.push(Entry {
        place: log.last().map_or(1, |last| last.place + 1),
        at: Duration::from_secs_f64(at),
        stream: stream.to_owned(),
        record: record(epoch, sequence, kind),
    });
}

pub(super) fn record(epoch: u64, sequence: u64, kind: Kind) -> Result<Record, String> {
    Ok(Record { epoch, sequence, kind })
}

pub(super) fn begin(node: &str, after_frame: Option<u64>) -> Kind {
    Kind::Begin { node: node.to_owned(), work: Some(WORK.to_owned()), after_frame }
}

pub(super) fn begin_of(node: &str, work: &str, after_frame: u64) -> Kind {
    let after_frame = (after_frame > 0).then_some(after_frame);
    Kind::Begin { node: node.to_owned(), work: Some(work.to_owned()), after_frame }
}

pub(super) fn result(frame: u64) -> Kind {
    Kind::Result { frame: Some(frame), work: Some(WORK.to_owned()) }
}

pub(super) fn end(outcome: &str, frames: u64) -> Kind {
    let (work, outcome) = (Some(WORK.to_owned()), outcome.to_owned());
    Kind::End { work, outcome, frames: Some(frames) }
}

pub(super) fn note(at: f64, what: What) -> Note {
    Note { at: Duration::from_secs_f64(at), what }
}

pub(super) fn applied(streams: &[Wanted]) -> What {
    What::Applied { generation: 1, streams: streams.to_vec() }
}

pub(super) fn file(name: &str, frames: u64) -> Wanted {
    Wanted { name: name.to_owned(), source: Source::File { frames } }
}

pub(super) fn live(name: &str) -> Wanted {
    Wanted { name: name.to_owned(), source: Source::Live { per_second: 2.0 } }
}

pub(super) fn fault(number: usize, kind: faults::Kind, node: Option<&str>) -> What {
    let node = node.map(ToOwned::to_owned);
    What::Fault { number, kind, node, lasts: Duration::from_secs(1) }
}
