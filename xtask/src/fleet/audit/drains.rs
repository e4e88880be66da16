//! Nodes end when they are asked to, soon and well, and not otherwise.

use std::time::Duration;

use super::troubles::Troubles;
use super::{Check, Times, Violation};
use crate::fleet::diary::{Note, What};

const USUAL_LIMIT: Duration = Duration::from_millis(500);
/// Success, and what a program ends with that was interrupted.
const STATUSES: [i32; 2] = [0, 130];

pub(super) fn checks(diary: &[Note], troubles: &Troubles) -> Vec<Check> {
    vec![in_time(diary, troubles), well(diary), no_other_ends(diary)]
}

pub(super) fn times(diary: &[Note]) -> Times {
    Times::of(drains(diary).map(|(_, _, took)| took))
}

/// Without the server there is nobody to deliver to.
fn in_time(diary: &[Note], troubles: &Troubles) -> Check {
    let limit = USUAL_LIMIT + troubles.slack();
    let calm = || drains(diary).filter(|(at, _, took)| !troubles.server_was_away(*at - *took, *at));
    let times = Times::of(calm().map(|(.., took)| took));
    let late = times.p99().is_some_and(|p99| p99 > limit);
    let violations = calm().filter(|(.., took)| late && *took > limit);
    let violations = violations.map(|(_, node, took)| Violation {
        place: node.to_owned(),
        found: format!("it ended {:.2} s after it was asked to", took.as_secs_f64()),
        expected: format!("{:.1} s at most, in 99 of 100", limit.as_secs_f64()),
    });
    Check {
        name: "nodes that are drained end in time",
        seen: format!("{} drains", times.count()),
        violations: violations.collect(),
    }
}

fn well(diary: &[Note]) -> Check {
    let violations = diary.iter().filter_map(|note| match &note.what {
        What::Drained { node, status, .. }
            if !status.is_some_and(|status| STATUSES.contains(&status)) =>
        {
            Some(Violation::of_stream(node, format!("its status is {status:?}"), "0 or 130"))
        }
        What::NotDrained { node, after } => {
            let found = format!("it had not ended after {:.0} s", after.as_secs_f64());
            Some(Violation::of_stream(node, found, "an end"))
        }
        _ => None,
    });
    let seen = format!("{} drains", drains(diary).count());
    Check { name: "nodes that are drained end well", seen, violations: violations.collect() }
}

fn no_other_ends(diary: &[Note]) -> Check {
    let violations = diary.iter().filter_map(|note| match &note.what {
        What::Ended { node, ran, how } => {
            let when = if *ran { "while it ran" } else { "before it ran" };
            let found = format!("it ended {when} with {how}");
            Some(Violation::of_stream(node, found, "that it goes on"))
        }
        _ => None,
    });
    Check { name: "no node ends by itself", seen: String::new(), violations: violations.collect() }
}

/// When they had ended, who, and how long it took.
fn drains(diary: &[Note]) -> impl Iterator<Item = (Duration, &str, Duration)> {
    diary.iter().filter_map(|note| match &note.what {
        What::Drained { node, took, .. } => Some((note.at, &**node, *took)),
        _ => None,
    })
}

#[cfg(test)]
mod tests {
    use super::super::testing::*;
    use super::*;
    use crate::fleet::faults::Kind;

    fn found_after(check: &str, notes: &[What]) -> String {
        let mut diary = good_diary();
        diary.extend(notes.iter().cloned().map(|what| note(21.0, what)));
        found_by(&audit_of(&good_log(), &diary), check)
    }

    fn drained(took: u64, status: Option<i32>) -> What {
        What::Drained { node: "n1".to_owned(), took: Duration::from_millis(took), status }
    }

    #[test]
    fn a_late_end_is_found_unless_the_server_is_away() {
        let in_time = "nodes that are drained end in time";
        assert_eq!(found_after(in_time, &[drained(500, Some(0))]), "");
        let late = drained(501, Some(0));
        assert!(
            found_after(in_time, std::slice::from_ref(&late))
                .contains("0.50 s after it was asked to")
        );
        let away = fault(9, Kind::KillServer, None);
        assert_eq!(found_after(in_time, &[away, late]), "");
    }

    #[test]
    fn a_bad_end_is_found() {
        let well = "nodes that are drained end well";
        assert_eq!(found_after(well, &[drained(1, Some(0)), drained(1, Some(130))]), "");
        assert!(found_after(well, &[drained(1, Some(10))]).contains("Some(10)"));
        assert!(found_after(well, &[drained(1, None)]).contains("None"));
        let never = What::NotDrained { node: "n1".to_owned(), after: Duration::from_secs(20) };
        assert!(found_after(well, &[never]).contains("not ended after 20 s"));
    }

    #[test]
    fn a_crash_is_found() {
        let (node, how) = ("n1".to_owned(), "signal 6".to_owned());
        let found = found_after("no node ends by itself", &[What::Ended { node, ran: true, how }]);
        assert!(found.contains("n1: it ended while it ran with signal 6"), "{found}");
    }
}
