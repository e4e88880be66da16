use std::fs::File;
use std::path::{Path, PathBuf};
use std::time::Instant;

use streamsdk::mp4::{Mp4Writer, drop_cut_index};
use streamsdk::{FrameData, ReceivedFrame, TimeBase, Timestamp};
use tokio::sync::mpsc;
use tokio::task::JoinHandle;

use super::target::{Destination, OutputTarget, Part, Remains, Reserved};
use super::times::FrameTimes;
use crate::failure::Failure;
use crate::terminal;

/// Frames that wait to be written; the session is held back beyond that.
const MAX_QUEUED_FRAMES: usize = 4;

/// Writes frames to a video file on a thread of its own; or does nothing, when no file was asked for.
pub(super) struct Saver {
    writing: Option<Writing>,
    without_image: WithoutImage,
}

struct Writing {
    frames: mpsc::Sender<(ReceivedFrame, Instant)>,
    done: JoinHandle<SaveOutcome>,
    name: PathBuf,
    /// What the recording is written to until it is done; `None` for what is no file.
    part: Option<Part>,
    /// A pipe that is closed once has ended for its reader.
    _held: Option<File>,
}

/// How far the thread that writes got.
struct SaveOutcome {
    frames: u64,
    /// Frames whose picture could not be had, and why not the first of them.
    unusable: Option<(u64, String)>,
    /// What ended it early.
    broken: Option<String>,
}

/// What came instead of an image, for whoever wonders why there is no recording.
#[derive(Default)]
struct WithoutImage {
    wanted: String,
    results: u64,
    lists: u64,
}

impl Saver {
    pub(super) fn open(
        target: Option<OutputTarget>,
        stream_output: &[String],
        times: FrameTimes,
    ) -> Result<Self, Failure> {
        let wanted = stream_output.first().cloned().unwrap_or_default();
        let without_image = WithoutImage { wanted, ..WithoutImage::default() };
        let writing = target.map(|target| Writing::start(target, times)).transpose()?;
        Ok(Self { writing, without_image })
    }

    pub(super) async fn write(&mut self, frame: ReceivedFrame) -> Result<(), Failure> {
        // Images of a list are no video, unless one of them was asked for by its index.
        if frame.is_of_list() && frame.image_name() != self.without_image.wanted {
            self.missed(&frame);
            return Ok(());
        }
        match &self.writing {
            // A writer that is gone has failed, and `finish` knows why.
            Some(writing) if writing.frames.send((frame, Instant::now())).await.is_err() => {
                self.finish().await
            }
            _ => Ok(()),
        }
    }

    /// Takes note of a result that has no image.
    pub(super) fn missed(&mut self, data: &FrameData) {
        self.without_image.note(data);
    }

    /// Puts the recording in place.
    pub(super) async fn finish(&mut self) -> Result<(), Failure> {
        let Some(writing) = self.writing.take() else { return Ok(()) };
        writing.finish(&self.without_image).await
    }
}

impl Writing {
    fn start(target: OutputTarget, times: FrameTimes) -> Result<Self, Failure> {
        let (part, held) = match target.destination() {
            Destination::File(path) => (Some(reserve(&target, path)?), None),
            Destination::Stdout | Destination::Stream(_) => (None, target.open_as_it_comes()?),
        };
        let name = target.name().to_owned();
        let path = part.as_ref().map_or(name.as_path(), Part::path).to_owned();
        let (frames, waiting) = mpsc::channel(MAX_QUEUED_FRAMES);
        let done = tokio::task::spawn_blocking(move || write_all(path, times, waiting));
        Ok(Self { frames, done, name, part, _held: held })
    }

    async fn finish(self, without_image: &WithoutImage) -> Result<(), Failure> {
        let Self { frames, done, name, part, _held } = self;
        drop(frames);
        let written = done.await.map_err(|error| Failure::Internal(error.to_string()))?;
        let name = name.display();
        if let Some(reason) = written.broken {
            // Best effort: it may be a disk that takes nothing at all.
            let _ = part.as_ref().map(|part| drop_cut_index(part.path()));
            return Err(Failure::Output(format!(
                "saving {name} failed after {} frames: {reason}{}",
                written.frames,
                whereabouts(part.as_ref())
            )));
        }
        if written.frames == 0 {
            let why = written.unusable.map_or_else(|| without_image.reason(), |(_, reason)| reason);
            return Err(Failure::Output(format!("nothing was saved to {name}: {why}")));
        }
        if let Some(part) = part {
            let whereabouts = whereabouts(Some(&part));
            part.commit().map_err(|error| {
                Failure::Output(format!("{name} could not be put in place: {error}{whereabouts}"))
            })?;
        }
        match written.unusable {
            Some((count, reason)) => Err(Failure::Output(format!(
                "{count} frames are missing in {name}, the first because {reason}"
            ))),
            None => Ok(()),
        }
    }
}

/// Makes the file for the recording, and says which were left by runs that were killed.
fn reserve(target: &OutputTarget, path: &Path) -> Result<Part, Failure> {
    let Reserved { part, found } = target.reserve(path, Remains::Kept)?;
    for left in found {
        let left = left.display();
        terminal::say(format_args!(
            "note: {left} is a recording of a run that did not end; it is left as it is"
        ));
    }
    Ok(part)
}

fn whereabouts(part: Option<&Part>) -> String {
    match part {
        Some(part) if std::fs::metadata(part.path()).is_ok_and(|it| it.len() > 0) => {
            format!("; what was saved until then is in {}", part.path().display())
        }
        _ => String::new(),
    }
}

fn write_all(
    path: PathBuf,
    mut times: FrameTimes,
    mut frames: mpsc::Receiver<(ReceivedFrame, Instant)>,
) -> SaveOutcome {
    let mut written = SaveOutcome { frames: 0, unusable: None, broken: None };
    let mut writer = None;
    while let Some((received, at)) = frames.blocking_recv() {
        let time = times.of(&received, at);
        if let Err(reason) = write_one(&path, &mut writer, (&received, time), &mut written) {
            written.broken = Some(reason);
            return written;
        }
    }
    let finished = writer.map_or(Ok(()), Mp4Writer::finish);
    written.broken = finished.err().map(|error| error.to_string());
    written
}

fn write_one(
    path: &Path,
    writer: &mut Option<Mp4Writer>,
    (received, time): (&ReceivedFrame, Timestamp),
    written: &mut SaveOutcome,
) -> Result<(), String> {
    let image = match received.image() {
        Ok(image) => image.at(time),
        Err(error) => {
            let (count, _) = written.unusable.get_or_insert_with(|| (0, error.to_string()));
            *count += 1;
            return Ok(());
        }
    };
    let writer = match writer {
        Some(writer) => writer,
        None => {
            let (width, height) = (image.width(), image.height());
            let created = Mp4Writer::create_fragmented(path, width, height, TimeBase::RTP_VIDEO);
            writer.insert(created.map_err(|error| error.to_string())?)
        }
    };
    writer.write(&image).map_err(|error| error.to_string())?;
    written.frames += 1;
    Ok(())
}

impl WithoutImage {
    fn note(&mut self, data: &FrameData) {
        self.results += 1;
        let output = data.outputs().and_then(|outputs| outputs.get(&self.wanted));
        if output.is_some_and(|output| output.json().trim_start().starts_with('[')) {
            self.lists += 1;
        }
    }

    fn reason(&self) -> String {
        let Self { wanted, results, lists } = self;
        match (results, lists) {
            (0, _) => "no frame came back".to_owned(),
            (_, 0) => format!("none of {results} results had an image as \"{wanted}\""),
            _ => format!(
                "\"{wanted}\" is a list of images, which is no video; for one of them ask for \"{wanted}[0]\""
            ),
        }
    }
}
