//! What was found, as a page of the documentation.

use std::fmt::Write;

use super::bed::{ACK_WINDOW, RESULT_BYTES, SESSION_LIMIT};
use super::grid::{Cell, Grid, ONE_FRAME, PAIRS, Row, Runs, Times, What};

pub(super) fn report(grid: &Grid, runs: Runs) -> String {
    let mut page = introduction(runs);
    for what in [What::Upload, What::Results] {
        let rows: Vec<&Row> = grid.rows.iter().filter(|row| row.cell.what == what).collect();
        if !rows.is_empty() {
            page += &section(what, &rows);
        }
    }
    page + &sessions(&grid.sessions)
}

fn introduction(runs: Runs) -> String {
    let Runs { alike, mixed } = runs;
    format!(
        "# Paths that lose packets

Made by `cargo xtask loss --write`. Client and server are in a network namespace each, with a link between them on which
every packet takes half of the round trip, and some are lost, either way and of every kind: which, follows from a seed.
There is no queue and no limit of the rate. Every figure is the median of {alike} sessions with {alike} seeds, of {mixed} where aiortc
is at one end only, and beside it how many times the time between aiortc and aiortc that is. The four pairs were measured in
turns, and several such turns at once where a round trip is so long that sessions mostly wait: a machine that was busy with
something else was so for all of them.

A session is timed from its start to its last result: ours from the start of the program, aiortc's from when its modules
are imported. Every session's results are complete. One that takes longer than {} s has failed, and is told as such.

What shall be reached between our client and our worker: aiortc's time where up to 1 % are lost, and twice that where it is
more. Where aiortc is at one end, its sender or its receiver is what it is.
",
        SESSION_LIMIT.as_secs()
    )
}

fn section(what: What, rows: &[&Row]) -> String {
    let about = match what {
        What::Upload => {
            "## Uploads

A file goes up, of 2 MB, of 1 MB at 90 ms and of 500 kB at 250 ms, and five results come back.
"
            .to_owned()
        }
        _ => format!(
            "## Lossless results

A small file goes up, and 60 results of {RESULT_BYTES} bytes come back, {ACK_WINDOW} ahead of the last that was
acknowledged: at one for each round trip that would be 60 round trips.
"
        ),
    };
    let mut text = format!("\n{about}\n| round trip | loss |");
    for pair in &PAIRS {
        let _ = write!(text, " {} → {} |", pair.client.name(), pair.server.name());
    }
    text += " reached |\n|---|---|---|---|---|---|---|\n";
    rows.iter().for_each(|row| text += &line(row));
    text
}

fn line(row: &Row) -> String {
    let Cell { round_trip, loss, .. } = row.cell;
    let mut text = format!("| {round_trip} ms | {loss} % |");
    for (pair, times) in row.times.iter().enumerate() {
        let _ = match times.seconds.median() {
            None if times.failures.is_empty() => write!(text, " |"),
            None => write!(text, " all failed |"),
            Some(seconds) => {
                let ratio = row.ratio(pair).filter(|_| pair > 0);
                let ratio = ratio.map(|ratio| format!(" ({ratio:.2})")).unwrap_or_default();
                write!(text, " {seconds:.2} s{ratio}{} |", failed(times))
            }
        };
    }
    let reached = match row.ratio(1) {
        None => "",
        Some(ratio) if ratio <= row.cell.bar() => "yes",
        Some(_) => "no",
    };
    text + &format!(" {reached} |\n")
}

fn failed(times: &Times) -> String {
    match times.failures.len() {
        0 => String::new(),
        count => format!(", {count} failed"),
    }
}

fn sessions(sessions: &Times) -> String {
    let Cell { round_trip, loss, .. } = ONE_FRAME;
    let failures = sessions.failures.len();
    let count = sessions.seconds.count() + failures;
    let figure = |seconds: Option<f64>| seconds.map_or("-".to_owned(), |s| format!("{s:.2} s"));
    format!(
        "
## Short sessions

Of {count} sessions of one frame, between our client and our worker, at {loss} % and a round trip of {round_trip} ms,
{} succeeded. They took {} in the median, and the longest {}.
",
        count - failures,
        figure(sessions.seconds.median()),
        figure(sessions.seconds.largest()),
    )
}
