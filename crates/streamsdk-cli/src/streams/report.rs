//! What happens in many streams, told to people: a table on a terminal, lines elsewhere.

use std::fmt::Display;
use std::io::IsTerminal;
use std::time::Duration;

use indicatif::{MultiProgress, ProgressBar, ProgressDrawTarget, ProgressStyle};
use streamsdk::Event;
use streamsdk_fleet::{
    FleetEnd, FleetObserver, StreamEvent, StreamEvents, StreamNews, StreamStatus,
};
use tokio::sync::Notify;
use tokio::time::{Instant, MissedTickBehavior, interval};

use crate::args::VoiceArguments;
use crate::failure::Failure;
use crate::terminal;

const TABLE_INTERVAL: Duration = Duration::from_secs(1);
const LINE_INTERVAL: Duration = Duration::from_secs(30);
/// Streams in the table; the others are a number.
const MAX_ROWS: usize = 20;

pub(super) struct StreamsReport {
    observer: FleetObserver,
    is_quiet: bool,
    is_colored: bool,
    table: Option<Table>,
    over: Notify,
}

impl StreamsReport {
    pub(super) fn new(observer: FleetObserver, voice: &VoiceArguments) -> Self {
        let has_table = !voice.quiet && std::io::stderr().is_terminal();
        Self {
            observer,
            is_quiet: voice.quiet,
            is_colored: terminal::colors_stderr(voice.color),
            table: has_table.then(Table::new),
            over: Notify::new(),
        }
    }

    /// Takes what happens, for as long as something can.
    pub(super) async fn follow(self: std::sync::Arc<Self>, mut events: StreamEvents) {
        let mut ticks = interval(TABLE_INTERVAL);
        ticks.set_missed_tick_behavior(MissedTickBehavior::Delay);
        let mut last_line = Instant::now();
        loop {
            tokio::select! {
                event = events.next() => match event {
                    Some(event) => self.happened(&event),
                    None => return,
                },
                _ = ticks.tick() => match &self.table {
                    Some(table) => table.show(&self.observer.streams()),
                    None if last_line.elapsed() >= LINE_INTERVAL => {
                        last_line = Instant::now();
                        self.tell(&overview(&self.observer.streams()));
                    }
                    None => {}
                },
            }
        }
    }

    /// Returns when another stream is over.
    pub(super) async fn stream_over(&self) {
        self.over.notified().await;
    }

    /// Says something about all of them.
    pub(super) fn tell(&self, what: &dyn Display) {
        if !self.is_quiet {
            self.say(what);
        }
    }

    pub(super) fn tell_failure(&self, failure: &Failure) {
        failure.text(self.is_colored).iter().for_each(|text| self.say(text));
    }

    pub(super) fn finish(&self, end: &FleetEnd) {
        if let Some(table) = &self.table {
            table.clear();
        }
        self.tell(&overview(&end.streams));
        for (name, ended) in &end.sinks {
            let counters = &ended.counters;
            self.tell(&format_args!(
                "sink {name}: {} delivered, {} waiting, {} refused, {} dropped, {} lost",
                counters.delivered,
                counters.waiting.saturating_sub(ended.lost),
                counters.refused,
                counters.dropped,
                ended.lost
            ));
        }
    }

    fn happened(&self, event: &StreamEvent) {
        match NewsLine::of(event) {
            Some(line) if line.is_failure => self.say(&line.text),
            Some(line) => self.tell(&line.text),
            None => {}
        }
        if let StreamNews::Over(_) = event.news {
            self.over.notify_one();
        }
    }

    fn say(&self, what: &dyn Display) {
        match &self.table {
            Some(table) => table.bars.suspend(|| terminal::say(what)),
            None => terminal::say(what),
        }
    }
}

/// What people are told of something that happened in a stream.
pub(crate) struct NewsLine {
    pub(crate) text: String,
    pub(crate) is_failure: bool,
}

impl NewsLine {
    /// `None` where people are told nothing.
    pub(crate) fn of(event: &StreamEvent) -> Option<Self> {
        let what = match &event.news {
            StreamNews::Started => "started".to_owned(),
            StreamNews::Session(Event::Reconnecting(news)) => news.to_string(),
            StreamNews::Session(Event::Reconnected(news)) => news.to_string(),
            StreamNews::Ended(summary) => summary.to_string(),
            StreamNews::Failed(error) => crate::failure::with_causes(error),
            StreamNews::Restarting(wait) => format!("begins again in {:.1} s", wait.as_secs_f64()),
            _ => return None,
        };
        let is_failure = matches!(event.news, StreamNews::Failed(_));
        Some(Self { text: format!("{}: {what}", event.stream), is_failure })
    }
}

/// All streams in a line.
fn overview(streams: &[StreamStatus]) -> String {
    let mut states: Vec<(&str, usize)> = Vec::new();
    for state in streams.iter().map(|stream| stream.state.as_str()) {
        match states.iter_mut().find(|(known, _)| *known == state) {
            Some((_, count)) => *count += 1,
            None => states.push((state, 1)),
        }
    }
    let states: Vec<String> =
        states.into_iter().map(|(state, count)| format!("{count} {state}")).collect();
    let returned: u64 = streams.iter().map(|stream| stream.totals.frames_returned).sum();
    let dropped: u64 = streams.iter().map(|stream| stream.totals.dropped.total()).sum();
    let states = if states.is_empty() { "none".to_owned() } else { states.join(", ") };
    format!("streams: {states}; {returned} frames returned, {dropped} dropped")
}

/// A row for each stream, drawn anew each second.
struct Table {
    bars: MultiProgress,
    rows: std::sync::Mutex<Vec<ProgressBar>>,
}

impl Table {
    fn new() -> Self {
        let bars = MultiProgress::with_draw_target(ProgressDrawTarget::stderr());
        Self { bars, rows: std::sync::Mutex::default() }
    }

    fn show(&self, streams: &[StreamStatus]) {
        let mut lines: Vec<String> = streams.iter().take(MAX_ROWS).map(row).collect();
        if let Some(more) = streams.len().checked_sub(MAX_ROWS).filter(|more| *more > 0) {
            lines.push(format!("and {more} more"));
        }
        let mut rows = self.rows.lock().unwrap_or_else(std::sync::PoisonError::into_inner);
        while rows.len() < lines.len() {
            let row = ProgressBar::no_length().with_style(text_only());
            rows.push(self.bars.add(row));
        }
        for extra in rows.drain(lines.len()..) {
            extra.finish_and_clear();
        }
        rows.iter().zip(lines).for_each(|(row, line)| row.set_message(line));
    }

    fn clear(&self) {
        // There is nothing to be done if the terminal has gone.
        let _ = self.bars.clear();
    }
}

fn text_only() -> ProgressStyle {
    ProgressStyle::with_template("{msg}").unwrap_or_else(|_| ProgressStyle::default_spinner())
}

fn row(stream: &StreamStatus) -> String {
    let StreamStatus { name, state, session, totals, .. } = stream;
    let fps = session.as_ref().map_or(0.0, streamsdk::Summary::fps);
    let (returned, dropped) = (totals.frames_returned, totals.dropped.total());
    format!("{name:24} {state:13} {fps:6.1} fps {returned:9} returned {dropped:7} dropped")
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn no_streams_are_no_streams() {
        assert_eq!(overview(&[]), "streams: none; 0 frames returned, 0 dropped");
    }
}
