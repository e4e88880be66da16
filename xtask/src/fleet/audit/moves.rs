//! Streams whose node is lost go on elsewhere in time.

use std::collections::BTreeMap;
use std::time::Duration;

use super::troubles::{Excuse, Trouble, Troubles};
use super::{Check, Stream, Times, Violation};
use crate::fleet::diary::{Note, What};
use crate::fleet::log::Kind;

/// Whether something else was the matter while a stream moved.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
enum Beside {
    Nothing,
    /// Another node was hit meanwhile, or all others were only coming back: it is counted from then on.
    AnotherNode,
    /// The server was away: it is counted from when nodes should have found their way back.
    Server,
    /// It is a file, and there are more of them than one node streams at a time.
    Room,
}

struct Move {
    stream: String,
    fault: Trouble,
    beside: Beside,
    took: Duration,
    /// Of that, what counts.
    counted: Duration,
    /// Where it went, or why that is not known.
    to: String,
}

#[derive(Default)]
pub(super) struct Moves {
    moves: Vec<Move>,
    /// Of faults that were over before a stream had to move.
    pub(super) stayed: usize,
    pub(super) moved_early: usize,
}

pub(super) fn find(
    streams: &[Stream<'_>],
    troubles: &Troubles,
    diary: &[Note],
    files_at_once: usize,
) -> Moves {
    let mut moves = Moves::default();
    let courses: Vec<Course<'_>> = streams.iter().map(Course::of).collect();
    for fault in &troubles.all {
        let Some(node) = &fault.node else { continue };
        let files = courses.iter().filter(|course| course.is_unfinished_file(fault.begin)).count();
        let has_room = files <= files_at_once;
        for course in courses.iter().filter(|course| course.is_with(node, fault.begin)) {
            moves.add(course, fault, node, has_room, troubles, diary);
        }
    }
    moves
}

/// Who has had a stream.
struct Course<'a> {
    name: &'a str,
    is_file: bool,
    wanted_since: Duration,
    complete: Option<Duration>,
    begins: Vec<(Duration, &'a str)>,
    ends: Vec<Duration>,
    /// Of every record.
    times: Vec<Duration>,
}

impl<'a> Course<'a> {
    fn of(stream: &Stream<'a>) -> Self {
        let mut course = Self {
            name: stream.name,
            is_file: stream.is_file(),
            wanted_since: stream.wanted_since,
            complete: stream.complete(),
            begins: Vec::new(),
            ends: Vec::new(),
            times: Vec::new(),
        };
        for (entry, record) in stream.records() {
            course.times.push(entry.at);
            match &record.kind {
                Kind::Begin { node, .. } => course.begins.push((entry.at, node)),
                Kind::End { .. } => course.ends.push(entry.at),
                Kind::Result { .. } => {}
            }
        }
        course
    }

    fn is_unfinished_file(&self, at: Duration) -> bool {
        let is_complete = self.complete.is_some_and(|complete| complete <= at);
        self.is_file && self.wanted_since <= at && !is_complete
    }

    /// Whether this node was writing it then.
    fn is_with(&self, node: &str, at: Duration) -> bool {
        let last = self.begins.iter().rev().find(|(begun, _)| *begun <= at);
        let Some((begun, holder)) = last else { return false };
        *holder == node && !self.ends.iter().any(|end| (*begun..=at).contains(end))
    }
}

impl Moves {
    fn add(
        &mut self,
        course: &Course<'_>,
        fault: &Trouble,
        node: &str,
        has_room: bool,
        troubles: &Troubles,
        diary: &[Note],
    ) {
        // What it had sent when it was hit is its own, and may be the end.
        let again = started_again(diary, node, fault.begin).filter(|_| fault.kind.ends_process());
        let next = course.begins.iter().find(|(at, other)| {
            *at > fault.begin && (*other != node || again.is_some_and(|again| *at > again))
        });
        let until = next.map_or(Duration::MAX, |(at, _)| *at);
        if course.ends.iter().any(|end| *end > fault.begin && *end < until) {
            return;
        }
        let over = fault.over.unwrap_or(Duration::MAX);
        if !fault.kind.ends_process() && over - fault.begin <= troubles.limit() {
            let moved = until <= over + troubles.limit();
            *(if moved { &mut self.moved_early } else { &mut self.stayed }) += 1;
            return;
        }
        // If its own node went on with it when it was back, that ends the wait as well; but late.
        let own = course.times.iter().find(|at| **at > over && !fault.kind.ends_process());
        let (went_on, to) = match (next, own) {
            (Some((at, other)), None) => (*at, (*other).to_owned()),
            (Some((at, other)), Some(own)) if at <= own => (*at, (*other).to_owned()),
            (_, Some(own)) => (*own, format!("{node}, where it was")),
            (None, None) => {
                let end = diary.last().map_or(fault.begin, |note| note.at);
                (end.max(fault.begin), "nobody until the end of the run".to_owned())
            }
        };
        let (beside, since) = match troubles.excuse(node, fault.begin, went_on) {
            _ if course.is_file && !has_room => (Beside::Room, fault.begin),
            None => (Beside::Nothing, fault.begin),
            Some(Excuse { since, by_server: false }) => (Beside::AnotherNode, since),
            Some(Excuse { since, by_server: true }) => (Beside::Server, since),
        };
        self.moves.push(Move {
            stream: course.name.to_owned(),
            fault: fault.clone(),
            beside,
            took: went_on - fault.begin,
            counted: went_on - since,
            to,
        });
    }

    pub(super) fn checks(&self, limit: Duration) -> Vec<Check> {
        let bounded = [
            ("streams go on elsewhere in time", Beside::Nothing),
            ("the same beside other faults", Beside::AnotherNode),
            ("the same where NATS was away", Beside::Server),
        ];
        bounded.map(|(name, beside)| self.check(name, beside, limit)).into()
    }

    fn check(&self, name: &'static str, beside: Beside, limit: Duration) -> Check {
        let moves = || self.moves.iter().filter(|one| one.beside == beside);
        let times = Times::of(moves().map(|one| one.counted));
        let late = times.p99().is_some_and(|p99| p99 > limit);
        let violations = moves().filter(|one| late && one.counted > limit).map(|one| Violation {
            place: one.stream.clone(),
            found: format!(
                "{:.2} s after fault {} ({}), to {}; {:.2} s of them count",
                one.took.as_secs_f64(),
                one.fault.number,
                one.fault.kind.name(),
                one.to,
                one.counted.as_secs_f64()
            ),
            expected: format!("{:.1} s at most, in 99 of 100", limit.as_secs_f64()),
        });
        let p99 =
            times.p99().map_or("none".to_owned(), |p99| format!("{:.2} s", p99.as_secs_f64()));
        let seen = format!("{} moves, p99 {p99}", times.count());
        Check { name, seen, violations: violations.collect() }
    }

    /// By what was done to the node, and what was the matter besides.
    pub(super) fn times(&self) -> BTreeMap<(String, &'static str), Times> {
        let mut times: BTreeMap<_, Vec<Duration>> = BTreeMap::new();
        for one in &self.moves {
            let key = (one.fault.kind.name().to_owned(), one.beside.name());
            times.entry(key).or_default().push(one.took);
        }
        times.into_iter().map(|(key, times)| (key, Times::of(times))).collect()
    }
}

impl Beside {
    fn name(self) -> &'static str {
        match self {
            Self::Nothing => "",
            Self::AnotherNode => "beside other faults",
            Self::Server => "where NATS was away",
            Self::Room => "waiting for room",
        }
    }
}

/// When a node's process was there again after this.
fn started_again(diary: &[Note], node: &str, after: Duration) -> Option<Duration> {
    let is_start = |note: &&Note| matches!(&note.what, What::Started { node: it } if it == node);
    diary.iter().filter(is_start).map(|note| note.at).find(|at| *at > after)
}

#[cfg(test)]
mod tests {
    use super::super::testing::*;
    use super::*;
    use crate::fleet::faults;
    use crate::fleet::log::Entry;

    const IN_TIME: &str = "streams go on elsewhere in time";
    const BESIDE: &str = "the same beside other faults";
    const SERVER: &str = "the same where NATS was away";

    /// A stream of n1's, which n2 begins at some time if it does; n1 is hit at 20.
    fn moved(at: Option<f64>, more: &[(f64, What)]) -> (Vec<Entry>, Vec<Note>) {
        let mut log = Vec::new();
        push(&mut log, 10.0, "live", 1, 0, begin("n1", None));
        push(&mut log, 19.9, "live", 1, 1, result(1));
        if let Some(at) = at {
            push(&mut log, at, "live", 2, 0, begin("n2", None));
            push(&mut log, at + 40.0, "live", 2, 1, result(1));
        }
        let mut diary = vec![note(0.0, applied(&[live("live")]))];
        diary.extend(more.iter().cloned().map(|(at, what)| note(at, what)));
        diary.push(note(50.0, What::FaultsEnded));
        diary.sort_by_key(|note| note.at);
        (log, diary)
    }

    fn kill() -> (f64, What) {
        (20.0, fault(1, faults::Kind::Kill, Some("n1")))
    }

    fn found_in(check: &str, at: Option<f64>, more: &[(f64, What)]) -> String {
        let (log, diary) = moved(at, more);
        found_by(&audit_of(&log, &diary), check)
    }

    #[test]
    fn a_move_in_time_is_none() {
        assert_eq!(found_in(IN_TIME, Some(22.4), &[kill()]), "");
        let (log, diary) = moved(Some(22.4), &[kill()]);
        let figures = audit_of(&log, &diary).figures;
        assert_eq!(figures.moves[&("node killed".to_owned(), "")].count(), 1);
    }

    #[test]
    fn a_late_move_is_found() {
        let found = found_in(IN_TIME, Some(22.6), &[kill()]);
        assert!(found.contains("live: 2.60 s after fault 1 (node killed), to n2"), "{found}");
        assert!(found.contains("2.5 s at most"), "{found}");
    }

    #[test]
    fn a_stream_that_never_goes_on_is_found() {
        let found = found_in(IN_TIME, None, &[kill()]);
        assert!(found.contains("30.00 s after fault 1 (node killed), to nobody"), "{found}");
    }

    #[test]
    fn a_node_that_goes_on_after_a_long_stop_is_found() {
        let stop = fault(1, faults::Kind::Stop, Some("n1"));
        let (mut log, diary) = moved(None, &[(20.0, stop), (25.0, What::Over { number: 1 })]);
        push(&mut log, 25.1, "live", 1, 2, result(2));
        let found = found_by(&audit_of(&log, &diary), IN_TIME);
        assert!(
            found.contains("5.10 s after fault 1 (node stopped), to n1, where it was"),
            "{found}"
        );
    }

    #[test]
    fn a_short_fault_moves_nothing_that_has_to_move() {
        let stop = fault(1, faults::Kind::Stop, Some("n1"));
        let more = [(20.0, stop), (21.0, What::Over { number: 1 })];
        assert_eq!(found_in(IN_TIME, Some(40.0), &more), "");
        let (log, diary) = moved(Some(40.0), &more);
        assert_eq!(audit_of(&log, &diary).figures.stayed, 1);
        let (log, diary) = moved(Some(22.0), &more);
        assert_eq!(audit_of(&log, &diary).figures.moved_early, 1);
    }

    #[test]
    fn a_killed_node_may_go_on_itself_when_it_is_back_and_not_before() {
        let (mut log, mut diary) = moved(None, &[kill()]);
        // Sent before it was killed.
        push(&mut log, 20.01, "live", 2, 0, begin("n1", None));
        push(&mut log, 22.6, "live", 3, 0, begin("n1", None));
        diary.insert(2, note(20.5, What::Started { node: "n1".to_owned() }));
        let found = found_by(&audit_of(&log, &diary), IN_TIME);
        assert!(found.contains("2.60 s after fault 1 (node killed), to n1"), "{found}");
    }

    #[test]
    fn what_hits_another_node_meanwhile_gives_the_time_once_more() {
        let more = [kill(), (21.0, fault(2, faults::Kind::Kill, Some("n3")))];
        assert_eq!(found_in(IN_TIME, Some(23.4), &more) + &found_in(BESIDE, Some(23.4), &more), "");
        let found = found_in(BESIDE, Some(23.6), &more);
        assert!(found.contains("2.60 s of them count"), "{found}");
    }

    #[test]
    fn what_comes_back_meanwhile_gives_no_time_where_somebody_is_fit() {
        let others = [("n2", 1.0), ("n3", 1.0)]
            .map(|(node, at)| (at, What::Started { node: node.to_owned() }));
        let away = |number, node, from: f64, to: f64| {
            [(from, fault(number, faults::Kind::Stop, Some(node))), (to, What::Over { number })]
        };
        let n3 = away(2, "n3", 18.0, 21.5);
        let more = [&[kill()][..], &others, &n3].concat();
        assert!(found_in(IN_TIME, Some(22.6), &more).contains("2.60 s"));
        // n2 has been back for a second only: it has another.
        let more = [&more[..], &away(3, "n2", 15.0, 19.0)].concat();
        assert_eq!(found_in(BESIDE, Some(23.4), &more), "");
        assert!(found_in(BESIDE, Some(23.6), &more).contains("2.60 s of them count"));
    }

    #[test]
    fn what_happens_when_it_is_too_late_is_no_excuse() {
        let more = [kill(), (22.6, fault(2, faults::Kind::Kill, Some("n3")))];
        assert!(found_in(IN_TIME, Some(22.7), &more).contains("2.70 s"));
        let away = fault(2, faults::Kind::KillServer, None);
        let more = [kill(), (22.6, away), (24.0, What::Over { number: 2 })];
        assert!(found_in(IN_TIME, Some(26.0), &more).contains("6.00 s"));
    }

    #[test]
    fn files_wait_for_room_where_there_are_more_than_one_node_has_room_for() {
        let (log, mut diary) = moved(Some(29.0), &[kill()]);
        let files =
            |names: &[&str]| applied(&names.iter().map(|it| file(it, 9)).collect::<Vec<_>>());
        diary[0] = note(0.0, files(&["live", "other"]));
        assert!(found_by(&audit_of(&log, &diary), IN_TIME).contains("9.00 s"));
        diary[0] = note(0.0, files(&["live", "other", "third"]));
        assert_eq!(found_by(&audit_of(&log, &diary), IN_TIME), "");
    }

    #[test]
    fn without_the_server_it_is_counted_from_when_nodes_are_back() {
        let away =
            [(21.0, fault(2, faults::Kind::KillServer, None)), (24.0, What::Over { number: 2 })];
        let more = [&[kill()][..], &away].concat();
        assert_eq!(found_in(IN_TIME, Some(29.4), &more) + &found_in(SERVER, Some(29.4), &more), "");
        assert!(found_in(SERVER, Some(29.6), &more).contains("2.60 s of them count"));
        assert_eq!(found_in(SERVER, Some(24.5), &more), "");
    }

    #[test]
    fn a_file_that_had_ended_does_not_move() {
        let (mut log, mut diary) = moved(None, &[kill()]);
        diary[0] = note(0.0, applied(&[file("live", 1)]));
        push(&mut log, 20.05, "live", 1, 2, end("complete", 1));
        assert_eq!(found_by(&audit_of(&log, &diary), IN_TIME), "");
    }
}
