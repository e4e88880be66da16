//! One writer at a time, and what it writes in order.

use std::collections::BTreeMap;

use super::{Check, Stream, Violation};
use crate::fleet::log::Kind;

/// Never a record of an older epoch behind a newer one.
pub(super) fn epochs_rise(streams: &[Stream<'_>]) -> Check {
    let mut violations = Vec::new();
    for stream in streams {
        let mut newest = 0;
        for (entry, record) in stream.records() {
            if record.epoch < newest {
                let expected = format!("nothing of an epoch before {newest}");
                violations.push(Violation::at(entry, &record.kind, expected));
            }
            newest = newest.max(record.epoch);
        }
    }
    check("epochs only rise", streams, violations)
}

/// Within each epoch 0, 1, 2, ….
pub(super) fn sequences_have_no_gap(streams: &[Stream<'_>]) -> Check {
    let mut violations = Vec::new();
    for stream in streams {
        let mut next: BTreeMap<u64, u64> = BTreeMap::new();
        for (entry, record) in stream.records() {
            let next = next.entry(record.epoch).or_default();
            if record.sequence != *next {
                let is_again = if record.sequence < *next { "again" } else { "after a gap" };
                let found = format!("{}, {is_again}", record.kind);
                violations.push(Violation::at(entry, found, format!("sequence {next}")));
            }
            *next = (*next).max(record.sequence + 1);
        }
    }
    check("sequences have no gap and no repetition", streams, violations)
}

/// Each epoch begins with the one record that says which node writes it.
pub(super) fn one_node_each(streams: &[Stream<'_>]) -> Check {
    let mut violations = Vec::new();
    for stream in streams {
        let mut nodes: BTreeMap<u64, &str> = BTreeMap::new();
        for (entry, record) in stream.records() {
            let known = nodes.get(&record.epoch).copied();
            match (&record.kind, known) {
                (Kind::Begin { node, .. }, None) => {
                    nodes.insert(record.epoch, node);
                    if record.sequence != 0 {
                        violations.push(Violation::at(entry, &record.kind, "sequence 0"));
                    }
                }
                (Kind::Begin { .. }, Some(known)) => {
                    let expected = format!("no other begin than that of {known}");
                    violations.push(Violation::at(entry, &record.kind, expected));
                }
                (_, None) => {
                    violations.push(Violation::at(entry, &record.kind, "a begin before it"));
                    // Said once for each epoch.
                    nodes.insert(record.epoch, "nobody");
                }
                (_, Some(_)) => {}
            }
        }
    }
    check("each epoch is begun once, by one node", streams, violations)
}

fn check(name: &'static str, streams: &[Stream<'_>], violations: Vec<Violation>) -> Check {
    Check { name, seen: format!("{} streams", streams.len()), violations }
}

#[cfg(test)]
mod tests {
    use super::super::testing::*;

    const RISE: &str = "epochs only rise";
    const SEQUENCES: &str = "sequences have no gap and no repetition";
    const ONE_NODE: &str = "each epoch is begun once, by one node";

    #[test]
    fn an_older_epoch_behind_a_newer_one_is_found() {
        let mut log = good_log();
        // The node that was stopped woke up and wrote what it had.
        push(&mut log, 30.0, "live", 10, 4, result(4));
        let audit = audit_of(&log, &good_diary());
        assert!(found_by(&audit, RISE).contains("live/10-4, place 16: frame 4"));
        assert!(found_by(&audit, RISE).contains("before 11"));
        assert_eq!(found_by(&audit, SEQUENCES), "");
    }

    #[test]
    fn a_gap_and_a_repetition_are_found() {
        let mut log = good_log();
        push(&mut log, 30.0, "live", 11, 5, result(5));
        assert!(
            found_by(&audit_of(&log, &good_diary()), SEQUENCES).contains("expected sequence 4")
        );
        let mut log = good_log();
        push(&mut log, 30.0, "live", 11, 3, result(4));
        let found = found_by(&audit_of(&log, &good_diary()), SEQUENCES);
        assert!(found.contains("again") && found.contains("expected sequence 4"), "{found}");
    }

    #[test]
    fn two_nodes_in_an_epoch_are_found() {
        let mut log = good_log();
        push(&mut log, 30.0, "live", 11, 4, begin("n3", None));
        let found = found_by(&audit_of(&log, &good_diary()), ONE_NODE);
        assert!(
            found.contains("a begin by n3; expected no other begin than that of n2"),
            "{found}"
        );
    }

    #[test]
    fn an_epoch_that_nobody_has_begun_is_found() {
        let mut log = good_log();
        push(&mut log, 30.0, "live", 12, 0, result(1));
        push(&mut log, 30.1, "live", 12, 1, result(2));
        let found = found_by(&audit_of(&log, &good_diary()), ONE_NODE);
        assert_eq!(found.matches("a begin before it").count(), 1);
        let mut log = good_log();
        push(&mut log, 30.0, "live", 12, 1, begin("n1", None));
        assert!(found_by(&audit_of(&log, &good_diary()), ONE_NODE).contains("sequence 0"));
    }
}
