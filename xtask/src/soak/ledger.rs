//! Whether what the client says of its frames adds up, and is what is in the file of results.

use anyhow::{Context, Result, bail, ensure};

use super::counts::Counts;
use super::results::{Results, StreamResults};
use super::state::State;
use super::told::Told;

/// Every frame of every session that is over came back, or is counted under one cause.
pub(super) fn judge_causes<'a>(
    told: &Told,
    states: impl Iterator<Item = &'a State>,
) -> Result<String> {
    for (stream, counts) in &told.sessions {
        adds_up(counts).with_context(|| format!("a session of {stream} has ended so"))?;
    }
    let mut last = None;
    for state in states {
        for (name, stream) in state {
            let over = stream.of_ended_sessions();
            let over = over.with_context(|| format!("{name}'s totals are below its session's"))?;
            adds_up(&over).with_context(|| format!("of {name}, by then"))?;
        }
        last = Some(state);
    }
    let totals = last.context("there was no state")?.values().map(|stream| stream.totals);
    let totals: Vec<Counts> = totals.collect();
    let sum = |of: fn(&Counts) -> u64| totals.iter().map(of).sum::<u64>();
    Ok(format!(
        "{} frames sent, {} came back, {} counted as lost, {} as left out before; {} sessions said so at their end",
        sum(|it| it.sent),
        sum(|it| it.returned),
        sum(Counts::lost),
        sum(|it| it.left_out),
        told.sessions.len()
    ))
}

fn adds_up(counts: &Counts) -> Result<()> {
    match counts.unexplained() {
        0 => Ok(()),
        count => bail!("{count} frames are not accounted for in {counts:?}"),
    }
}

/// There are as many results in the file as the client has counted, of each stream and in all.
pub(super) fn judge_counts(told: &Told, results: &Results, last: &State) -> Result<String> {
    let total = results.total();
    let returned = told.returned.context("the client has not said how many there were")?;
    ensure!(
        returned == total,
        "the client has counted {returned} results, and {total} were written"
    );
    let sink = told.sink.as_ref().context("the client has not said what was delivered")?;
    ensure!(sink.others.is_empty(), "of the results: {}", sink.others.join(", "));
    let delivered = sink.delivered;
    ensure!(delivered == total, "{delivered} results were delivered, and {total} were written");
    for (name, stream) in last {
        let written =
            results.streams.get(name).with_context(|| format!("{name} has no results"))?;
        let over = stream.of_ended_sessions().unwrap_or_default().returned;
        ensure!(
            begins_with(written, over),
            "{name} had {over} results in sessions that were over, which is no number of sessions in the file"
        );
        let last_told = told.last_session_of(name).map_or(0, |counts| counts.returned);
        let last_written = written.epochs.last().map_or(0, |epoch| epoch.results);
        ensure!(
            last_told == 0 || last_told == last_written,
            "{name}'s last session had {last_told} results, and {last_written} are in the file"
        );
    }
    Ok(format!("{total} results were counted, delivered and written"))
}

/// Whether so many results are those of the first sessions, and of no part of one.
fn begins_with(stream: &StreamResults, results: u64) -> bool {
    let mut sum = 0;
    let mut sums = stream.epochs.iter().map(|epoch| {
        sum += epoch.results;
        sum
    });
    results == 0 || sums.any(|sum| sum == results)
}

/// Each result of each session is there once, and behind the one before it.
pub(super) fn judge_order(results: &Results) -> Result<String> {
    ensure!(results.faults.is_empty(), "{}", results.faults.join("; "));
    let sessions: usize = results.streams.values().map(|stream| stream.epochs.len()).sum();
    Ok(format!("{} results of {sessions} sessions", results.total()))
}

#[cfg(test)]
mod tests {
    use std::path::PathBuf;

    use super::*;
    use crate::soak::state::StreamState;

    const LOG: &str = "a: 2 of 3 frames returned, 1.0 fps, 1 not returned by the server; complete\n\
                       a: 1 of 1 frames returned, 1.0 fps; closed by the caller\n\
                       streams: 1 stopped; 3 frames returned, 1 dropped\n\
                       sink results: 3 delivered, 0 waiting, 0 refused, 0 dropped, 0 lost\n";

    fn stream(sent: u64, returned: u64, not_returned: u64) -> StreamState {
        let totals = Counts { sent, returned, lost: [not_returned, 0, 0, 0], left_out: 0 };
        StreamState { state: "running".into(), sessions: 1, links: 1, totals, session: None }
    }

    fn state(stream: StreamState) -> State {
        [("a".to_owned(), stream)].into()
    }

    /// Two results of one session, and one of the next.
    fn results() -> Results {
        let mut results = Results::new(PathBuf::new());
        for (epoch, sequence) in [(5, 1), (5, 2), (6, 1)] {
            results.take_line(
                format!(
                    "{{\"stream\":\"a\",\"epoch\":{epoch},\"sequence\":{sequence},\"link\":1,\
                     \"frame_id\":{sequence},\"received_at\":\"1970-01-01T00:00:00Z\"}}\n"
                )
                .as_bytes(),
            );
        }
        results
    }

    #[test]
    fn a_frame_without_a_cause_fails() {
        let causes = |log, stream| judge_causes(&Told::read(log), [state(stream)].iter());
        assert!(causes(LOG, stream(3, 2, 1)).is_ok());
        assert!(causes(LOG, stream(3, 2, 0)).is_err());
        assert!(causes(&LOG.replace("2 of 3", "2 of 4"), stream(3, 2, 1)).is_err());
    }

    #[test]
    fn what_was_counted_and_is_not_in_the_file_fails() {
        let counts = |log: &str, returned| {
            let state = state(stream(returned, returned, 0));
            judge_counts(&Told::read(log), &results(), &state)
        };
        assert_eq!(counts(LOG, 2).unwrap(), "3 results were counted, delivered and written");
        assert!(counts(LOG, 1).is_err(), "the first session has two");
        assert!(counts(&LOG.replace("; 3 frames", "; 4 frames"), 2).is_err());
        assert!(counts(&LOG.replace("3 delivered", "2 delivered"), 2).is_err());
        assert!(counts(&LOG.replace("0 lost", "1 lost"), 2).is_err());
        assert!(counts(&LOG.replace("1 of 1", "2 of 2"), 2).is_err());
        assert!(counts("", 2).is_err());
    }
}
