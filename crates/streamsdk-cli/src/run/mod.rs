//! `streamsdk run`: one session, from the command line to the summary.

#[cfg(feature = "url")]
mod download;
mod jsonl;
pub(crate) mod options;
mod outputs;
mod report;
#[cfg(feature = "save")]
mod save;
pub(crate) mod setup;
mod summary;
pub(crate) mod target;
#[cfg(feature = "save")]
mod times;
#[cfg(feature = "view")]
mod view;

use std::process::ExitCode;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::time::Duration;

use streamsdk::{Control, Event, Session};
use streamsdk_fleet::SourceName;
use tokio::task::JoinHandle;
use tokio::time::{Instant, MissedTickBehavior, interval_at};

use self::outputs::RunOutputs;
use self::report::{LINE_INTERVAL, ProgressBars, RunReport};
use self::setup::RunServer;
#[cfg(feature = "view")]
use self::view::RunView;
use crate::args::{RunArguments, Sources, VoiceArguments};
use crate::failure::{Failure, INCOMPLETE, INTERRUPTED};
use crate::signals::Signals;
use crate::terminal;

pub(crate) async fn run(
    arguments: RunArguments,
    voice: &VoiceArguments,
) -> Result<ExitCode, Failure> {
    #[cfg(feature = "fleet")]
    if let Some(path) = &arguments.config {
        return crate::streams::run(path, &arguments, voice).await;
    }
    let source = match arguments.sources()? {
        Sources::One(source) => source,
        #[cfg(feature = "fleet")]
        Sources::Many(sources) => {
            return crate::streams::run_many(sources, &arguments, voice).await;
        }
        #[cfg(not(feature = "fleet"))]
        Sources::Many(_) => return Err(Failure::Usage("one source at a time".to_owned())),
    };
    if let Some(ambiguity) = source.ambiguity() {
        terminal::say(format_args!("note: {ambiguity}"));
    }
    let outputs = RunOutputs::open(&arguments, &source)?;
    let mut signals = Signals::listen()?;
    #[cfg(feature = "view")]
    let view = RunView::open(&arguments).await?;
    let server = RunServer::find(&arguments).await?;
    let ended = tokio::select! {
        session = setup::start(&arguments, &source, &server, voice) => match session {
            Ok(session) => {
                #[cfg(feature = "view")]
                view.show(&source, &session);
                follow(session, &arguments, &source, outputs, signals, voice).await
            }
            Err(failure) => Err(failure),
        },
        () = signals.next() => Ok(ExitCode::from(INTERRUPTED)),
    };
    #[cfg(feature = "view")]
    view.close().await;
    server.stop().await;
    ended
}

/// Takes a session to its end, and writes down what it came to.
async fn follow(
    mut session: Session,
    arguments: &RunArguments,
    source: &SourceName,
    mut outputs: RunOutputs,
    signals: Signals,
    voice: &VoiceArguments,
) -> Result<ExitCode, Failure> {
    let limit = arguments
        .duration
        .and_then(|duration| source.closed_after(duration, arguments.every_frame));
    let time_is_up = limit.map(|limit| end_after(session.control(), limit));
    let told = close_when_told(session.control(), signals);
    let progress = ProgressBars::new(session.control(), voice.quiet);
    let streamed = stream(&mut session, &mut outputs, progress).await;
    time_is_up.into_iter().for_each(|task| task.abort());
    let interrupted = told.load(Ordering::Acquire);
    let statistics = session.control().statistics();
    let summary = session.close().await;
    let is_complete = summary.is_complete();
    let report = RunReport::new(summary, statistics.video);
    let finished = outputs.finish(&report, voice.quiet).await;

    match (streamed, interrupted) {
        (Err(failure), _) => {
            tell_second(finished, voice);
            Err(failure)
        }
        (Ok(()), true) => {
            tell_second(finished, voice);
            Ok(ExitCode::from(INTERRUPTED))
        }
        (Ok(()), false) => finished.map(|()| match is_complete {
            true => ExitCode::SUCCESS,
            false => ExitCode::from(INCOMPLETE),
        }),
    }
}

/// Prints a failure that is not the one that the program ends with.
fn tell_second(finished: Result<(), Failure>, voice: &VoiceArguments) {
    if let Err(failure) = finished {
        terminal::report(&failure, terminal::colors_stderr(voice.color));
    }
}

fn end_after(control: Control, limit: Duration) -> JoinHandle<()> {
    tokio::spawn(async move {
        tokio::time::sleep(limit).await;
        control.close();
    })
}

/// Says whether the program was told to end.
fn close_when_told(control: Control, mut signals: Signals) -> Arc<AtomicBool> {
    let told = Arc::new(AtomicBool::new(false));
    let tell = Arc::clone(&told);
    tokio::spawn(async move {
        signals.next().await;
        // Before the session ends, so that its end is known to come of this.
        tell.store(true, Ordering::Release);
        control.close();
        signals.end_at_once_from_now_on();
    });
    told
}

async fn stream(
    session: &mut Session,
    outputs: &mut RunOutputs,
    mut progress: ProgressBars,
) -> Result<(), Failure> {
    outputs.begin()?;
    let mut ticks = interval_at(Instant::now() + LINE_INTERVAL, LINE_INTERVAL);
    ticks.set_missed_tick_behavior(MissedTickBehavior::Delay);
    loop {
        let event = tokio::select! {
            event = session.next() => event,
            _ = ticks.tick() => {
                progress.published();
                continue;
            }
        };
        let Some(event) = event else { return Ok(()) };
        match event? {
            Event::Upload(upload) => progress.uploaded(upload),
            Event::Frame(frame) => {
                outputs.frame(frame).await?;
                progress.received();
            }
            Event::Data(data) => {
                outputs.data(&data)?;
                progress.received();
            }
            Event::Reconnecting(news) => progress.tell(&news),
            Event::Reconnected(news) => progress.tell(&news),
            _ => {}
        }
    }
}
