use streamsdk::{FrameData, ReceivedFrame};
use streamsdk_fleet::SourceName;

use super::jsonl::JsonLines;
use super::report::RunReport;
#[cfg(feature = "save")]
use super::save::Saver;
use super::summary::SummaryFile;
use super::target::Targets;
#[cfg(feature = "save")]
use super::times::FrameTimes;
use crate::args::RunArguments;
use crate::failure::Failure;
use crate::terminal;

/// Where results are written.
pub(super) struct RunOutputs {
    jsonl: JsonLines,
    #[cfg(feature = "save")]
    saver: Saver,
    summary: SummaryFile,
    takes_stdout: bool,
}

impl RunOutputs {
    /// Opens all of them first of all, so that a wrong path is found before anything is sent, and none
    /// before it is known that nothing is written onto what is needed.
    pub(super) fn open(arguments: &RunArguments, source: &SourceName) -> Result<Self, Failure> {
        let targets = Targets::find(arguments, source)?;
        let takes_stdout = targets.take_stdout();
        Ok(Self {
            jsonl: JsonLines::open(targets.jsonl, arguments.read_markers)?,
            #[cfg(feature = "save")]
            saver: Saver::open(
                targets.save,
                &arguments.stream_output,
                FrameTimes::new(source.is_file()),
            )?,
            summary: SummaryFile::open(targets.summary)?,
            takes_stdout,
        })
    }

    /// There is a session.
    pub(super) fn begin(&mut self) -> Result<(), Failure> {
        self.jsonl.begin()
    }

    pub(super) async fn frame(&mut self, frame: ReceivedFrame) -> Result<(), Failure> {
        self.jsonl.write_frame(&frame)?;
        #[cfg(feature = "save")]
        self.saver.write(frame).await?;
        Ok(())
    }

    pub(super) fn data(&mut self, data: &FrameData) -> Result<(), Failure> {
        #[cfg(feature = "save")]
        self.saver.missed(data);
        self.jsonl.write(data)
    }

    /// Puts everything in place, as far as it got, and says what the run came to. The first failure is
    /// returned, and hinders nothing else.
    pub(super) async fn finish(self, report: &RunReport, quiet: bool) -> Result<(), Failure> {
        #[cfg(feature = "save")]
        let saved = { self.saver }.finish().await;
        #[cfg(not(feature = "save"))]
        let saved = Ok(());
        let told = match (quiet, self.takes_stdout) {
            (true, _) => Ok(()),
            (_, true) => {
                terminal::say(report.text());
                Ok(())
            }
            (_, false) => terminal::print(report.text()),
        };
        let written = self.summary.write(&report.json());
        saved.and(written).and(told)
    }
}
