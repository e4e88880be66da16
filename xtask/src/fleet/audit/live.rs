//! Live streams: they go on, in order. What is missing in time is counted, and nothing else.

use std::time::Duration;

use super::{Check, Stream, Violation};
use crate::fleet::diary::{Note, Source, What};
use crate::fleet::log::{Kind, Record};

/// How much of what a live source gives is there.
#[derive(Default, Debug, Clone, PartialEq)]
pub(in crate::fleet) struct Gaps {
    pub(in crate::fleet) expected: f64,
    pub(in crate::fleet) got: usize,
    /// The longest time without a result, and whose it was.
    pub(in crate::fleet) longest: Option<(Duration, String)>,
}

/// Within an epoch the numbers of frames rise.
pub(super) fn in_order(streams: &[Stream<'_>]) -> Check {
    let mut violations = Vec::new();
    for (stream, _) in live(streams) {
        let mut last = (0, 0);
        for (entry, record) in stream.records() {
            let Kind::Result { frame: Some(frame), .. } = record.kind else { continue };
            if (record.epoch, frame) <= last && record.epoch == last.0 {
                let expected = format!("a frame after {}", last.1);
                violations.push(Violation::at(entry, &record.kind, expected));
            }
            last = (record.epoch, frame);
        }
    }
    let seen = format!("{} live streams", live(streams).count());
    Check { name: "live: frames in order within an epoch", seen, violations }
}

/// Each has a result after the faults.
pub(super) fn all_go_on(streams: &[Stream<'_>], diary: &[Note]) -> Check {
    let name = "live: all go on after the faults";
    let ended = diary.iter().find(|note| note.what == What::FaultsEnded).map(|note| note.at);
    let Some(ended) = ended else {
        let end = Violation::of_stream("the diary", "no end of the faults", "one");
        return Check { name, seen: String::new(), violations: vec![end] };
    };
    let mut violations = Vec::new();
    for (stream, _) in live(streams) {
        if !results(stream).any(|(at, _)| at > ended) {
            violations.push(Violation::of_stream(
                stream.name,
                match results(stream).last() {
                    Some((at, _)) => format!("the last result {:?} before", ended - at),
                    None => "no result at all".to_owned(),
                },
                "a result after the end of the faults",
            ));
        }
    }
    Check { name, seen: format!("{} live streams", live(streams).count()), violations }
}

pub(super) fn gaps(streams: &[Stream<'_>]) -> Gaps {
    let mut gaps = Gaps::default();
    for (stream, per_second) in live(streams) {
        let times: Vec<Duration> = results(stream).map(|(at, _)| at).collect();
        let [Some(first), Some(last)] = [times.first(), times.last()] else { continue };
        gaps.expected += last.saturating_sub(*first).as_secs_f64() * per_second + 1.0;
        gaps.got += times.len();
        let silences = times.windows(2).map(|pair| pair[1].saturating_sub(pair[0]));
        let silence = silences.max().map(|silence| (silence, stream.name.to_owned()));
        gaps.longest = gaps.longest.max(silence);
    }
    gaps
}

fn live<'s, 'a>(streams: &'s [Stream<'a>]) -> impl Iterator<Item = (&'s Stream<'a>, f64)> {
    streams.iter().filter_map(|stream| match stream.source {
        Some(Source::Live { per_second }) => Some((stream, per_second)),
        _ => None,
    })
}

fn results<'a>(stream: &Stream<'a>) -> impl Iterator<Item = (Duration, &'a Record)> {
    let is_result = |record: &Record| matches!(record.kind, Kind::Result { .. });
    let records = stream.records().filter(move |(_, record)| is_result(record));
    records.map(|(entry, record)| (entry.at, record))
}

#[cfg(test)]
mod tests {
    use super::super::testing::*;
    use super::*;

    #[test]
    fn frames_out_of_order_are_found() {
        let mut log = good_log();
        push(&mut log, 30.0, "live", 11, 4, result(2));
        let found =
            found_by(&audit_of(&log, &good_diary()), "live: frames in order within an epoch");
        assert!(found.contains("frame 2; expected a frame after 3"), "{found}");
    }

    #[test]
    fn a_stream_that_does_not_go_on_is_found() {
        let go_on = "live: all go on after the faults";
        let mut diary = good_diary();
        diary.last_mut().unwrap().at += Duration::from_secs(60);
        assert!(found_by(&audit_of(&good_log(), &diary), go_on).contains("the last result"));
        diary.pop();
        assert!(found_by(&audit_of(&good_log(), &diary), go_on).contains("no end of the faults"));
    }

    #[test]
    fn gaps_are_counted_and_are_no_violation() {
        let Gaps { expected, got, longest } = audit_of(&good_log(), &good_diary()).figures.gaps;
        // From 10.5 to 14.5, two in a second.
        assert!((expected - 9.0).abs() < 1e-6, "{expected}");
        assert_eq!(got, 6);
        let (silence, stream) = longest.unwrap();
        assert_eq!((silence, &*stream), (Duration::from_secs(2), "live"));
    }
}
