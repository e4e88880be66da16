//! `streamsdk run`: one session, from the command line to the summary.

mod jsonl;
mod report;
#[cfg(feature = "save")]
mod save;
mod setup;
#[cfg(feature = "save")]
mod times;

use std::process::ExitCode;
use std::time::Duration;

use streamsdk::{Control, Event, Session};
use tokio::task::JoinHandle;

use self::jsonl::JsonLines;
use self::report::{Progress, Report};
#[cfg(feature = "save")]
use self::{save::Saver, times::FrameTimes};
use crate::args::RunArguments;
use crate::failure::{Failure, INTERRUPTED};
#[cfg(feature = "save")]
use crate::source::Source;

pub(crate) async fn run(arguments: RunArguments) -> Result<ExitCode, Failure> {
    let summary_json = arguments.summary_json.clone();
    let mut sinks = Sinks::open(&arguments)?;
    let server = setup::Server::find(&arguments).await?;
    let mut session = setup::start(&arguments, &server).await?;

    let limit = arguments.duration.map(|duration| duration + arguments.source.grace());
    let time_is_up = limit.map(|limit| end_after(session.control(), limit));
    let interrupt = tokio::spawn({
        let control = session.control();
        async move {
            let interrupted = tokio::signal::ctrl_c().await.is_ok();
            control.close();
            interrupted
        }
    });
    let streamed = stream(&mut session, &mut sinks).await;
    time_is_up.into_iter().for_each(|task| task.abort());
    let interrupted = interrupt.is_finished() && interrupt.await.unwrap_or(false);
    let statistics = session.control().statistics();
    let summary = session.close().await;
    let finished = sinks.finish().await;
    server.stop().await;

    let report = Report::new(summary, statistics.video);
    report.print();
    if let Some(path) = summary_json {
        report.write(&path)?;
    }
    streamed?;
    finished?;
    Ok(if interrupted { ExitCode::from(INTERRUPTED) } else { ExitCode::SUCCESS })
}

fn end_after(control: Control, limit: Duration) -> JoinHandle<()> {
    tokio::spawn(async move {
        tokio::time::sleep(limit).await;
        control.close();
    })
}

async fn stream(session: &mut Session, sinks: &mut Sinks) -> Result<(), Failure> {
    let mut progress = Progress::new(session.control());
    while let Some(event) = session.next().await {
        match event? {
            Event::Upload(upload) => progress.uploaded(upload),
            Event::Frame(frame) => {
                sinks.jsonl.write_frame(&frame)?;
                #[cfg(feature = "save")]
                sinks.saver.write(frame).await?;
                progress.received();
            }
            Event::Data(data) => {
                sinks.jsonl.write(&data)?;
                progress.received();
            }
            _ => {}
        }
    }
    Ok(())
}

/// Where results are written.
struct Sinks {
    jsonl: JsonLines,
    #[cfg(feature = "save")]
    saver: Saver,
}

impl Sinks {
    /// Opens the files first of all, so that a wrong path is found before anything is sent.
    fn open(arguments: &RunArguments) -> Result<Self, Failure> {
        Ok(Self {
            jsonl: JsonLines::open(arguments.jsonl.as_deref(), arguments.read_markers)?,
            #[cfg(feature = "save")]
            saver: Saver::new(
                arguments.save.clone(),
                &arguments.stream_output,
                FrameTimes::new(matches!(arguments.source, Source::File(_))),
            )?,
        })
    }

    async fn finish(mut self) -> Result<(), Failure> {
        self.jsonl.finish()?;
        #[cfg(feature = "save")]
        self.saver.finish().await?;
        Ok(())
    }
}
