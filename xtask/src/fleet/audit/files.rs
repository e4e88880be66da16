//! Files: each frame exactly once and in order over all epochs, then one end, then nothing.

use super::{Check, Stream, Violation};
use crate::fleet::diary::Source;
use crate::fleet::log::{Entry, Kind};

const COMPLETE: &str = "complete";

/// From 1 to the last frame of the file, whoever sent them.
pub(super) fn frames_once_and_in_order(streams: &[Stream<'_>]) -> Check {
    let mut violations = Vec::new();
    let mut total = 0;
    for (stream, frames) in files(streams) {
        let mut course = Course { frames, last: 0, work: None, violations: &mut violations };
        for (entry, record) in stream.records() {
            course.take(entry, &record.kind);
        }
        total += course.last;
    }
    let seen = format!("{total} frames of {} files", files(streams).count());
    Check { name: "files: each frame once and in order", seen, violations }
}

/// In particular, no begin: what is finished is not uploaded again.
pub(super) fn nothing_after_the_end(streams: &[Stream<'_>]) -> Check {
    let mut violations = Vec::new();
    for (stream, _) in files(streams) {
        let ended = stream.records().skip_while(|(_, record)| !is_complete(&record.kind)).skip(1);
        violations
            .extend(ended.map(|(entry, record)| {
                Violation::at(entry, &record.kind, "nothing after the end")
            }));
    }
    let seen = format!("{} files", files(streams).count());
    Check { name: "files: nothing after the end", seen, violations }
}

pub(super) fn all_complete(streams: &[Stream<'_>]) -> Check {
    let mut violations = Vec::new();
    for (stream, _) in files(streams) {
        if stream.complete().is_none() {
            let last = stream.records().last();
            let found = last.map_or("nothing at all".to_owned(), |(entry, record)| {
                format!("{} at place {} was the last", record.kind, entry.place)
            });
            violations.push(Violation::of_stream(stream.name, found, "a complete end"));
        }
    }
    let seen = format!("{} files", files(streams).count());
    Check { name: "files: all are complete", seen, violations }
}

fn files<'s, 'a>(streams: &'s [Stream<'a>]) -> impl Iterator<Item = (&'s Stream<'a>, u64)> {
    streams.iter().filter_map(|stream| match stream.source {
        Some(Source::File { frames }) => Some((stream, frames)),
        _ => None,
    })
}

pub(super) fn is_complete(kind: &Kind) -> bool {
    matches!(kind, Kind::End { outcome, .. } if outcome == COMPLETE)
}

/// How far a file has come.
struct Course<'a, 'v> {
    frames: u64,
    last: u64,
    work: Option<&'a str>,
    violations: &'v mut Vec<Violation>,
}

impl<'a> Course<'a, '_> {
    fn take(&mut self, entry: &'a Entry, kind: &'a Kind) {
        self.same_work(entry, kind);
        match kind {
            Kind::Begin { after_frame, .. } => {
                if after_frame.unwrap_or(0) != self.last {
                    let found = format!("a begin after frame {}", after_frame.unwrap_or(0));
                    self.violate(entry, found, format!("one after frame {}", self.last));
                }
            }
            Kind::Result { frame, .. } => self.frame(entry, kind, *frame),
            Kind::End { frames, .. } if is_complete(kind) => {
                if self.last != self.frames {
                    let expected = format!("frames {} to {}", self.last + 1, self.frames);
                    self.violate(entry, kind, expected);
                }
                if *frames != Some(self.frames) {
                    let found = format!("an end after {frames:?} frames");
                    self.violate(entry, found, format!("{} frames", self.frames));
                }
            }
            Kind::End { .. } => {}
        }
    }

    fn frame(&mut self, entry: &Entry, kind: &Kind, frame: Option<u64>) {
        let next = self.last + 1;
        let expected = if self.last == self.frames {
            "the end of the file".to_owned()
        } else {
            format!("frame {next}")
        };
        match frame {
            Some(frame) if frame == next && frame <= self.frames => {}
            Some(frame) if frame == self.last => {
                self.violate(entry, format!("frame {frame} again"), expected);
            }
            Some(frame) if frame < self.last => {
                self.violate(entry, format!("frame {frame} behind {}", self.last), expected);
            }
            _ => self.violate(entry, kind, expected),
        }
        self.last = self.last.max(frame.unwrap_or(0));
    }

    /// A file is one piece of work, as long as it is described alike.
    fn same_work(&mut self, entry: &Entry, kind: &'a Kind) {
        match (kind.work(), self.work) {
            (Some(work), None) => self.work = Some(work),
            (Some(work), Some(known)) if work != known => {
                self.violate(entry, format!("work {work}"), format!("work {known}"));
            }
            (None, _) if !matches!(kind, Kind::Result { .. }) => {
                self.violate(entry, format!("{kind} without work"), "the work of the file");
            }
            _ => {}
        }
    }

    fn violate(
        &mut self,
        entry: &Entry,
        found: impl std::fmt::Display,
        expected: impl Into<String>,
    ) {
        self.violations.push(Violation::at(entry, found, expected));
    }
}

#[cfg(test)]
mod tests {
    use super::super::testing::*;
    use crate::fleet::log::Entry;

    const FRAMES: &str = "files: each frame once and in order";
    const AFTER: &str = "files: nothing after the end";
    const COMPLETE: &str = "files: all are complete";

    /// What is found in a file of four frames, of which the second half is sent by another node.
    fn found_in(check: &str, change: impl FnOnce(&mut Vec<Entry>)) -> String {
        let mut log: Vec<Entry> =
            good_log().into_iter().filter(|entry| entry.stream == "file").collect();
        change(&mut log);
        found_by(&audit_of(&log, &good_diary()), check)
    }

    #[test]
    fn a_missing_frame_is_found() {
        let found = found_in(FRAMES, |log| drop(log.remove(2)));
        assert!(found.contains("a begin after frame 2; expected one after frame 1"), "{found}");
        assert!(found.contains("frame 3; expected frame 2"), "{found}");
        let last = found_in(FRAMES, |log| drop(log.remove(5)));
        assert!(last.contains("an end that is complete; expected frames 4 to 4"), "{last}");
    }

    #[test]
    fn a_repeated_frame_is_found() {
        let found = found_in(FRAMES, |log| {
            let again = log[2].clone();
            log.insert(3, again);
        });
        assert!(found.contains("frame 2 again; expected frame 3"), "{found}");
        let over_a_crash = found_in(FRAMES, |log| log[4].record = record(2, 1, result(2)));
        assert!(over_a_crash.contains("frame 2 again; expected frame 3"), "{over_a_crash}");
    }

    #[test]
    fn frames_out_of_order_are_found() {
        let found = found_in(FRAMES, |log| log.swap(1, 2));
        assert!(found.contains("frame 2; expected frame 1"), "{found}");
        assert!(found.contains("frame 1 behind 2; expected frame 3"), "{found}");
    }

    #[test]
    fn frames_that_the_file_does_not_have_are_found() {
        let found = found_in(FRAMES, |log| log[6].record = record(2, 3, result(5)));
        assert!(found.contains("frame 5; expected the end of the file"), "{found}");
    }

    #[test]
    fn another_work_and_another_count_are_found() {
        let found = found_in(FRAMES, |log| log[3].record = record(2, 0, begin_of("n2", "b2", 2)));
        assert!(found.contains("work b2; expected work a1"), "{found}");
        let found = found_in(FRAMES, |log| log[6].record = record(2, 3, end("complete", 3)));
        assert!(found.contains("expected 4 frames"), "{found}");
    }

    #[test]
    fn a_begin_after_the_end_is_found() {
        let found = found_in(AFTER, |log| push(log, 60.0, "file", 3, 0, begin_of("n1", "a1", 4)));
        assert!(found.contains("file/3-0"), "{found}");
        assert!(found.contains("a begin by n1; expected nothing after the end"), "{found}");
    }

    #[test]
    fn an_end_that_is_not_complete_may_be_followed() {
        let incomplete = |log: &mut Vec<Entry>| {
            let mut end = log[2].clone();
            end.record = record(1, 3, self::end("incomplete", 2));
            log.insert(3, end);
        };
        assert_eq!(found_in(AFTER, incomplete) + &found_in(FRAMES, incomplete), "");
    }

    #[test]
    fn a_file_without_an_end_is_found() {
        let found = found_in(COMPLETE, |log| drop(log.pop()));
        assert!(found.contains("frame 4 at place"), "{found}");
        assert!(found_in(COMPLETE, Vec::clear).contains("nothing at all"));
    }
}
